import { pairFrequency } from './rarity.ts'

/**
 * What the scan looks for: of each literal two pairs of bytes that follow one another, once for where the literal begins at an
 * even place and once for an odd one, the rarest that there are. Each couple belongs to one of eight groups, and a pair has a
 * bit for each group in which it is a first or a second one.
 */
export interface PairTable {
  /** By pair (`first | second << 8`): groups that have it as their first pair, and above them those that have it as their second. */
  readonly masks: Uint16Array
  /** By hash of three folded bytes: 1 where a literal of a couple has them. */
  readonly slots: Uint8Array
  readonly shift: number
  readonly bucketOf: Uint16Array
  readonly buckets: readonly (readonly Entry[])[]
}

export interface Entry {
  readonly id: number
  readonly bytes: Uint8Array
  /** Where in the literal the three bytes stand. */
  readonly offset: number
}

/** Letters of either case alike (and some signs too). */
export const FOLD = 0x202020
/** Knuth's multiplier: the upper bits of the product depend on every bit of the block. */
export const SPREAD = 0x9e3779b1 | 0
const GROUPS = 8
const SLOTS_PER_ENTRY = 32
const SLOT_BITS_MIN = 10
const SLOT_BITS_MAX = 17

interface Couple {
  readonly first: Pair
  readonly second: Pair
  readonly frequency: number
}

/** Two characters; undefined is any. */
type Pair = readonly [string | undefined, string | undefined]

/** `literals`: lower-case ASCII, of at least three characters. */
export function pairTable(literals: readonly string[]): PairTable {
  const couples: Couple[] = []
  const entries: Entry[] = []
  for (const [id, literal] of literals.entries()) {
    const bytes = Buffer.from(literal, 'latin1')
    const even = rarestOffset(literal, 0)
    const odd = rarestOffset(literal, -1)
    couples.push(coupleAt(literal, even), coupleAt(literal, odd))
    for (const offset of new Set([blockAt(literal, even), blockAt(literal, odd)]))
      entries.push({ id, bytes, offset })
  }
  return { masks: masksOf(couples), ...hashed(entries) }
}

/** Where the couple at `at` has its rarest three bytes: at its first or its second place. */
function blockAt(literal: string, at: number): number {
  const frequency = (from: number): number => {
    if (from < 0 || from + 3 > literal.length) return Number.POSITIVE_INFINITY
    return (
      pairFrequency(literal[from], literal[from + 1]) * pairFrequency(literal[from + 1], literal[from + 2])
    )
  }
  return frequency(at + 1) < frequency(at) ? at + 1 : at
}

function rarestOffset(literal: string, from: number): number {
  let best = from
  for (let at = from; at === from || at + 4 <= literal.length; at += 2) {
    if (coupleAt(literal, at).frequency < coupleAt(literal, best).frequency) best = at
  }
  return best
}

function coupleAt(literal: string, at: number): Couple {
  const first: Pair = [literal[at], literal[at + 1]]
  const second: Pair = [literal[at + 2], literal[at + 3]]
  return { first, second, frequency: pairFrequency(...first) * pairFrequency(...second) }
}

/** Gives each couple to the group in which it makes the fewest others match by chance, the frequent ones first. */
function masksOf(couples: readonly Couple[]): Uint16Array {
  const masks = new Uint16Array(1 << 16)
  const groups = Array.from({ length: GROUPS }, () => ({ first: new PairSet(), second: new PairSet() }))
  for (const { first, second } of couples.toSorted((a, b) => b.frequency - a.frequency)) {
    let best = 0
    let least = Number.POSITIVE_INFINITY
    for (const [at, group] of groups.entries()) {
      const together = group.first.frequencyWith(first) * group.second.frequencyWith(second)
      const added = together - group.first.frequency * group.second.frequency
      if (added >= least) continue
      least = added
      best = at
    }
    groups[best]!.first.add(first)
    groups[best]!.second.add(second)
    for (const pair of spellingsOf(first)) masks[pair]! |= 1 << best
    for (const pair of spellingsOf(second)) masks[pair]! |= 1 << (best + GROUPS)
  }
  return masks
}

class PairSet {
  frequency = 0
  readonly #known = new Set<string>()

  frequencyWith(pair: Pair): number {
    return this.#known.has(keyOf(pair)) ? this.frequency : this.frequency + pairFrequency(...pair)
  }

  add(pair: Pair): void {
    this.frequency = this.frequencyWith(pair)
    this.#known.add(keyOf(pair))
  }
}

function keyOf([first, second]: Pair): string {
  return `${first ?? '**'}${second ?? '**'}`
}

/** In every case. */
function spellingsOf([first, second]: Pair): number[] {
  return bytesOf(first).flatMap((low) => bytesOf(second).map((high) => low | (high << 8)))
}

function bytesOf(char: string | undefined): readonly number[] {
  if (char === undefined) return ANY
  return [...new Set([char.charCodeAt(0), char.toUpperCase().charCodeAt(0)])]
}

const ANY = Array.from({ length: 256 }, (_, byte) => byte)

function hashed(entries: readonly Entry[]): Omit<PairTable, 'masks'> {
  const wanted = Math.ceil(Math.log2(Math.max(1, entries.length) * SLOTS_PER_ENTRY))
  const bits = Math.min(SLOT_BITS_MAX, Math.max(SLOT_BITS_MIN, wanted))
  const shift = 32 - bits
  const slots = new Uint8Array(1 << bits)
  const bucketOf = new Uint16Array(1 << bits)
  const buckets: Entry[][] = [[]]
  for (const entry of entries) {
    const { bytes, offset } = entry
    const block = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | FOLD
    const slot = Math.imul(block, SPREAD) >>> shift
    if (slots[slot] === 0) bucketOf[slot] = buckets.push([]) - 1
    slots[slot] = 1
    buckets[bucketOf[slot]!]!.push(entry)
  }
  return { slots, shift, bucketOf, buckets }
}
