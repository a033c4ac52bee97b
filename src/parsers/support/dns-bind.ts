import type { FormatContext } from '../../ports/format.ts'
import type { DnsEvent } from './dns-event.ts'
import { readIso } from './time.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `[TIME ][CATEGORY: ][SEVERITY: ]client [@0x… ]ADDRESS#PORT[/key …] (NAME): [view NAME: ]query: NAME CLASS TYPE FLAGS (SERVER)` */
export function readBind(text: string, context: FormatContext): DnsEvent | undefined {
  const at = text.indexOf('client ')
  if (at < 0 || at > 96) return undefined
  const stamp = readStamp(text, context)
  if (at > 0 && stamp === undefined && !/^(?:[a-z-]{1,24}: ){0,2}$/.test(text.slice(0, at))) return undefined
  const client = /^client (?:@0x[0-9a-f]{1,16} )?([0-9a-fA-F.:]{2,45})(?:%\d{1,9})?#(\d{1,5})/.exec(
    text.slice(at, at + 128),
  )
  if (client === null) return undefined
  const rest = text.slice(at + client[0].length)
  const common = { product: 'bind', ns: stamp, client: client[1], clientPort: Number(client[2]) }
  return readQuery(rest, common) ?? readDenied(rest, common) ?? readRewrite(rest, common)
}

type Common = Pick<DnsEvent, 'product' | 'ns' | 'client' | 'clientPort'>

function readQuery(rest: string, common: Common): DnsEvent | undefined {
  const at = rest.indexOf(': query: ')
  if (at < 0) return undefined
  const [name, rrClass, type, flags, server] = rest.slice(at + 9).split(' ', 5)
  if (name === undefined || rrClass === undefined || type === undefined) return undefined
  return {
    ...common,
    action: 'dns-query',
    name,
    class: rrClass,
    type,
    transport: flags?.includes('T') === true ? 'tcp' : 'udp',
    server: server?.replace(/^\(/, '').replace(/\)$/, ''),
  }
}

/** `query (cache) 'NAME/TYPE/CLASS' denied[ (allow-query-cache did not match)]`, `update 'ZONE/IN' denied`, `zone transfer 'ZONE/AXFR/IN' denied` */
function readDenied(rest: string, common: Common): DnsEvent | undefined {
  const match =
    /: (query|update|zone transfer|notify)(?: \(cache\))? '([^']{1,1024})' denied(.{0,256})$/.exec(rest)
  if (match === null) return undefined
  const parts = match[2]!.split('/')
  const rrClass = parts.length > 1 ? parts.pop() : undefined
  const type = parts.length > 1 ? parts.pop() : undefined
  return {
    ...common,
    action: 'dns-denied',
    name: parts.join('/'),
    type,
    class: rrClass,
    code: 'REFUSED',
    reason: `${match[1]} denied${match[3]}`,
  }
}

/** `rpz QNAME NXDOMAIN rewrite NAME/TYPE/CLASS via POLICY` */
function readRewrite(rest: string, common: Common): DnsEvent | undefined {
  const match =
    /: (?:view \S{1,64}: )?(?:disabled )?rpz (\S{1,32}) (\S{1,32}) rewrite (\S{1,1024})(?: via (\S{1,1024}))?/.exec(
      rest,
    )
  if (match === null) return undefined
  const [name, type, rrClass] = match[3]!.split('/')
  return {
    ...common,
    action: 'dns-denied',
    name: name!,
    type,
    class: rrClass,
    reason: `rpz ${match[1]} ${match[2]}${match[4] === undefined ? '' : ` via ${match[4]}`}`,
  }
}

/** `24-Nov-2026 08:00:00.123 `, or with `print-time iso8601`. */
function readStamp(text: string, context: FormatContext): bigint | undefined {
  const match = /^(\d{2})-([A-Z][a-z]{2})-(\d{4}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?) /.exec(text)
  if (match === null) return readIso(text, 0, context.utcOffsetMinutes)?.ns
  const month = String(MONTHS.indexOf(match[2]!) + 1).padStart(2, '0')
  return readIso(`${match[3]}-${month}-${match[1]}T${match[4]}`, 0, context.utcOffsetMinutes)?.ns
}
