import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { JSON_DEPTH_MAX } from '../../core/limits.ts'
import type { FormatContext } from '../../ports/format.ts'
import { child, isObject, note } from './document.ts'
import { ipOf } from './endpoint.ts'
import { scanJson } from './json-scan.ts'
import { putClients } from './nginx-client.ts'
import { putUpstream } from './nginx-upstream.ts'
import { readIso } from './time.ts'
import { hostPort, putAgent, putExchange, putReferrer, putTime } from './web-access.ts'
import { readHttpDate } from './web-time.ts'

/**
 * An access log that its administrator writes as JSON: `log_format … escape=json '{"time":"$time_iso8601","status":$status,…}'`,
 * for ingress-nginx `log-format-upstream` with `log-format-escape-json`. Keys are free; these are nginx's variables and the ones
 * of ingress-nginx's own example. The first that is there counts.
 */
const KEYS = {
  time: ['time_iso8601', 'time_local', 'time', 'timestamp', '@timestamp', 'msec', 'ts'],
  address: ['remote_addr', 'remote_ip', 'client_ip', 'client', 'the_real_ip'],
  forwarded: ['http_x_forwarded_for', 'x_forwarded_for', 'x-forwarded-for', 'proxy_add_x_forwarded_for'],
  user: ['remote_user', 'user'],
  request: ['request'],
  method: ['request_method', 'method', 'verb'],
  uri: ['request_uri', 'uri', 'path', 'url'],
  query: ['args', 'query_string', 'request_query', 'query'],
  protocol: ['server_protocol', 'request_proto', 'protocol', 'proto'],
  status: ['status', 'status_code', 'response_code'],
  bytes: ['body_bytes_sent', 'bytes'],
  /** With the headers. */
  sent: ['bytes_sent'],
  referrer: ['http_referer', 'http_referrer', 'referer', 'referrer'],
  agent: ['http_user_agent', 'user_agent', 'agent'],
  host: ['host', 'http_host', 'vhost', 'server_name'],
  requestLength: ['request_length'],
  requestTime: ['request_time', 'duration'],
  requestId: ['req_id', 'request_id'],
  upstreamName: ['proxy_upstream_name', 'upstream_name'],
  upstreamAlternative: ['proxy_alternative_upstream_name'],
  upstreamAddress: ['upstream_addr'],
  upstreamLength: ['upstream_response_length'],
  upstreamTime: ['upstream_response_time'],
  upstreamStatus: ['upstream_status'],
} as const

/** True when it is an object that says a status, and a request or a method. */
export function readWebJson(
  text: string,
  draft: Draft,
  context: FormatContext,
  product: 'nginx' | 'nginx_ingress_controller',
): boolean {
  const record = parsed(text)
  if (record === undefined) return false
  const value = (name: keyof typeof KEYS): string => valueOf(record, KEYS[name])
  const status = Number(value('status'))
  const request = value('request') || requestOf(value)
  if (!Number.isInteger(status) || status < 100 || status > 999 || request === '') return false
  draft.fields['event'] = { category: ['web'], type: [product === 'nginx' ? 'access' : 'info'] }
  putJsonTime(draft, value('time'), context)
  putExchange(draft, request, status, sizeOf(value('bytes')))
  const sent = sizeOf(value('sent'))
  if (sent >= 0) child(child(draft.fields, 'http'), 'response')['bytes'] = sent
  putReferrer(draft, present(value('referrer')))
  putAgent(draft, present(value('agent')))
  const addresses = addressesOf(value('forwarded'), value('address'))
  const host = present(value('host'))
  if (addresses.length > 0) {
    putClients(
      draft,
      { addresses, user: value('user'), host: host === undefined ? undefined : hostPort(host) },
      product,
    )
  }
  if (product === 'nginx_ingress_controller') {
    putUpstream(draft, {
      length: value('requestLength'),
      time: value('requestTime'),
      name: value('upstreamName'),
      alternative: value('upstreamAlternative'),
      addresses: value('upstreamAddress'),
      lengths: value('upstreamLength'),
      times: value('upstreamTime'),
      statuses: value('upstreamStatus'),
      id: value('requestId'),
    })
  } else if (present(value('requestId')) !== undefined) {
    child(child(draft.fields, 'http'), 'request')['id'] = value('requestId')
  }
  if (scanJson(text).oddNumber) note(draft, 'json-number-precision')
  return true
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json
    return isObject(value) && scanJson(text).depth <= JSON_DEPTH_MAX ? value : undefined
  } catch {
    return undefined
  }
}

function valueOf(record: JsonObject, keys: readonly string[]): string {
  for (const key of keys) {
    const value = Object.hasOwn(record, key) ? record[key] : undefined
    if (typeof value === 'string') return value
    if (typeof value === 'number') return String(value)
  }
  return ''
}

function present(value: string): string | undefined {
  return value === '' || value === '-' ? undefined : value
}

/** A request line of its parts. */
function requestOf(value: (name: keyof typeof KEYS) => string): string {
  const method = value('method')
  const uri = value('uri')
  if (method === '' || uri === '') return ''
  const query = present(value('query'))
  const target = query === undefined || uri.includes('?') ? uri : `${uri}?${query}`
  const protocol = value('protocol')
  return protocol.startsWith('HTTP/') ? `${method} ${target} ${protocol}` : `${method} ${target}`
}

function sizeOf(text: string): number {
  const size = text === '' ? -1 : Number(text)
  return Number.isSafeInteger(size) ? size : -1
}

const ADDRESSES_MAX = 64

function addressesOf(forwarded: string, address: string): string[] {
  const list = forwarded.split(',', ADDRESSES_MAX).flatMap((part) => ipOf(part.trim()) ?? [])
  if (address !== '' && address !== '-' && !list.includes(address)) list.push(address)
  return list
}

function putJsonTime(draft: Draft, time: string, context: FormatContext): void {
  if (time === '') return
  const stamp = readIso(time, 0, context.utcOffsetMinutes)
  if (stamp !== undefined && stamp.end === time.length) {
    draft.timeNs = stamp.ns
    if (stamp.ns === undefined) note(draft, 'time-invalid')
    return
  }
  const date = readHttpDate(time, 0)
  if (date !== undefined) {
    putTime(draft, date)
    return
  }
  const seconds = Number(time)
  if (Number.isFinite(seconds) && seconds > 0 && seconds < 1e13) {
    const ms = seconds < 1e11 ? seconds * 1000 : seconds
    draft.timeNs = BigInt(Math.round(ms)) * 1_000_000n
  } else note(draft, 'time-invalid')
}
