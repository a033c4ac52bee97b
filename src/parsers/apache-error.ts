import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { child, cutHeader, note, relate } from './support/document.ts'
import { ipOf } from './support/endpoint.ts'
import { numberAt } from './support/quoted.ts'
import { readMonthDay, readIso, type Stamp } from './support/time.ts'
import { hostPort } from './support/web-access.ts'

/**
 * The error log of Apache 2.2 and 2.4 (server/log.c, the default ErrorLogFormat):
 *
 *     [Mon Dec 26 16:22:08 2016] [error] [client 192.168.33.1] MESSAGE[, referer: URL]
 *     [Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [FILE(LINE): ][(ERRNO)TEXT: ][client ADDR:PORT] AH00128: MESSAGE
 */
export const apacheError: FormatDefinition = {
  name: 'apache-error',
  version: 1,
  kind: 'payload',
  title: 'Apache HTTP server error log',
  definedBy: 'https://httpd.apache.org/docs/2.4/mod/core.html#errorlogformat; server/log.c',
  dataset: 'apache.error',
  example:
    '[Tue Nov 24 08:00:00.304002 2026] [authz_core:error] [pid 621:tid 668] [client 203.0.113.7:33632] AH01630: client denied by server configuration: /srv/www/html/admin',
  remarks: [
    '`message` is what follows the client, as Elastic’s integration has it; what stood before is in `decklog.header`. Where a file or an error number stands before the client, they are part of the message, and the client is read all the same (Elastic: not).',
    '`event.code` is Apache’s own number of the message. `http.request.referrer` is read from every message (Elastic: only from those about a missing file).',
    'The time is local time of the server, in the zone of the batch, unless it names one.',
  ],
  parse,
}

const LEVELS = new Set(['emerg', 'alert', 'crit', 'error', 'warn', 'notice', 'info', 'debug'])
const ERRORS = new Set(['emerg', 'alert', 'crit', 'error', 'warn'])

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (/^AH\d{5}: /.test(text)) return beforeLog(text, draft)
  const stamp = text.charCodeAt(0) === 91 ? readStamp(text, context) : undefined
  if (stamp === undefined || !text.startsWith('] [', stamp.end)) return false
  const close = text.indexOf(']', stamp.end + 3)
  const tag = close < 0 || close - stamp.end > 64 ? '' : text.slice(stamp.end + 3, close)
  const colon = tag.lastIndexOf(':')
  const level = tag.slice(colon + 1)
  if (!isLevel(level)) return false
  if (stamp.ns === undefined) note(draft, 'time-invalid')
  else draft.timeNs = stamp.ns
  draft.fields['log'] = { level }
  draft.fields['event'] = { category: ['web'], type: [ERRORS.has(level) ? 'error' : 'info'] }
  if (colon > 0) draft.fields['apache'] = { error: { module: tag.slice(0, colon) } }
  const pidEnd = putProcess(text, close + 1, draft)
  const client = readClient(text, skipSpace(text, pidEnd))
  if (client !== undefined) putClient(draft, client.address)
  cutHeader(draft, text, skipSpace(text, client?.end ?? pidEnd))
  putMessage(draft, draft.message, client === undefined)
  return true
}

/** What is printed before the log is open. */
function beforeLog(text: string, draft: Draft): boolean {
  draft.fields['event'] = { category: ['web'], type: ['info'], code: text.slice(0, 7) }
  return true
}

function isLevel(level: string): boolean {
  return LEVELS.has(level) || /^trace[1-8]$/.test(level)
}

/** `Mon Dec 26 16:22:08[.123456] 2016`, or with an ErrorLogFormat of `%{cuz}t`: `2025-07-22 15:45:51.323610 +0200`. */
function readStamp(text: string, context: FormatContext): Stamp | undefined {
  const iso = readIso(text, 1, context.utcOffsetMinutes)
  if (iso !== undefined) return withZone(text, iso, context)
  const close = text.indexOf(']', 1)
  if (close < 20 || close > 40 || text.charCodeAt(4) !== 32) return undefined
  // The year stands last there; `readMonthDay` knows it behind the day.
  const [month, day, clock, year, ...more] = text
    .slice(5, close)
    .split(' ')
    .filter((part) => part !== '')
  if (
    month === undefined ||
    day === undefined ||
    clock === undefined ||
    year?.length !== 4 ||
    more.length > 0
  )
    return undefined
  const stamp = readMonthDay(`${month} ${day} ${year} ${clock}`, 0, context)
  return stamp === undefined ? undefined : { end: close, ns: stamp.ns }
}

