import { type Address, type Network, parseAddress, parseNetwork } from '../../core/address.ts'

/** Names of networks by address: one look-up for each length of prefix that occurs. */
export class NetworkTable {
  /** By `version/bits`: names by the network's first address. */
  readonly #lengths = new Map<string, { version: 4 | 6; shift: bigint; names: Map<bigint, string[]> }>()

  add(text: string, name: string): boolean {
    const network = networkOf(text)
    if (network === undefined) return false
    const { version, bits } = network
    const shift = BigInt((version === 4 ? 32 : 128) - bits)
    const key = `${version}/${bits}`
    const length = this.#lengths.get(key) ?? { version, shift, names: new Map<bigint, string[]>() }
    this.#lengths.set(key, length)
    const prefix = network.first >> shift
    const names = length.names.get(prefix) ?? []
    length.names.set(prefix, names.includes(name) ? names : [...names, name])
    return true
  }

  /** Of all networks that hold it, in the order of their lengths' first appearance. */
  namesOf(address: Address): string[] {
    const found: string[] = []
    for (const { version, shift, names } of this.#lengths.values()) {
      if (version !== address.version) continue
      for (const name of names.get(address.value >> shift) ?? []) if (!found.includes(name)) found.push(name)
    }
    return found
  }
}

function networkOf(text: string): Network | undefined {
  if (text.includes('/')) return parseNetwork(text)
  const address = parseAddress(text)
  if (address === undefined) return undefined
  const { version, value } = address
  return { version, first: value, last: value, bits: version === 4 ? 32 : 128 }
}
