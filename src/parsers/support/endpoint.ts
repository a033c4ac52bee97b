import { parseAddress } from '../../core/address.ts'
import type { Draft, JsonObject } from '../../core/document.ts'
import { digit } from './time.ts'
import { relate } from './document.ts'

/** Where a connection came from, as a message says it. */
export interface Endpoint {
  readonly address: string
  /** -1 when not said. */
  readonly port: number
  /** Where it begins and ends in the message. */
  readonly start: number
  readonly end: number
}

const PORT_MAX = 65_535
/** A name of DNS has at most 253 bytes; an address with a zone is shorter. */
const ADDRESS_LENGTH_MAX = 255

/** Reads `ADDR[ port N]` at `start`. Undefined when there is no word, or a port that is none. */
export function readEndpoint(text: string, start: number): Endpoint | undefined {
  let end = text.indexOf(' ', start)
  if (end < 0) end = text.length
  if (end === start || end - start > ADDRESS_LENGTH_MAX) return undefined
  const address = text.slice(start, end)
  if (!text.startsWith(' port ', end)) return { address, port: -1, start, end }
  const port = readPort(text, end + 6)
  return port === undefined ? undefined : { address, port: port.value, start, end: port.end }
}

/**
 * Reads `… ADDR port N` at the end of `text`, from the right: what stands before it may be anything a client sent.
 * Without `port N` the last word is the address.
 */
export function endpointAtEnd(text: string, from: number): Endpoint | undefined {
  const space = text.lastIndexOf(' ')
  if (space >= from + 5 && text.startsWith(' port', space - 5) && digit(text, space + 1) >= 0) {
    const start = text.lastIndexOf(' ', space - 6) + 1
    const endpoint = start >= from ? readEndpoint(text, start) : undefined
    return endpoint?.end === text.length ? endpoint : undefined
  }
  const start = Math.max(space + 1, from)
  const endpoint = readEndpoint(text, start)
  return endpoint?.end === text.length ? endpoint : undefined
}

function readPort(text: string, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0
  let end = at
  for (let next = digit(text, end); next >= 0 && end - at < 6; next = digit(text, ++end))
    value = value * 10 + next
  return end === at || value > PORT_MAX ? undefined : { value, end }
}

/**
 * The address that `ip` fields take, or undefined for a name. A zone (`fe80::1%eth0`) is no part of it, and `::ffff:1.2.3.4`,
 * as a socket for both families shows IPv4, is the IPv4 address.
 */
export function ipOf(address: string): string | undefined {
  if (isIpv4(address)) return address
  if (!address.includes(':')) return undefined
  if (address.startsWith('::ffff:') && isIpv4(address.slice(7))) return address.slice(7)
  const zone = address.indexOf('%')
  const bare = zone < 0 ? address : address.slice(0, zone)
  return parseAddress(bare) === undefined ? undefined : bare
}

/** Four decimal parts of 0-255 without leading zeros, without making strings. */
function isIpv4(text: string): boolean {
  if (text.length < 7 || text.length > 15) return false
  let parts = 1
  let value = -1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 46) {
      if (value < 0 || ++parts > 4) return false
      value = -1
    } else {
      const next = code - 48
      if (next < 0 || next > 9 || value === 0) return false
      value = value < 0 ? next : value * 10 + next
      if (value > 255) return false
    }
  }
  return parts === 4 && value >= 0
}

/** `source.*` of a document (or `destination.*`), and `related.ip` / `related.hosts`. */
export function putEndpoint(draft: Draft, name: 'source' | 'destination', endpoint: Endpoint): void {
  const value: JsonObject = { address: endpoint.address }
  const ip = ipOf(endpoint.address)
  if (ip !== undefined) {
    value['ip'] = ip
    relate(draft, 'ip', ip)
  } else if (isName(endpoint.address)) {
    value['domain'] = endpoint.address
    relate(draft, 'hosts', endpoint.address)
  }
  if (endpoint.port >= 0) value['port'] = endpoint.port
  draft.fields[name] = value
}

/** sshd writes UNKNOWN where the peer is no socket. Digits and dots alone are a broken address, no name. */
function isName(address: string): boolean {
  return address !== 'UNKNOWN' && /^[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*$/.test(address)
}
