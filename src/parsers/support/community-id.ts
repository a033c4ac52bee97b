import { hash } from 'node:crypto'
import { formatAddress, parseAddress } from '../../core/address.ts'

/** One way of a conversation. ICMP has its type and code for ports. */
export interface Flow {
  readonly source: string
  readonly destination: string
  /** IANA's number of the protocol. */
  readonly protocol: number
  readonly sourcePort?: number | undefined
  readonly destinationPort?: number | undefined
}

/** Protocols whose ports are part of the id. */
const WITH_PORTS = new Set([6, 17, 132])
const ICMP = 1
const ICMP6 = 58
/** A request's type and its answer's. Others go one way. */
const ICMP_PAIRS = pairs([8, 0], [13, 14], [15, 16], [10, 9], [17, 18])
const ICMP6_PAIRS = pairs([128, 129], [133, 134], [135, 136], [130, 131], [144, 145], [139, 140])

function pairs(...list: readonly (readonly [number, number])[]): ReadonlyMap<number, number> {
  return new Map(list.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]))
}

export const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['icmp', ICMP],
  ['igmp', 2],
  ['tcp', 6],
  ['udp', 17],
  ['gre', 47],
  ['ipv6-icmp', ICMP6],
  ['icmpv6', ICMP6],
  ['eigrp', 88],
  ['ospf', 89],
  ['pim', 103],
  ['sctp', 132],
])

/**
 * `network.community_id`, version 1 with seed 0 (corelight/community-id-spec): the same for both directions. Undefined where an
 * address is none or the families differ.
 */
export function communityId(flow: Flow): string | undefined {
  const source = bytesOf(flow.source)
  const destination = bytesOf(flow.destination)
  if (source === undefined || destination?.length !== source.length) return undefined
  const { protocol } = flow
  const ports = portsOf(flow)
  const swap = ports?.oneWay !== true && isAfter(source, destination, ports)
  const length = source.length
  const bytes = Buffer.alloc(4 + 2 * length + (ports === undefined ? 0 : 4))
  bytes.set(swap ? destination : source, 2)
  bytes.set(swap ? source : destination, 2 + length)
  bytes[2 + 2 * length] = protocol
  if (ports !== undefined) {
    bytes.writeUInt16BE(swap ? ports.to : ports.from, 4 + 2 * length)
    bytes.writeUInt16BE(swap ? ports.from : ports.to, 6 + 2 * length)
  }
  return `1:${hash('sha1', bytes, 'base64')}`
}

interface Ports {
  readonly from: number
  readonly to: number
  readonly oneWay: boolean
}

function portsOf({ protocol, sourcePort, destinationPort }: Flow): Ports | undefined {
  if (protocol === ICMP || protocol === ICMP6) {
    const type = (sourcePort ?? 0) & 0xff
    const answer = (protocol === ICMP ? ICMP_PAIRS : ICMP6_PAIRS).get(type)
    return { from: type, to: answer ?? (destinationPort ?? 0) & 0xff, oneWay: answer === undefined }
  }
  if (!WITH_PORTS.has(protocol)) return undefined
  return { from: (sourcePort ?? 0) & 0xffff, to: (destinationPort ?? 0) & 0xffff, oneWay: false }
}

function isAfter(source: Uint8Array, destination: Uint8Array, ports: Ports | undefined): boolean {
  const order = Buffer.compare(source, destination)
  return order > 0 || (order === 0 && ports !== undefined && ports.from > ports.to)
}

function bytesOf(address: string): Uint8Array | undefined {
  return address.includes(':') ? bytesOf6(address) : bytesOf4(address)
}

function bytesOf4(address: string): Uint8Array | undefined {
  const parts = address.split('.', 5)
  if (parts.length !== 4) return undefined
  const bytes = new Uint8Array(4)
  for (let i = 0; i < 4; i++) {
    const value = Number(parts[i])
    if (parts[i] === '' || !(value >= 0 && value <= 255)) return undefined
    bytes[i] = value
  }
  return bytes
}

function bytesOf6(address: string): Uint8Array | undefined {
  const value = parseAddress(address)
  if (value === undefined) return undefined
  if (value.version === 4) return bytesOf4(formatAddress(value))
  return Buffer.from(value.value.toString(16).padStart(32, '0'), 'hex')
}
