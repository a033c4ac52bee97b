import { rarestWindow } from './rarity.ts'

/**
 * Finds literals in bytes, in any case, by looking only at some places: every literal is longer than the distance between two
 * of them, so one lies in each occurrence, and the few bytes there are looked up in a table.
 *
 * Invariants:
 * - Literals are lower-case ASCII. `| 0x20` makes letters of either case alike (and some signs too): the look-up may be wrong
 *   for that, the comparison that follows it never.
 * - A literal of 4 or more holds 3 bytes at an even place: only even places are looked at, unless there is one of 3. Which
 *   bytes of a longer literal that are is decided beforehand: the rarest.
 * - Bytes are loaded as words of the ArrayBuffer (`byteOffset` included); what is before the first and behind the last, singly.
 * - Every occurrence is reported, some of them twice, in no order; but what follows a hit up to the next newline is left out
 *   when only one hit a record is asked for.
 */
export type Report = (start: number, literal: number) => boolean

export interface ScanOptions {
  /** Gets where a literal begins, and its place in the list; says whether it counts as a hit. */
  readonly report: Report
  /** One hit a record is enough. */
  readonly oncePerRecord: boolean
}

export type Scan = (raw: Uint8Array, options: ScanOptions) => void

export function compileScan(literals: readonly string[]): Scan {
  const numbered = literals.map((text, id): Literal => ({ id, bytes: Buffer.from(text, 'latin1') }))
  const everywhere = numbered.some(({ bytes }) => bytes.length === 3)
  const table = blockTable(numbered, everywhere ? 1 : 2)
  if (numbered.length === 0) return () => {}
  return (raw, options) => (everywhere ? scanEvery : scanPairs)(table, raw, options)
}

interface Literal {
  readonly id: number
  readonly bytes: Uint8Array
}

interface Entry extends Literal {
  /** Where in the literal the block stands. */
  readonly offset: number
}

interface BlockTable {
  /** By slot: 1 where some literal has a block. A byte each, so that the table stays in the cache beside what is parsed. */
  readonly slots: Uint8Array
  readonly shift: number
  /** By slot: its place in `buckets`. */
  readonly bucketOf: Uint16Array
  readonly buckets: readonly (readonly Entry[])[]
}

const NEWLINE = 0x0a
const FOLD = 0x20202020
const BLOCK = 0xffffff
/** Knuth's multiplier: the upper bits of the product depend on every bit of the block. */
const SPREAD = 0x9e3779b1 | 0
/** Slots for each block: so few are taken that one in a hundred words is looked at for nothing. */
const SLOTS_PER_BLOCK = 256
const SLOT_BITS_MIN = 12
const SLOT_BITS_MAX = 17

/** `places`: 2 when only even places will be looked at, 1 when all are. */
function blockTable(literals: readonly Literal[], places: 1 | 2): BlockTable {
  const wanted = Math.ceil(Math.log2(literals.length * places * SLOTS_PER_BLOCK))
  const bits = Math.min(SLOT_BITS_MAX, Math.max(SLOT_BITS_MIN, wanted))
  const shift = 32 - bits
  const slots = new Uint8Array(1 << bits)
  const bucketOf = new Uint16Array(1 << bits)
  const buckets: Entry[][] = [[]]
  for (const { id, bytes } of literals) {
    const first = rarestWindow(Buffer.from(bytes).toString('latin1'), places)
    for (let offset = first; offset < first + places; offset++) {
      const block = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (FOLD & BLOCK)
      const slot = Math.imul(block, SPREAD) >>> shift
      if (slots[slot] === 0) bucketOf[slot] = buckets.push([]) - 1
      slots[slot] = 1
      buckets[bucketOf[slot]!]!.push({ id, bytes, offset })
    }
  }
  return { slots, shift, bucketOf, buckets }
}

/** The whole words in `raw`, and where in it the first one is. */
function wordsOf(raw: Uint8Array): { words: Int32Array; base: number } {
  const base = -raw.byteOffset & 3
  const count = Math.max(0, (raw.byteLength - base) >> 2)
  if (count === 0) return { words: new Int32Array(0), base: 0 }
  return { words: new Int32Array(raw.buffer, raw.byteOffset + base, count), base }
}

