import type { SeqRange } from './event-batch.ts'

/**
 * A set of non-negative integers that mostly grows at its end: a low-water mark below which all are in, and sorted
 * disjoint ranges above it. This is what a store has of a stream, and what a role knows to be settled.
 */
export class RangeSet {
  /** All of 0 .. lowWater-1 are in the set. */
  lowWater: number
  /** Sorted, disjoint, not touching, all above lowWater. */
  #above: [number, number][]

  constructor(lowWater = 0, above: readonly SeqRange[] = []) {
    this.lowWater = lowWater
    this.#above = above.map(([first, last]) => [first, last])
  }

  get above(): readonly SeqRange[] {
    return this.#above
  }

  /** Are all of first..last in the set? An empty range (last < first) is. */
  has(first: number, last: number): boolean {
    if (last < this.lowWater || last < first) return true
    const from = Math.max(first, this.lowWater)
    const range = this.#above[this.#firstEndingAtOrAfter(from)]
    return range !== undefined && range[0] <= from && range[1] >= last
  }

  /** Is any of first..last in the set? */
  overlaps(first: number, last: number): boolean {
    if (last < first) return false
    if (first < this.lowWater) return true
    const range = this.#above[this.#firstEndingAtOrAfter(first)]
    return range !== undefined && range[0] <= last
  }

  add(first: number, last: number): void {
    if (last < first || last < this.lowWater) return
    let from = Math.max(first, this.lowWater)
    let to = last
    const start = this.#firstEndingAtOrAfter(from - 1)
    let end = start
    while (end < this.#above.length && this.#above[end]![0] <= to + 1) {
      from = Math.min(from, this.#above[end]![0])
      to = Math.max(to, this.#above[end]![1])
      end++
    }
    if (from === this.lowWater) {
      this.lowWater = to + 1
      this.#above.splice(start, end - start)
    } else {
      this.#above.splice(start, end - start, [from, to])
    }
  }

  /** What of first..last is not in the set. */
  missing(first: number, last: number): SeqRange[] {
    const gaps: SeqRange[] = []
    let at = Math.max(first, this.lowWater)
    for (let i = this.#firstEndingAtOrAfter(at); i < this.#above.length && at <= last; i++) {
      const [from, to] = this.#above[i]!
      if (from > at) gaps.push([at, Math.min(from - 1, last)])
      at = Math.max(at, to + 1)
    }
    if (at <= last) gaps.push([at, last])
    return gaps
  }

  clone(): RangeSet {
    return new RangeSet(this.lowWater, this.#above)
  }

  /** How many numbers are in the set. */
  get size(): number {
    let total = this.lowWater
    for (const [first, last] of this.#above) total += last - first + 1
    return total
  }

  #firstEndingAtOrAfter(value: number): number {
    let low = 0
    let high = this.#above.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#above[middle]![1] < value) low = middle + 1
      else high = middle
    }
    return low
  }
}
