import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { child, note, relate } from './support/document.ts'
import { ipOf } from './support/endpoint.ts'
import { goDurationNs } from './support/klog-known.ts'
import { quotedEnd } from './support/quoted.ts'
import { readIso } from './support/time.ts'
import { hostPort, isWord } from './support/web-access.ts'

/**
 * What CoreDNS prints (plugin/pkg/log, plugin/log with `common` or `combined`, plugin/errors):
 *
 *     [INFO] 10.0.0.1:50 - 123 "A IN example.org. udp 40 false 512" NOERROR qr,aa,rd 106 0.0001s["0"]
 *     [ERROR] plugin/errors: 2 example.org. A: read udp 10.0.0.2:39548->10.0.0.1:53: i/o timeout
 *     [INFO] plugin/reload: Running configuration SHA512 = …
 *
 * Versions before 1.5 put a time stamp in front.
 */
export const coredns: FormatDefinition = {
  name: 'coredns',
  version: 1,
  kind: 'payload',
  title: 'CoreDNS: queries and errors',
  definedBy: 'CoreDNS: plugin/log (common, combined), plugin/errors, plugin/pkg/log',
  dataset: 'coredns.log',
  example:
    '[INFO] 10.244.1.7:42114 - 64820 "A IN exfil.evil.example. udp 57 false 1232" NXDOMAIN qr,rd,ra 113 0.000150566s',
  remarks: [
    'The message stays as it is. A line has no time of its own, but that of what it came in (older versions: the time stamp in front).',
    '`event.duration` is a whole number of nanoseconds. `dns.header_flags` has `DO` beside the others where the client asked for DNSSEC; Elastic’s integration removes them all then. `dns.question.registered_domain` is not filled: it needs the public suffix list.',
    'The question of a PTR query is an address: it is in `related.ip` when it can be read as one; Elastic’s integration puts the name there as it is.',
    'Lines that do not begin with a level are not of this format: Elastic’s integration drops them, here they stay text.',
  ],
  parse,
}

const LEVELS: ReadonlyMap<string, string> = new Map(
  ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'FATAL'].map((level) => [level, level.toLowerCase()]),
)

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const stamp = text.charCodeAt(0) === 91 ? undefined : readIso(text, 0, context.utcOffsetMinutes)
  if (stamp !== undefined && text.charCodeAt(stamp.end) !== 32) return false
  const open = stamp === undefined ? 0 : stamp.end + 1
  if (text.charCodeAt(open) !== 91) return false
  const close = text.indexOf('] ', open)
  const level = close < 0 || close - open > 10 ? undefined : LEVELS.get(text.slice(open + 1, close))
  if (level === undefined) return false
  if (stamp !== undefined) {
    draft.timeNs = stamp.ns
    if (stamp.ns === undefined) note(draft, 'time-invalid')
  }
  draft.fields['log'] = { level }
  draft.fields['event'] = { category: ['network'], type: ['protocol'] }
  draft.fields['network'] = { protocol: 'dns' }
  if (!putQuery(draft, text, close + 2)) putLogger(draft, text, close + 2, level)
  return true
}

/** `ADDR:PORT - ID "TYPE CLASS NAME PROTO SIZE DO BUFSIZE" RCODE FLAGS RSIZE DURATION["OPCODE"]` */
function putQuery(draft: Draft, text: string, at: number): boolean {
  const dash = text.indexOf(' - ', at)
  const quote = dash < 0 || dash - at > 64 ? -1 : text.indexOf('"', dash)
  const end = quote < 0 ? -1 : quotedEnd(text, quote)
  if (end < 0 || text.charCodeAt(end + 1) !== 32) return false
  const question = text.slice(quote + 1, end).split(' ')
  const answer = text.slice(end + 2).split(' ', 6)
  // A name's spaces come as \032, so there are seven words.
  if (question.length !== 7 || answer.length < 4) return false
  const { host, port } = hostPort(text.slice(at, dash))
  const source = sourceOf(host, port)
  const [type, kind, name, transport, size, dnssec, buffer] = question as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  const dns: JsonObject = {
    id: text.slice(dash + 3, quote - 1),
    question: { type, class: kind, name: bare(name) },
  }
  putAnswer(draft, dns, answer, dnssec === 'true')
  putSizes(draft, source, size, answer[2]!)
  draft.fields['source'] = source
  if (typeof source['ip'] === 'string') relate(draft, 'ip', source['ip'])
  draft.fields['dns'] = dns
  putTransport(draft, transport)
  const log: JsonObject = { dnssec_ok: dnssec === 'true' }
  const bufferSize = whole(buffer)
  if (bufferSize !== undefined) log['buffer_size'] = bufferSize
  draft.fields['coredns'] = { log }
  putRelated(draft, bare(name), type)
  return true
}