/** Blocks of three at even places: four words a step, and the first byte of the fifth. */
function scanPairs(table: BlockTable, raw: Uint8Array, options: ScanOptions): void {
  const { slots, shift } = table
  const { words, base } = wordsOf(raw)
  scanBytes(table, raw, 0, base, options.report)
  let at = 0
  for (; at + 4 < words.length; at += 4) {
    const first = words[at]! | FOLD
    const second = words[at + 1]! | FOLD
    const third = words[at + 2]! | FOLD
    const fourth = words[at + 3]! | FOLD
    const next = words[at + 4]! | FOLD
    if (
      (slots[Math.imul(first & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(((first >>> 16) | (second << 16)) & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(second & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(((second >>> 16) | (third << 16)) & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(third & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(((third >>> 16) | (fourth << 16)) & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(fourth & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(((fourth >>> 16) | (next << 16)) & BLOCK, SPREAD) >>> shift]!) ===
      0
    ) {
      continue
    }
    const from = base + at * 4
    const hit = scanBytes(table, raw, from, from + 16, options.report, 2)
    if (hit < 0 || !options.oncePerRecord) continue
    const newline = raw.indexOf(NEWLINE, hit)
    if (newline < 0) return
    at = Math.max(at, (((newline - base) >> 2) & ~3) - 4)
  }
  scanBytes(table, raw, base + at * 4, raw.length, options.report)
}

/** Blocks of three at every place: two words a step, and two bytes of the third. */
function scanEvery(table: BlockTable, raw: Uint8Array, options: ScanOptions): void {
  const { slots, shift } = table
  const { words, base } = wordsOf(raw)
  scanBytes(table, raw, 0, base, options.report)
  let at = 0
  for (; at + 2 < words.length; at += 2) {
    const first = words[at]! | FOLD
    const second = words[at + 1]! | FOLD
    const next = words[at + 2]! | FOLD
    if (
      (slots[Math.imul(first & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(first >>> 8, SPREAD) >>> shift]! |
        slots[Math.imul(((first >>> 16) | (second << 16)) & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(((first >>> 24) | (second << 8)) & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(second & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(second >>> 8, SPREAD) >>> shift]! |
        slots[Math.imul(((second >>> 16) | (next << 16)) & BLOCK, SPREAD) >>> shift]! |
        slots[Math.imul(((second >>> 24) | (next << 8)) & BLOCK, SPREAD) >>> shift]!) ===
      0
    ) {
      continue
    }
    const from = base + at * 4
    const hit = scanBytes(table, raw, from, from + 8, options.report)
    if (hit < 0 || !options.oncePerRecord) continue
    const newline = raw.indexOf(NEWLINE, hit)
    if (newline < 0) return
    at = Math.max(at, (((newline - base) >> 2) & ~1) - 2)
  }
  scanBytes(table, raw, base + at * 4, raw.length, options.report)
}

/** Looks at the places from `from` to `to`; returns the last hit, or -1. */
function scanBytes(
  table: BlockTable,
  raw: Uint8Array,
  from: number,
  to: number,
  report: Report,
  step = 1,
): number {
  const { slots, shift } = table
  let last = -1
  for (let at = from; at < to && at + 2 < raw.length; at += step) {
    const block = raw[at]! | (raw[at + 1]! << 8) | (raw[at + 2]! << 16) | (FOLD & BLOCK)
    const slot = Math.imul(block, SPREAD) >>> shift
    if (slots[slot] !== 0) last = Math.max(last, verify(table, raw, slot, at, report))
  }
  return last
}

/** Reports each literal that stands so that its block in `slot` is at `at`; returns the last that counts, or -1. */
function verify(table: BlockTable, raw: Uint8Array, slot: number, at: number, report: Report): number {
  let last = -1
  for (const { id, bytes, offset } of table.buckets[table.bucketOf[slot]!]!) {
    const start = at - offset
    if (start < 0 || start + bytes.length > raw.length || !standsAt(raw, start, bytes)) continue
    if (report(start, id)) last = Math.max(last, start)
  }
  return last
}

function standsAt(raw: Uint8Array, start: number, literal: Uint8Array): boolean {
  for (let i = 0; i < literal.length; i++) {
    const byte = raw[start + i]!
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== literal[i]) return false
  }
  return true
}
