/** An IP address as a number. IPv4-mapped IPv6 (`::ffff:1.2.3.4`) is the IPv4 address, as Elasticsearch has it. */
export interface Address {
  readonly version: 4 | 6
  readonly value: bigint
}

/** A network, or one address when `bits` is all of them. Both ends included. */
export interface Network {
  readonly version: 4 | 6
  readonly first: bigint
  readonly last: bigint
  readonly bits: number
}

const MAPPED = 0xffffn << 32n

/** Reads an address; undefined when it is none. Strict: four decimal parts without leading zeros, or RFC 4291 text. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > 45) return undefined
  if (!text.includes(':')) {
    const value = parseV4(text)
    return value === undefined ? undefined : { version: 4, value }
  }
  const value = parseV6(text)
  if (value === undefined) return undefined
  return value >> 32n === MAPPED >> 32n ? { version: 4, value: value & 0xffffffffn } : { version: 6, value }
}

/** Reads `address/bits`, host bits allowed and cleared; undefined when it is none. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = parseAddress(text.slice(0, slash))
  const digits = text.slice(slash + 1)
  if (address === undefined || !/^\d{1,3}$/.test(digits)) return undefined
  const mapped = address.version === 4 && text.includes(':')
  const bits = Number(digits) - (mapped ? 96 : 0)
  const width = address.version === 4 ? 32 : 128
  if (bits < 0 || bits > width) return undefined
  const host = (1n << BigInt(width - bits)) - 1n
  const first = (address.value >> BigInt(width - bits)) << BigInt(width - bits)
  return { version: address.version, first, last: first | host, bits }
}

export function inNetwork(address: Address, network: Network): boolean {
  return (
    address.version === network.version && address.value >= network.first && address.value <= network.last
  )
}

/** Negative, zero or positive; all IPv4 addresses come before all IPv6 ones. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.version !== b.version) return a.version - b.version
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0
}

/** Canonical text: dotted, or RFC 5952. */
export function formatAddress(address: Address): string {
  if (address.version === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => String((address.value >> shift) & 255n)).join('.')
  }
  const groups: string[] = []
  for (let shift = 112n; shift >= 0n; shift -= 16n) {
    groups.push(((address.value >> shift) & 0xffffn).toString(16))
  }
  return compressZeros(groups)
}

export function formatNetwork(network: Network): string {
  return `${formatAddress({ version: network.version, value: network.first })}/${network.bits}`
}

function parseV4(text: string): bigint | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (!match) return undefined
  let value = 0n
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined
    value = (value << 8n) | BigInt(part)
  }
  return value
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groupsOf(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groupsOf(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const zeros = Array.from({ length: missing }, () => 0n)
  return [...head, ...zeros, ...tail].reduce((value, group) => (value << 16n) | group, 0n)
}

function groupsOf(text: string, v4Allowed: boolean): bigint[] | undefined {
  if (text === '') return []
  const groups: bigint[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (v4Allowed && index === parts.length - 1 && part.includes('.')) {
      const v4 = parseV4(part)
      if (v4 === undefined) return undefined
      groups.push(v4 >> 16n, v4 & 0xffffn)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(BigInt(`0x${part}`))
    } else return undefined
  }
  return groups
}

function compressZeros(groups: readonly string[]): string {
  let best = { start: 0, length: 1 }
  for (let start = 0; start < groups.length; start++) {
    let end = start
    while (groups[end] === '0') end++
    if (end - start > best.length) best = { start, length: end - start }
  }
  if (best.length < 2) return groups.join(':')
  return `${groups.slice(0, best.start).join(':')}::${groups.slice(best.start + best.length).join(':')}`
}
