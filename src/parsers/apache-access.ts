import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, relate } from './support/document.ts'
import { ipOf } from './support/endpoint.ts'
import { numberAt } from './support/quoted.ts'
import {
  type HostPort,
  hostPort,
  isPrivate,
  putAgent,
  putDestination,
  putExchange,
  putReferrer,
  putRequestLine,
  putTime,
  putUser,
  quotedAt,
  readAccess,
} from './support/web-access.ts'
import { HTTP_DATE_LENGTH, readHttpDate } from './support/web-time.ts'

/**
 * mod_log_config's usual formats, and what of them Elastic's integration knows:
 *
 *     common          %h %l %u %t "%r" %>s %b
 *     combined        … "%{Referer}i" "%{User-Agent}i"[ X-Forwarded-For="%{X-Forwarded-For}i"]
 *     vhost_combined  %v:%p before it, %O for %b
 *     with %D         … %b %D "%{Referer}i" …
 *     ssl_request     %t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x "%r" %b
 */
export const apacheAccess: FormatDefinition = {
  name: 'apache-access',
  version: 1,
  kind: 'payload',
  title: 'Apache HTTP server access log',
  definedBy: 'https://httpd.apache.org/docs/2.4/mod/mod_log_config.html; server/util.c (ap_escape_logitem)',
  dataset: 'apache.access',
  example:
    '203.0.113.7 - alice [24/Nov/2026:08:00:00 +0100] "GET /cart?item=4711 HTTP/1.1" 403 2326 "https://shop.example/" "curl/8.14.1"',
  remarks: [
    'The message stays as it is. A user `-` is nobody: `user.name` is left out, where Elastic’s integration has `-`. `event.type` is `access`, where Elastic’s integration has none; `related.*` is filled.',
    'A request that is no request line (`"hello"`, bytes of TLS) has no `http.request`; Elastic’s integration fails on such a line. `user_agent` has `original` only.',
    'With `X-Forwarded-For` the proxy is `source`, who it spoke for `network.forwarded_ip`, and `client.ip` the first of those addresses that is not private: any client can write them.',
  ],
  parse,
}

function parse(text: string, draft: Draft): boolean {
  if (text.charCodeAt(0) === 91) return sslRequest(text, draft)
  const access = readAccess(text)
  const head = access === undefined ? undefined : readHead(access.head)
  if (access === undefined || head === undefined) return false
  draft.fields['event'] = { category: ['web'], type: ['access'] }
  putTime(draft, access.timeMs)
  putExchange(draft, access.request, access.status, access.bytes)
  const fields: JsonObject = {}
  if (head.identity !== '-') fields['identity'] = head.identity
  const at = putResponseTime(text, access.end, fields)
  const referrer = quotedAt(text, at)
  const agent = referrer === undefined ? undefined : quotedAt(text, referrer.end)
  putReferrer(draft, referrer?.value)
  putAgent(draft, agent?.value)
  putSource(draft, head.source)
  if (head.destination !== undefined) {
    putDestination(draft, head.destination)
    child(draft.fields, 'destination')['address'] = head.destination.host
  }
  putUser(draft, head.user)
  fields['remote_addresses'] = [...forwardedAt(text, agent?.end, draft), head.source.host]
  draft.fields['apache'] = { access: fields }
  return true
}

interface Head {
  readonly destination: HostPort | undefined
  readonly source: HostPort
  readonly identity: string
  readonly user: string
}

/** `[%v:%p ]%h %l %u`. A user may hold spaces, and then looks like a virtual host only if the second word does. */
function readHead(head: string): Head | undefined {
  const words = head.split(' ', WORDS_MAX)
  if (words.length < 3) return undefined
  const second = words[1]!
  const hasHost = words.length > 3 && second !== '-' && (second.includes('.') || second.includes(':'))
  const at = hasHost ? 1 : 0
  return {
    destination: hasHost ? hostPort(words[0]!) : undefined,
    source: hostPort(words[at]!),
    identity: words[at + 1]!,
    user: words.slice(at + 2).join(' '),
  }
}

const WORDS_MAX = 256

function putSource(draft: Draft, { host, port }: HostPort): void {
  const source: JsonObject = { address: host }
  const ip = ipOf(host)
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

/** ` 3413` between size and referrer: %D, microseconds. Returns where the text goes on. */
function putResponseTime(text: string, at: number, fields: JsonObject): number {
  const time = text.charCodeAt(at) === 32 ? numberAt(text, at + 1) : undefined
  if (time === undefined || (time.end < text.length && text.charCodeAt(time.end) !== 32)) return at
  fields['response_time'] = time.value
  return time.end
}

const FORWARDED = ' X-Forwarded-For="'
const ADDRESSES_MAX = 64

function forwardedAt(text: string, at: number | undefined, draft: Draft): readonly string[] {
  if (at === undefined || !text.startsWith(FORWARDED, at)) return []
  const end = text.indexOf('"', at + FORWARDED.length)
  if (end < 0) return []
  const parts = text.slice(at + FORWARDED.length, end).split(',', ADDRESSES_MAX)
  const addresses = parts.flatMap((part) => ipOf(part.trim()) ?? [])
  if (addresses.length === 0) return []
  child(draft.fields, 'network')['forwarded_ip'] = addresses[0]!
  const ofLoopback = (address: string): boolean => address.startsWith('127.')
  const client = addresses.find((address) => ofLoopback(address) || !isPrivate(address)) ?? addresses[0]!
  draft.fields['client'] = { ip: client }
  for (const address of addresses) relate(draft, 'ip', address)
  return addresses
}

/** `[25/Oct/2016:14:49:33 +0200] 172.30.0.119 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 "GET / HTTP/1.1" 1375` */
function sslRequest(text: string, draft: Draft): boolean {
  const timeMs = readHttpDate(text, 1)
  const after = HTTP_DATE_LENGTH + 1
  if (timeMs === undefined || !text.startsWith('] ', after)) return false
  const quote = text.indexOf(' "', after)
  const [host, protocol, cipher, ...more] = quote < 0 ? [] : text.slice(after + 2, quote).split(' ', 5)
  const request = quotedAt(text, quote)
  if (
    host === undefined ||
    protocol === undefined ||
    cipher === undefined ||
    more.length > 0 ||
    request === undefined
  )
    return false
  draft.fields['event'] = { category: ['web'], type: ['access'] }
  putTime(draft, timeMs)
  const bytes = numberAt(text, request.end + 1)
  putRequestLine(draft, request.value ?? '', bytes === undefined ? {} : { body: { bytes: bytes.value } })
  const source = hostPort(host)
  putSource(draft, source)
  draft.fields['apache'] = { access: { ssl: { protocol, cipher }, remote_addresses: [source.host] } }
  putTls(draft, protocol, cipher)
  return true
}

/** `TLSv1.2` → tls 1.2, `SSLv3` → ssl 3.0. */
function putTls(draft: Draft, protocol: string, cipher: string): void {
  const tls: JsonObject = { cipher }
  const [name, version, ...more] = protocol.toLowerCase().split('v', 3)
  if (name !== undefined && version !== undefined && more.length === 0) {
    tls['version'] = version.includes('.') ? version : `${version}.0`
    tls['version_protocol'] = name
  }
  draft.fields['tls'] = tls
}
