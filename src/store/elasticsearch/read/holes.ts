import type { NumberRange } from './arrivals.ts'
import type { Hole } from './scan-cursor.ts'

/**
 * How long a number may be missing before it is taken for one that no document has: a refused write uses one up. A write that
 * is visible so late would be missed; a second is usual, a minute is a server that hangs.
 */
export const HOLE_MS = 60_000
/** Of a shard. Ones that were seen first are given up first. */
export const HOLES_MAX = 500
/** Below it the numbers are asked for one by one. */
const LIST_MAX = 1_000
/** Questions to find the holes of one stretch; what was not looked through by then stays for the next scan. */
const QUESTIONS_MAX = 64

export interface HoleFinder {
  readonly count: (range: NumberRange) => Promise<number>
  readonly list: (range: NumberRange) => Promise<readonly number[]>
}

export interface Stretch {
  readonly holes: readonly NumberRange[]
  /** The number up to which all is known. */
  readonly last: number
}

/** Numbers of the range that are not visible, found by counting halves. */
export async function findHoles(range: NumberRange, finder: HoleFinder): Promise<Stretch> {
  const holes: NumberRange[] = []
  const open = [range]
  for (let questions = 0; open.length > 0; questions++) {
    const next = open.pop()!
    const { first, last } = next
    if (questions >= QUESTIONS_MAX || holes.length >= HOLES_MAX)
      return { holes: joined(holes), last: first - 1 }
    const size = last - first + 1
    const there = await finder.count(next)
    if (there === size) continue
    if (there === 0) holes.push(next)
    else if (size <= LIST_MAX) holes.push(...missingOf(next, await finder.list(next)))
    else {
      const middle = first + Math.floor(size / 2)
      // The earlier half is looked at first.
      open.push({ first: middle, last }, { first, last: middle - 1 })
    }
  }
  return { holes: joined(holes), last: range.last }
}

/** What the numbers, in order, leave of the range. */
export function missingOf({ first, last }: NumberRange, numbers: readonly number[]): NumberRange[] {
  const missing: NumberRange[] = []
  let next = first
  for (const number of numbers) {
    if (number > next) missing.push({ first: next, last: number - 1 })
    next = number + 1
  }
  if (next <= last) missing.push({ first: next, last })
  return missing
}

/** What is between the holes, which are in order. */
export function between(holes: readonly NumberRange[], { first, last }: NumberRange): NumberRange[] {
  const ranges: NumberRange[] = []
  let next = first
  for (const hole of holes) {
    if (hole.first > next) ranges.push({ first: next, last: hole.first - 1 })
    next = hole.last + 1
  }
  if (next <= last) ranges.push({ first: next, last })
  return ranges
}

/** Holes less the numbers that have come, and those that are too old to come. */
export function remaining(holes: readonly Hole[], come: readonly number[], nowMs: number): Hole[] {
  return holes
    .filter(({ sinceMs }) => nowMs - sinceMs < HOLE_MS)
    .flatMap((hole) => {
      const own = come.filter((number) => number >= hole.first && number <= hole.last)
      return missingOf(hole, own).map((range) => ({ ...range, sinceMs: hole.sinceMs }))
    })
    .slice(-HOLES_MAX)
}

function joined(ranges: readonly NumberRange[]): NumberRange[] {
  const all: NumberRange[] = []
  for (const range of ranges) {
    const before = all.at(-1)
    if (before !== undefined && before.last + 1 === range.first)
      all[all.length - 1] = { first: before.first, last: range.last }
    else all.push(range)
  }
  return all
}
