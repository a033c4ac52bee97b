import { formatAddress } from '../../../core/address.ts'
import { anyOf, type Clause } from './dsl.ts'

const V4_MAX = 2n ** 32n - 1n
const V6_MAX = 2n ** 128n - 1n
/** Where Elasticsearch keeps IPv4 addresses among those of IPv6: `::ffff:0:0`. */
const MAPPED = 0xffffn << 32n

export interface AddressSpan {
  readonly version: 4 | 6
  /** Both included. */
  readonly first: bigint
  readonly last: bigint
}

/** Addresses of one version: a range of IPv6 does not take the IPv4 addresses that lie in the midst of it. */
export function addressRange(field: string, { version, first, last }: AddressSpan): Clause {
  if (version === 4) return between(field, { version, first, last })
  const parts: AddressSpan[] = [
    { version, first, last: last < MAPPED ? last : MAPPED - 1n },
    { version, first: first > MAPPED + V4_MAX ? first : MAPPED + V4_MAX + 1n, last },
  ]
  return anyOf(parts.filter((part) => part.first <= part.last).map((part) => between(field, part)))
}

function between(field: string, { version, first, last }: AddressSpan): Clause {
  return {
    range: {
      [field]: {
        gte: formatAddress({ version, value: first }),
        lte: formatAddress({ version, value: last }),
      },
    },
  }
}

/** Addresses in order, those of IPv4 first, as one row of numbers. */
export const ADDRESS_PLACE_MAX = V4_MAX + 1n + V6_MAX

export function placeOf(address: { readonly version: 4 | 6; readonly value: bigint }): bigint {
  return address.version === 4 ? address.value : V4_MAX + 1n + address.value
}

/** From one place to another, both included. */
export function addressesBetween(field: string, from: bigint, to: bigint): Clause {
  const spans: AddressSpan[] = []
  if (from <= V4_MAX && from <= to) spans.push({ version: 4, first: from, last: to < V4_MAX ? to : V4_MAX })
  if (to > V4_MAX && from <= to) {
    const first = from > V4_MAX ? from - V4_MAX - 1n : 0n
    spans.push({ version: 6, first, last: to - V4_MAX - 1n })
  }
  return anyOf(spans.map((span) => addressRange(field, span)))
}
