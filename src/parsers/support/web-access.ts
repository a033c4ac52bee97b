import type { Draft, JsonObject } from '../../core/document.ts'
import { child, note, relate } from './document.ts'
import { ipOf } from './endpoint.ts'
import { numberAt, quotedEnd } from './quoted.ts'
import { HTTP_DATE_LENGTH, readHttpDate } from './web-time.ts'
import { urlParts } from './web-url.ts'

/**
 * The beginning that nginx's `combined` and Apache's `common` and `combined` have in common:
 *
 *     CLIENTS IDENT USER [25/Oct/2016:14:49:33 +0200] "GET /a HTTP/1.1" 200 612 "REFERRER" "AGENT"REST
 *
 * A user name may hold anything but a quotation mark, which both servers escape: so the time is what ends with `] "`, and no
 * name is taken for one. Of two such places the first is the true one.
 */
export interface Access {
  /** What stands before the time: clients, identity, user. */
  readonly head: string
  /** Milliseconds since the epoch, NaN when no such moment exists. */
  readonly timeMs: number
  readonly request: string
  readonly status: number
  /** -1 when not said. */
  readonly bytes: number
  /** Where the text after the size begins. */
  readonly end: number
}

export function readAccess(text: string): Access | undefined {
  for (let close = text.indexOf('] "'); close >= 0; close = text.indexOf('] "', close + 1)) {
    const open = close - HTTP_DATE_LENGTH - 1
    if (open < 1 || text.charCodeAt(open) !== 91 || text.charCodeAt(open - 1) !== 32) continue
    const timeMs = readHttpDate(text, open + 1)
    if (timeMs === undefined) continue
    return readRequest(text, text.slice(0, open - 1), timeMs, close + 2)
  }
  return undefined
}

function readRequest(text: string, head: string, timeMs: number, quote: number): Access | undefined {
  const end = quotedEnd(text, quote)
  if (end < 0 || text.charCodeAt(end + 1) !== 32) return undefined
  const status = numberAt(text, end + 2)
  if (status === undefined || status.end !== end + 5 || text.charCodeAt(status.end) !== 32) return undefined
  const request = text.slice(quote + 1, end)
  const at = status.end + 1
  if (text.charCodeAt(at) === 45)
    return { head, timeMs, request, status: status.value, bytes: -1, end: at + 1 }
  const bytes = numberAt(text, at)
  if (bytes === undefined) return undefined
  return { head, timeMs, request, status: status.value, bytes: bytes.value, end: bytes.end }
}

/** ` "text"` at `at`; the text is undefined for `-` and nothing. */
export function quotedAt(
  text: string,
  at: number,
): { readonly value: string | undefined; readonly end: number } | undefined {
  if (text.charCodeAt(at) !== 32 || text.charCodeAt(at + 1) !== 34) return undefined
  const close = quotedEnd(text, at + 1)
  if (close < 0) return undefined
  const value = text.slice(at + 2, close)
  return { value: value === '-' || value === '' ? undefined : value, end: close + 1 }
}

export function putTime(draft: Draft, timeMs: number): void {
  if (Number.isNaN(timeMs)) note(draft, 'time-invalid')
  else draft.timeNs = BigInt(timeMs) * 1_000_000n
}

/** `http`, `url`, `event.outcome` of a request line, a status and a size. */
export function putExchange(draft: Draft, request: string, status: number, bytes: number): void {
  const response: JsonObject = { status_code: status }
  if (bytes >= 0) response['body'] = { bytes }
  putRequestLine(draft, request, response)
  child(draft.fields, 'event')['outcome'] = status < 400 ? 'success' : 'failure'
}

export function putRequestLine(draft: Draft, request: string, response: JsonObject): void {
  const http: JsonObject = Object.keys(response).length === 0 ? {} : { response }
  const line = requestLine(request)
  if (line !== undefined) {
    http['request'] = { method: line.method }
    if (line.version !== '') http['version'] = line.version
    draft.fields['url'] = urlParts(line.target)
  }
  draft.fields['http'] = http
}

interface RequestLine {
  readonly method: string
  readonly target: string
  readonly version: string
}

/** `METHOD target HTTP/1.1`, or `GET /path` of HTTP 0.9. Anything else a client sent is none. */
function requestLine(request: string): RequestLine | undefined {
  const space = request.indexOf(' ')
  if (space <= 0 || !isWord(request, 0, space)) return undefined
  const method = request.slice(0, space)
  const http = request.lastIndexOf(' HTTP/')
  if (http < space) {
    const target = request.slice(space + 1)
    return target.startsWith('/') && !target.includes(' ') ? { method, target, version: '' } : undefined
  }
  const version = request.slice(http + 6)
  if (http === space || !/^\d{1,3}(?:\.\d{1,3})?$/.test(version)) return undefined
  return { method, target: request.slice(space + 1, http), version }
}

/** Letters, digits and `_` only. */
export function isWord(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    const isPart =
      (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95
    if (!isPart) return false
  }
  return to > from
}

export function putReferrer(draft: Draft, referrer: string | undefined): void {
  if (referrer === undefined) return
  child(child(draft.fields, 'http'), 'request')['referrer'] = referrer
}

export function putAgent(draft: Draft, agent: string | undefined): void {
  if (agent !== undefined) draft.fields['user_agent'] = { original: agent }
}

export function putUser(draft: Draft, user: string): void {
  if (user === '' || user === '-') return
  draft.fields['user'] = { name: user }
  relate(draft, 'user', user)
}

export interface HostPort {
  readonly host: string
  /** -1 when not said. */
  readonly port: number
}

/** `host`, `host:80`, `[2001:db8::1]:80`, `2001:db8::1`. */
export function hostPort(text: string): HostPort {
  const colon = text.lastIndexOf(':')
  if (colon < 0 || (text.indexOf(':') !== colon && !text.startsWith('['))) return { host: text, port: -1 }
  const port = numberAt(text, colon + 1)
  if (port === undefined || port.end !== text.length || port.value > 65_535) return { host: text, port: -1 }
  const host = text.slice(0, colon)
  return { host: host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host, port: port.value }
}

/** The virtual host that was asked: `destination.ip` or `.domain`, `.port`, and `url.domain` where the URL names none. */
export function putDestination(draft: Draft, { host, port }: HostPort): void {
  const destination: JsonObject = {}
  const ip = ipOf(host)
  if (ip === undefined) destination['domain'] = host
  else destination['ip'] = ip
  if (port >= 0) destination['port'] = port
  draft.fields['destination'] = destination
  if (ip !== undefined) {
    relate(draft, 'ip', ip)
    return
  }
  relate(draft, 'hosts', host)
  const url = child(draft.fields, 'url')
  url['domain'] ??= host
}

/** The first address that is none of a private network, else the first, as Elastic's pipelines choose. */
export function firstPublic(addresses: readonly string[]): string {
  return addresses.find((address) => !isPrivate(address)) ?? addresses[0] ?? ''
}

export function isPrivate(address: string): boolean {
  const [first, second] = address.split('.', 2).map(Number)
  if (first === 10 || first === 127) return true
  if (first === 192 && second === 168) return true
  return first === 172 && second !== undefined && second >= 16 && second <= 31
}
