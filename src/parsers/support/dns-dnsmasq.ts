import type { DnsEvent } from './dns-event.ts'

const CODES: Readonly<Record<string, string>> = {
  NXDOMAIN: 'NXDOMAIN',
  NODATA: 'NOERROR',
  'NODATA-IPv4': 'NOERROR',
  'NODATA-IPv6': 'NOERROR',
  SERVFAIL: 'SERVFAIL',
  REFUSED: 'REFUSED',
}

/** `[dnsmasq: ][SERIAL CLIENT/PORT ]VERB NAME from|is|to VALUE`. Names hold no blanks: a client's odd bytes come as `\ooo`. */
export function readDnsmasq(text: string): DnsEvent | undefined {
  const words = text.split(' ', 9)
  let at = 0
  if (words[0] === 'dnsmasq:' || /^dnsmasq\[\d{1,9}\]:$/.test(words[0]!)) at++
  const extra =
    /^\d{1,10}$/.test(words[at] ?? '') &&
    words[at + 1]?.includes('/') === true &&
    !words[at + 1]!.startsWith('/')
  const [client, port] = extra ? words[at + 1]!.split('/', 2) : []
  const serial = extra ? words[at] : undefined
  if (extra) at += 2
  const [verb, name, joint, value] = words.slice(at, at + 4)
  if (verb === undefined || name === undefined || joint === undefined || value === undefined) return undefined
  const clientPort = port !== undefined && /^\d{1,5}$/.test(port) ? Number(port) : undefined
  const common = { product: 'dnsmasq', name, id: serial, client, clientPort }
  const query = /^(?:query|auth)\[([A-Za-z0-9=-]{1,16})\]$/.exec(verb)
  if (query !== null && joint === 'from')
    return { ...common, action: 'dns-query', type: query[1], client: value }
  if (verb === 'forwarded' && joint === 'to')
    return { ...common, action: 'dns-forwarded', server: value.split('#', 1)[0] }
  if (joint !== 'is' || !isAnswer(verb)) return undefined
  const code = Object.hasOwn(CODES, value) ? CODES[value] : 'NOERROR'
  return { ...common, action: 'dns-answer', code, answer: Object.hasOwn(CODES, value) ? undefined : value }
}

/** A source of answers: upstream, cache, configuration, a file. */
function isAnswer(verb: string): boolean {
  return (
    verb === 'reply' ||
    verb === 'cached' ||
    verb === 'config' ||
    verb === 'DHCP' ||
    verb === 'validation' ||
    verb === 'cached-stale' ||
    verb.startsWith('/')
  )
}
