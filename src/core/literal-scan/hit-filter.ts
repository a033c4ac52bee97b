import type { LineFilter } from '../tagging.ts'

/** Lines that hold one of some offsets. Asked in rising order, as lines are read. */
export class HitFilter implements LineFilter {
  readonly none = false
  readonly #hits: Float64Array
  #next = 0

  constructor(hits: readonly number[]) {
    this.#hits = Float64Array.from(hits).sort()
  }

  may(start: number, end: number): boolean {
    const hits = this.#hits
    while (this.#next < hits.length && hits[this.#next]! < start) this.#next++
    return this.#next < hits.length && hits[this.#next]! < end
  }
}