function withZone(text: string, stamp: Stamp, context: FormatContext): Stamp | undefined {
  const sign = text.charCodeAt(stamp.end + 1)
  if (text.charCodeAt(stamp.end) !== 32 || (sign !== 43 && sign !== 45)) return stamp
  const zoned = `${text.slice(1, stamp.end)}${text.slice(stamp.end + 1, stamp.end + 6)}`
  const exact = readIso(zoned, 0, context.utcOffsetMinutes)
  return exact?.end === zoned.length ? { end: stamp.end + 6, ns: exact.ns } : undefined
}

/** ` [pid 11379:tid 139958433106048]`. Returns where the text goes on. */
function putProcess(text: string, at: number, draft: Draft): number {
  if (!text.startsWith(' [pid ', at)) return at
  const pid = numberAt(text, at + 6)
  if (pid === undefined) return at
  const process: JsonObject = { pid: pid.value }
  let end = pid.end
  if (text.startsWith(':tid ', end)) {
    const thread = numberAt(text, end + 5)
    if (thread === undefined) return at
    process['thread'] = { id: thread.value }
    end = thread.end
  }
  if (text.charCodeAt(end) !== 93) return at
  draft.fields['process'] = process
  return end + 1
}

function skipSpace(text: string, at: number): number {
  return text.charCodeAt(at) === 32 ? at + 1 : at
}

interface Client {
  readonly address: string
  readonly end: number
}

const CLIENT = '[client '

/** `[client 192.168.33.1:12345]`; an IPv6 address with a port has brackets of its own. */
function readClient(text: string, at: number): Client | undefined {
  if (!text.startsWith(CLIENT, at)) return undefined
  const from = at + CLIENT.length
  const end = text.indexOf(text.charCodeAt(from) === 91 ? ']' : '] ', from + 1)
  if (end < 0 || end - from > 256) return undefined
  if (text.charCodeAt(from) !== 91) return { address: text.slice(from, end), end: end + 1 }
  const close = text.indexOf(']', end + 1)
  return close < 0 || close - end > 8 ? undefined : { address: text.slice(from, close), end: close + 1 }
}

function putClient(draft: Draft, text: string): void {
  const { host, port } = hostPort(text)
  const ip = ipOf(host)
  const source: JsonObject = { address: host }
  if (ip === undefined) {
    source['domain'] = host
    relate(draft, 'hosts', host)
  } else {
    source['ip'] = ip
    relate(draft, 'ip', ip)
  }
  if (port >= 0) source['port'] = port
  draft.fields['source'] = source
}

const PLACE_LENGTH_MAX = 256
const MISSING = 'File does not exist: '
const REFERRER = ', referer: '

function putMessage(draft: Draft, message: string, isClientOpen: boolean): void {
  if (isClientOpen) {
    // Only where the server itself writes it: behind a file and an error number. Further on a client may have written it.
    const at = message.slice(0, PLACE_LENGTH_MAX).indexOf(`: ${CLIENT}`)
    const client = at < 0 ? undefined : readClient(message, at + 2)
    if (client !== undefined) putClient(draft, client.address)
  }
  const code = /(?:^|[\]:] )(AH\d{5}): /.exec(message.slice(0, PLACE_LENGTH_MAX))
  if (code !== null) child(draft.fields, 'event')['code'] = code[1]!
  const referrer = message.lastIndexOf(REFERRER)
  if (referrer >= 0)
    draft.fields['http'] = { request: { referrer: message.slice(referrer + REFERRER.length) } }
  const missing = message.indexOf(MISSING)
  if (missing < 0) return
  const path = message.slice(missing + MISSING.length, referrer > missing ? referrer : undefined)
  if (path !== '') draft.fields['file'] = { path }
}
