/**
 * Sets of UTF-16 code units as sorted, disjoint, inclusive ranges: `[from, to, from, to, …]`. Regular expressions are read by
 * code unit, as JavaScript does without the flags `u` and `v`.
 */
export type CharSet = readonly number[]

const LAST = 0xffff

export const DIGITS: CharSet = [0x30, 0x39]
export const WORD: CharSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a]
export const SPACE: CharSet = normalize([
  0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f,
  0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff,
])
export const LINE_ENDS: CharSet = [0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029]
export const ANY: CharSet = [0, LAST]

export function normalize(ranges: readonly number[]): CharSet {
  const pairs: [number, number][] = []
  for (let at = 0; at < ranges.length; at += 2) pairs.push([ranges[at]!, ranges[at + 1]!])
  pairs.sort((left, right) => left[0] - right[0])
  const merged: number[] = []
  for (const [from, to] of pairs) {
    if (merged.length > 0 && from <= merged.at(-1)! + 1)
      merged[merged.length - 1] = Math.max(merged.at(-1)!, to)
    else merged.push(from, to)
  }
  return merged
}

export function invert(set: CharSet): CharSet {
  const ranges: number[] = []
  let next = 0
  for (let at = 0; at < set.length; at += 2) {
    if (set[at]! > next) ranges.push(next, set[at]! - 1)
    next = set[at + 1]! + 1
  }
  if (next <= LAST) ranges.push(next, LAST)
  return ranges
}

export function includes(set: CharSet, unit: number): boolean {
  for (let at = 0; at < set.length; at += 2) {
    if (unit < set[at]!) return false
    if (unit <= set[at + 1]!) return true
  }
  return false
}

/** The one code unit of a set that has no other, or undefined. */
export function single(set: CharSet): number | undefined {
  return set.length === 2 && set[0] === set[1] ? set[0] : undefined
}

/**
 * Adds whatever is the same character but for its case, as ECMAScript's Canonicalize says without the flag `u`: by simple
 * upper case, and never from outside ASCII into it.
 */
export function ignoreCase(set: CharSet): CharSet {
  const ranges = [...set]
  for (const [unit, others] of caseTable()) {
    if (includes(set, unit)) for (const other of others) ranges.push(other, other)
  }
  return normalize(ranges)
}

let table: Map<number, readonly number[]> | undefined

function caseTable(): Map<number, readonly number[]> {
  if (table !== undefined) return table
  const classes = new Map<number, number[]>()
  for (let unit = 0; unit <= LAST; unit++) {
    const canonical = canonicalize(unit)
    const members = classes.get(canonical)
    if (members === undefined) classes.set(canonical, [unit])
    else members.push(unit)
  }
  table = new Map()
  for (const members of classes.values()) {
    if (members.length > 1) for (const unit of members) table.set(unit, members)
  }
  return table
}

function canonicalize(unit: number): number {
  const upper = String.fromCharCode(unit).toUpperCase()
  if (upper.length !== 1) return unit
  const canonical = upper.charCodeAt(0)
  return unit >= 128 && canonical < 128 ? unit : canonical
}