function sourceOf(host: string, port: number): JsonObject {
  const address = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  const source: JsonObject = { address }
  const ip = ipOf(address)
  if (ip !== undefined) source['ip'] = ip
  if (port >= 0) source['port'] = port
  return source
}

/** RCODE FLAGS RSIZE DURATION OPCODE; `-` where no answer was written. */
function putAnswer(draft: Draft, dns: JsonObject, answer: readonly string[], dnssec: boolean): void {
  const [code = '-', flags = '-', , duration = '', opcode] = answer
  const event = child(draft.fields, 'event')
  if (code !== '-') {
    dns['response_code'] = code
    event['outcome'] = code === 'NOERROR' ? 'success' : 'failure'
  }
  if (flags !== '-' && flags !== '') {
    const names = flags
      .toUpperCase()
      .split(',', 16)
      .filter((flag) => flag !== 'QR' && isWord(flag, 0, flag.length))
    dns['header_flags'] = dnssec ? [...names, 'DO'] : names
  }
  const op = opcode?.startsWith('"') === true ? opcode.slice(1, -1) : undefined
  if (op !== undefined && op !== '') dns['op_code'] = op
  const ns = goDurationNs(duration)
  if (ns !== undefined) event['duration'] = ns
}

function putSizes(draft: Draft, source: JsonObject, size: string, answerSize: string): void {
  const sent = whole(size)
  const received = whole(answerSize)
  if (sent !== undefined) source['bytes'] = sent
  if (received !== undefined) draft.fields['destination'] = { bytes: received }
  if (sent !== undefined && received !== undefined) child(draft.fields, 'network')['bytes'] = sent + received
}

function putTransport(draft: Draft, transport: string): void {
  const network = child(draft.fields, 'network')
  network['transport'] = transport.toLowerCase()
  if (transport === 'tcp') network['iana_number'] = '6'
  else if (transport === 'udp') network['iana_number'] = '17'
}

function putRelated(draft: Draft, name: string, type: string): void {
  if (type !== 'PTR') {
    relate(draft, 'hosts', name)
    return
  }
  const ip = ipOf(name) ?? reversed(name)
  if (ip !== undefined) relate(draft, 'ip', ip)
}

const V4 = '.in-addr.arpa'
const V6 = '.ip6.arpa'

/** The address that a PTR query asks about. */
function reversed(name: string): string | undefined {
  const lower = name.toLowerCase()
  if (lower.endsWith(V4)) return ipOf(lower.slice(0, -V4.length).split('.', 5).reverse().join('.'))
  if (!lower.endsWith(V6) || lower.length !== 63 + V6.length) return undefined
  const digits = lower.slice(0, 63).split('.').reverse().join('')
  return digits.length === 32 ? ipOf(digits.replace(/.{4}(?=.)/g, '$&:')) : undefined
}

const RCODES = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
]

/** `plugin/errors: 2 example.org. A: why`, or `plugin/NAME: any text`. */
function putLogger(draft: Draft, text: string, at: number, level: string): void {
  const colon = text.indexOf(': ', at)
  if (!text.startsWith('plugin/', at) || colon < 0 || colon - at > 64) return
  const logger = text.slice(at, colon)
  child(draft.fields, 'log')['logger'] = logger
  const rest = text.slice(colon + 2)
  const failed = logger === 'plugin/errors' ? rest.indexOf(': ') : -1
  const [code, name, type, ...more] = failed < 0 ? [] : rest.slice(0, failed).split(' ', 4)
  if (name?.endsWith('.') === true && type !== undefined && more.length === 0) {
    const response = RCODES[whole(code!) ?? -1] ?? code!
    draft.fields['dns'] = { response_code: response, question: { name: bare(name), type } }
    child(draft.fields, 'event')['outcome'] = response === 'NOERROR' ? 'success' : 'failure'
    draft.fields['coredns'] = { log: { error: { message: rest.slice(failed + 2) } } }
    putRelated(draft, bare(name), type)
  } else if (logger === 'plugin/errors' || level === 'error' || level === 'warning') {
    draft.fields['coredns'] = { log: { error: { message: rest } } }
  }
}

function bare(name: string): string {
  return name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name
}

function whole(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined
}
