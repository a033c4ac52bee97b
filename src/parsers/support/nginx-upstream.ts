import type { Draft, JsonObject } from '../../core/document.ts'
import { child } from './document.ts'
import { ipOf } from './endpoint.ts'
import { hostPort } from './web-access.ts'

/** What ingress-nginx's `upstreaminfo` adds to `combined`, each as it was written. */
export interface Upstream {
  readonly length: string
  readonly time: string
  readonly name: string
  readonly alternative: string
  /** Of each server that was tried: parts separated by `, `, after an internal redirect by ` : `. */
  readonly addresses: string
  readonly lengths: string
  readonly times: string
  readonly statuses: string
  readonly id: string
}

/** `nginx_ingress_controller.access.*` and `http.request.id`. Of several servers the last is the one that answered. */
export function putUpstream(draft: Draft, upstream: Upstream): void {
  const access = child(child(draft.fields, 'nginx_ingress_controller'), 'access')
  const request: JsonObject = {}
  const length = integer(upstream.length)
  const time = decimal(upstream.time)
  if (length !== undefined) request['length'] = length
  if (time !== undefined) request['time'] = time
  if (isGiven(upstream.id)) {
    request['id'] = upstream.id
    child(child(draft.fields, 'http'), 'request')['id'] = upstream.id
  }
  access['http'] = { request }
  const fields: JsonObject = { name: upstream.name, alternative_name: upstream.alternative }
  const addresses = partsOf(upstream.addresses)
  if (addresses.length > 0) {
    access['upstream_address_list'] = addresses
    putAddress(fields, addresses.at(-1)!)
  }
  const response = responseOf(upstream)
  if (response !== undefined) fields['response'] = response
  access['upstream'] = fields
}

function putAddress(fields: JsonObject, address: string): void {
  const { host, port } = hostPort(address)
  const ip = ipOf(host)
  if (ip === undefined) return
  fields['ip'] = ip
  if (port >= 0) fields['port'] = port
}

/** Lengths and times are sums over all servers. */
function responseOf({ lengths, times, statuses }: Upstream): JsonObject | undefined {
  const response: JsonObject = {}
  const length = partsOf(lengths)
  const time = partsOf(times)
  const status = partsOf(statuses)
  if (length.length > 0) {
    response['length'] = sumOf(length)
    response['length_list'] = length
  }
  if (time.length > 0) {
    // To the millisecond, as nginx writes them.
    response['time'] = Math.round(sumOf(time) * 1000) / 1000
    response['time_list'] = time
  }
  const last = integer(status.at(-1) ?? '')
  if (last !== undefined) response['status_code'] = last
  if (status.length > 0) response['status_code_list'] = status
  return Object.keys(response).length === 0 ? undefined : response
}

const SERVERS_MAX = 64

/** Nothing for `-` alone; a server that was not reached has `-` among the others. */
function partsOf(text: string): string[] {
  if (!isGiven(text)) return []
  return text.split(/, | : /, SERVERS_MAX)
}

function isGiven(text: string): boolean {
  return text !== '' && text !== '-'
}

function sumOf(parts: readonly string[]): number {
  return parts.reduce((sum, part) => sum + (decimal(part) ?? 0), 0)
}

function integer(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function decimal(text: string): number | undefined {
  return /^\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : undefined
}
