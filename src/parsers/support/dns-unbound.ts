import type { FormatContext } from '../../ports/format.ts'
import type { DnsEvent } from './dns-event.ts'
import { readIso } from './time.ts'

const HEAD =
  /^(?:(?:\[(\d{10})\]|(\d{4}-\d{2}-\d{2}T\S{8,32})) )?(?:unbound\[\d{1,9}:[0-9a-f]{1,4}\] )?(?:\[\d{1,9}:[0-9a-f]{1,4}\] )?(?:info|query|reply): /

/** `ADDRESS NAME TYPE CLASS[ RCODE SECONDS CACHED BYTES]`; since 1.18 with `log-tag-queryreply`, and since 1.20 the upstream at the end. */
export function readUnbound(text: string, context: FormatContext): DnsEvent | undefined {
  const head = HEAD.exec(text)
  if (head === null) return undefined
  const words = text.slice(head[0].length).split(' ', 12)
  const [client, name, type, rrClass] = words
  if (
    client === undefined ||
    name === undefined ||
    rrClass === undefined ||
    !/^[0-9a-fA-F.:]{2,45}(?:@\d{1,5})?$/.test(client)
  )
    return undefined
  if (!/^[A-Z][A-Z0-9]{0,15}$/.test(type!) || !/^(?:IN|CH|HS|ANY|NONE|CLASS\d{1,5})$/.test(rrClass))
    return undefined
  const ns = stampOf(head[1], head[2], context)
  const [address, port] = client.split('@', 2)
  const common = {
    product: 'unbound',
    ns,
    name,
    type,
    class: rrClass,
    client: address,
    clientPort: port === undefined ? undefined : Number(port),
  }
  const code = words[4]
  if (code === undefined || !/^[A-Z]{3,16}$/.test(code)) return { ...common, action: 'dns-query' }
  const seconds = Number(words[5])
  const bytes = Number(words[7])
  return {
    ...common,
    action: code === 'REFUSED' ? 'dns-denied' : 'dns-answer',
    code,
    durationNs: seconds >= 0 && seconds < 1e6 ? Math.round(seconds * 1e9) : undefined,
    bytes: Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined,
  }
}

function stampOf(
  seconds: string | undefined,
  text: string | undefined,
  context: FormatContext,
): bigint | undefined {
  if (seconds !== undefined) return BigInt(seconds) * 1_000_000_000n
  return text === undefined ? undefined : readIso(text, 0, context.utcOffsetMinutes)?.ns
}
