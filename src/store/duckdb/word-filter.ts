/**
 * Which tokens a block holds: words of its messages, and values of its columns. A block that surely does not hold what a
 * query needs is never read. Two forms: sorted hashes, which can be united when segments are merged, for small blocks; and
 * a blocked Bloom filter for full ones, of which one 64-byte line is read for a token.
 */
const LINE_BYTES = 64
const LINE_BITS = 512
/** 12 bits a token and 6 probes: about 1 of 100 blocks is read for nothing. */
const BITS_A_TOKEN = 12
const PROBES = 6

/** FNV-1a over bytes, then mixed; the query side has to make the same number. */
export function hashBytes(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = seed
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash
}

export function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

export const WORD_SEED = 0x811c9dc5 | 0

export function wordHash(word: string): number {
  const bytes = Buffer.from(word)
  return mix(hashBytes(WORD_SEED, bytes, 0, bytes.length))
}

/** Seed for the values of a column: no word can be taken for a value. */
export function columnSeed(column: string): number {
  const bytes = Buffer.from(`\u0000${column}\u0000`)
  return hashBytes(WORD_SEED, bytes, 0, bytes.length)
}

export function valueHash(column: string, value: string): number {
  const bytes = Buffer.from(value)
  return mix(hashBytes(columnSeed(column), bytes, 0, bytes.length))
}

/** A set of 32-bit hashes that is cheap to fill. 0 is the empty place; the hash 0 is kept as 1. */
export class HashSet {
  #table = new Uint32Array(1 << 15)
  #count = 0

  add(hash: number): void {
    const value = hash === 0 ? 1 : hash
    const mask = this.#table.length - 1
    let at = value & mask
    for (;;) {
      const found = this.#table[at]!
      if (found === value) return
      if (found === 0) break
      at = (at + 1) & mask
    }
    this.#table[at] = value
    if (++this.#count * 2 > this.#table.length) this.#grow()
  }

  get size(): number {
    return this.#count
  }

  /** Sorted; the set is empty afterwards. */
  take(): Uint32Array {
    const hashes = this.#table.filter((hash) => hash !== 0).sort()
    this.#table.fill(0)
    this.#count = 0
    return hashes
  }

  #grow(): void {
    const old = this.#table
    this.#table = new Uint32Array(old.length * 2)
    this.#count = 0
    for (const hash of old) if (hash !== 0) this.add(hash)
  }
}

/** Lines of the filter for so many tokens. */
export function bloomLines(tokens: number): number {
  return Math.max(1, Math.ceil((tokens * BITS_A_TOKEN) / LINE_BITS))
}

export function buildBloom(hashes: Uint32Array): Uint8Array {
  const lines = bloomLines(hashes.length)
  const bytes = new Uint8Array(lines * LINE_BYTES)
  for (const hash of hashes) {
    const base = lineOf(hash, lines) * LINE_BYTES
    let probe = mix(hash ^ 0x9e3779b9)
    for (let i = 0; i < PROBES; i++) {
      const bit = probe & (LINE_BITS - 1)
      bytes[base + (bit >>> 3)]! |= 1 << (bit & 7)
      probe = i === 2 ? mix(hash ^ 0x7f4a7c15) : probe >>> 9
    }
  }
  return bytes
}

export function bloomOffset(hash: number, lines: number): number {
  return lineOf(hash, lines) * LINE_BYTES
}

/** `line`: the LINE_BYTES at `bloomOffset`. False is certain. */
export function lineMayHold(line: Uint8Array, hash: number): boolean {
  let probe = mix(hash ^ 0x9e3779b9)
  for (let i = 0; i < PROBES; i++) {
    const bit = probe & (LINE_BITS - 1)
    if ((line[bit >>> 3]! & (1 << (bit & 7))) === 0) return false
    probe = i === 2 ? mix(hash ^ 0x7f4a7c15) : probe >>> 9
  }
  return true
}

export const BLOOM_LINE_BYTES = LINE_BYTES

/** Hash set's 0 is kept as 1, so it is here. */
function lineOf(hash: number, lines: number): number {
  return Math.floor(((hash === 0 ? 1 : hash) / 4294967296) * lines)
}
