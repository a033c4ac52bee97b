import { isIP } from 'node:net'

/**
 * The header of the PROXY protocol (HAProxy, proxy-protocol.txt), by which a load balancer says whose connection it passes on:
 *
 *     v1 = "PROXY" SP ( "TCP4" | "TCP6" ) SP source SP destination SP port SP port CR LF     at most 107 bytes
 *        | "PROXY UNKNOWN" … CR LF
 *     v2 = 0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a, version and command, family and protocol, length (2), addresses, TLVs
 */
export type ProxyHeader =
  | { readonly kind: 'more' }
  | { readonly kind: 'none' }
  /** `address` is undefined where the balancer speaks for itself (LOCAL, UNKNOWN). */
  | { readonly kind: 'found'; readonly length: number; readonly address: string | undefined }

const V1 = Buffer.from('PROXY ')
const V2 = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])
const V1_BYTES_MAX = 107
const V2_BYTES_MIN = 16
const V2_BYTES_MAX = 4096
const MORE = { kind: 'more' } as const
const NONE = { kind: 'none' } as const

export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (begins(bytes, V1)) return bytes.length < V1.length ? MORE : readV1(bytes)
  if (begins(bytes, V2)) return bytes.length < V2_BYTES_MIN ? MORE : readV2(bytes)
  return NONE
}

function begins(bytes: Buffer, with_: Buffer): boolean {
  const length = Math.min(bytes.length, with_.length)
  return bytes.subarray(0, length).equals(with_.subarray(0, length))
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n')
  if (end === -1) return bytes.length < V1_BYTES_MAX ? MORE : NONE
  const length = end + 2
  const [, family, source = '', destination = '', ...ports] = bytes.toString('latin1', 0, end).split(' ')
  if (family === 'UNKNOWN') return { kind: 'found', length, address: undefined }
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : -1
  const isGood = isIP(source) === version && isIP(destination) === version && ports.length === 2
  return isGood && ports.every((port) => /^\d{1,5}$/.test(port))
    ? { kind: 'found', length, address: source }
    : NONE
}

function readV2(bytes: Buffer): ProxyHeader {
  const command = bytes[12]!
  const family = bytes[13]! >> 4
  const size = bytes.readUInt16BE(14)
  const length = V2_BYTES_MIN + size
  if (command >> 4 !== 2 || (command & 15) > 1 || length > V2_BYTES_MAX) return NONE
  if (bytes.length < length) return MORE
  const isLocal = (command & 15) === 0
  if (isLocal || family === 0 || family === 3) return { kind: 'found', length, address: undefined }
  if (family === 1)
    return size < 12 ? NONE : { kind: 'found', length, address: bytes.subarray(16, 20).join('.') }
  return family !== 2 || size < 36 ? NONE : { kind: 'found', length, address: ipv6(bytes.subarray(16, 32)) }
}

/** As Node writes it, so that an address has one spelling however it came. */
function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16))
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}
