import { type Entry, FOLD, type PairTable, pairTable, SPREAD } from './pair-table.ts'

/**
 * Finds literals in bytes, in any case, by two look-ups for every two bytes: each occurrence of a literal holds, at even places,
 * two pairs of bytes in a row that were chosen for it (`pair-table.ts`).
 *
 * Invariants:
 * - Literals are lower-case ASCII of at least three bytes. The look-up may be wrong, the comparison that follows it never.
 * - "Even" is meant of the ArrayBuffer, so that pairs can be loaded at once (`byteOffset` included). What begins before the
 *   first pair, and behind the last whole step, is looked at place by place.
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
  if (literals.length === 0) return () => {}
  const table = pairTable(literals)
  return (raw, options) => scanPairs(table, raw, options)
}

const NEWLINE = 0x0a
/** GROUPS of the table. A constant of another module would be loaded each time. */
const GROUPS = 8
/** Pairs a step. */
const STEP = 8

function scanPairs(table: PairTable, raw: Uint8Array, options: ScanOptions): void {
  if (raw.byteLength < 3) return
  const { masks } = table
  const base = raw.byteOffset & 1
  const pairs = new Uint16Array(raw.buffer, raw.byteOffset + base, (raw.byteLength - base) >> 1)
  lookAt(table, raw, 0, base + 1, options.report)
  let at = 0
  while (true) {
    at = skipSteps(masks, pairs, at)
    if (at + STEP >= pairs.length) break
    const hit = lookAtStep(table, raw, { pairs, base, from: at }, options.report)
    at += STEP
    if (hit < 0 || !options.oncePerRecord) continue
    const newline = raw.indexOf(NEWLINE, hit)
    if (newline < 0) return
    at = Math.max(at, (newline - base) >> 1)
  }
  lookAt(table, raw, base + at * 2, raw.length, options.report)
}

/**
 * The first step from `at` on in which two pairs fit together, or the last whole one's end: eight couples a step. A function of its
 * own with nothing behind the loop: with it, V8 threw the compiled loop away at each call (1,700 instead of 3,000 MB/s).
 */
function skipSteps(masks: Uint16Array, pairs: Uint16Array, from: number): number {
  const end = pairs.length - STEP
  let at = from
  if (at >= end) return at
  let before = masks[pairs[at]!]!
  for (; at < end; at += STEP) {
    const a = masks[pairs[at + 1]!]!
    const b = masks[pairs[at + 2]!]!
    const c = masks[pairs[at + 3]!]!
    const d = masks[pairs[at + 4]!]!
    const e = masks[pairs[at + 5]!]!
    const f = masks[pairs[at + 6]!]!
    const g = masks[pairs[at + 7]!]!
    const h = masks[pairs[at + 8]!]!
    const found =
      (before & (a >>> GROUPS)) |
      (a & (b >>> GROUPS)) |
      (b & (c >>> GROUPS)) |
      (c & (d >>> GROUPS)) |
      (d & (e >>> GROUPS)) |
      (e & (f >>> GROUPS)) |
      (f & (g >>> GROUPS)) |
      (g & (h >>> GROUPS))
    if (found !== 0) return at
    before = h
  }
  return at
}

/** The places of a step whose pairs fit together; returns the last hit, or -1. */
function lookAtStep(
  table: PairTable,
  raw: Uint8Array,
  { pairs, base, from }: { readonly pairs: Uint16Array; readonly base: number; readonly from: number },
  report: Report,
): number {
  const { masks } = table
  let last = -1
  for (let at = from; at < from + STEP; at++) {
    if ((masks[pairs[at]!]! & (masks[pairs[at + 1]!]! >>> GROUPS)) === 0) continue
    const place = base + at * 2
    last = Math.max(last, lookAt(table, raw, place, place + 2, report))
  }
  return last
}

/** Looks at each place from `from` to `to`; returns the last hit, or -1. */
function lookAt(table: PairTable, raw: Uint8Array, from: number, to: number, report: Report): number {
  const { slots, shift, bucketOf, buckets } = table
  let last = -1
  for (let at = from; at < to && at + 2 < raw.length; at++) {
    const block = raw[at]! | (raw[at + 1]! << 8) | (raw[at + 2]! << 16) | FOLD
    const slot = Math.imul(block, SPREAD) >>> shift
    if (slots[slot] === 0) continue
    for (const entry of buckets[bucketOf[slot]!]!) {
      const start = at - entry.offset
      if (standsAt(raw, start, entry) && report(start, entry.id)) last = Math.max(last, start)
    }
  }
  return last
}

function standsAt(raw: Uint8Array, start: number, { bytes }: Entry): boolean {
  if (start < 0 || start + bytes.length > raw.length) return false
  for (let i = 0; i < bytes.length; i++) {
    const byte = raw[start + i]!
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== bytes[i]) return false
  }
  return true
}
