import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { cutHeader, note, relate } from './support/document.ts'
import { ipOf } from './support/endpoint.ts'
import { inZoneOf } from './support/local-time.ts'
import { numberAt } from './support/quoted.ts'
import { putTime } from './support/web-access.ts'
import { readSlashDate } from './support/web-time.ts'
import { urlParts } from './support/web-url.ts'

/**
 * ngx_log.c, ngx_http_request.c (ngx_http_log_error_handler):
 *
 *     2016/10/25 14:49:34 [error] 54053#0: *1 MESSAGE, client: ADDR, server: NAME, request: "LINE", upstream: "URL", host: "HOST", referrer: "URL"
 */
export const nginxError: FormatDefinition = {
  name: 'nginx-error',
  version: 1,
  kind: 'payload',
  title: 'nginx error log',
  definedBy: 'nginx: src/core/ngx_log.c, src/http/ngx_http_request.c (ngx_http_log_error_handler)',
  dataset: 'nginx.error',
  example:
    '2026/11/24 08:00:00 [error] 31#31: *4711 access forbidden by rule, client: 203.0.113.7, server: shop.example, request: "GET /.git/config HTTP/1.1", host: "shop.example"',
  remarks: [
    '`message` is what follows the connection’s number, as Elastic’s integration has it; what stood before is in `decklog.header`. Elastic leaves the rest in the message; here client, request, host and referrer are fields besides.',
    'The message may quote what a client sent. Where it has more than one `, client: `, the true one cannot be told: `source.ip` is left out, every address is in `related.ip`, and the event is tagged `ambiguous-fields`.',
    'The time is local time of the server, in the zone of the batch; behind a header of syslog or the journal in the zone that makes both agree.',
  ],
  parse,
}

const LEVELS = new Set(['debug', 'info', 'notice', 'warn', 'error', 'crit', 'alert', 'emerg'])

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const timeMs = readSlashDate(text, 0, context.utcOffsetMinutes)
  if (timeMs === undefined || !text.startsWith(' [', 19)) return false
  const close = text.indexOf('] ', 21)
  const level = close < 0 || close > 30 ? '' : text.slice(21, close)
  if (!LEVELS.has(level)) return false
  const pid = numberAt(text, close + 2)
  const thread =
    pid === undefined || text.charCodeAt(pid.end) !== 35 ? undefined : numberAt(text, pid.end + 1)
  if (pid === undefined || thread === undefined || !text.startsWith(': ', thread.end)) return false
  putTime(draft, inZoneOf(draft, timeMs * 1000) / 1000)
  const { fields } = draft
  fields['log'] = { level }
  fields['process'] = { pid: pid.value, thread: { id: thread.value } }
  fields['event'] = { category: ['web'], type: ['error'] }
  let start = thread.end + 2
  const connection = text.charCodeAt(start) === 42 ? numberAt(text, start + 1) : undefined
  if (connection !== undefined && text.charCodeAt(connection.end) === 32) {
    fields['nginx'] = { error: { connection_id: connection.value } }
    start = connection.end + 1
  }
  cutHeader(draft, text, start)
  putContext(draft, draft.message)
  return true
}

/** The list that nginx appends, in its order. */
function putContext(draft: Draft, message: string): void {
  const client = message.indexOf(', client: ')
  if (client < 0) return
  if (message.indexOf(', client: ', client + 1) >= 0) {
    note(draft, 'ambiguous-fields')
    putAllClients(draft, message)
    return
  }
  const clientEnd = endOf(message, client + 10)
  const address = message.slice(client + 10, clientEnd)
  const ip = ipOf(address)
  if (address !== '') draft.fields['source'] = ip === undefined ? { address } : { address, ip }
  if (ip !== undefined) relate(draft, 'ip', ip)
  const request = valueOf(message, clientEnd, ', request: "')
  const host = valueOf(message, clientEnd, ', host: "')
  const referrer = valueOf(message, clientEnd, ', referrer: "')
  putRequest(draft, request, referrer)
  if (host !== undefined && host !== '') {
    const url = (draft.fields['url'] ??= {}) as JsonObject
    url['domain'] ??= host.replace(/:\d{1,5}$/, '')
  }
}

function putRequest(draft: Draft, line: string | undefined, referrer: string | undefined): void {
  const request: JsonObject = {}
  const http: JsonObject = { request }
  const space = line?.indexOf(' ') ?? -1
  const version = line?.lastIndexOf(' HTTP/') ?? -1
  if (line !== undefined && space > 0 && version > space) {
    request['method'] = line.slice(0, space)
    http['version'] = line.slice(version + 6)
    draft.fields['url'] = urlParts(line.slice(space + 1, version))
  }
  if (referrer !== undefined && referrer !== '') request['referrer'] = referrer
  if (Object.keys(request).length > 0) draft.fields['http'] = http
}

const CLIENTS_MAX = 16

function putAllClients(draft: Draft, message: string): void {
  let at = message.indexOf(', client: ')
  for (let count = 0; at >= 0 && count < CLIENTS_MAX; count++) {
    const ip = ipOf(message.slice(at + 10, endOf(message, at + 10)))
    if (ip !== undefined) relate(draft, 'ip', ip)
    at = message.indexOf(', client: ', at + 1)
  }
}

/** Where a bare value ends: an address holds neither comma nor space. */
function endOf(text: string, from: number): number {
  let end = from
  for (; end < text.length && end - from < 64; end++) {
    const code = text.charCodeAt(end)
    if (code === 44 || code === 32) break
  }
  return end
}

/** The value in quotes after `name`; it ends before the next member or the end, for nginx writes it as it came. */
function valueOf(text: string, from: number, name: string): string | undefined {
  const at = text.indexOf(name, from)
  if (at < 0) return undefined
  const start = at + name.length
  const next = text.indexOf('", ', start)
  if (next >= 0) return text.slice(start, next)
  return text.endsWith('"') && text.length > start ? text.slice(start, -1) : undefined
}
