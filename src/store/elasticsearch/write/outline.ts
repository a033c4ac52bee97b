import type { EventBatch, EventIndex } from '../../../core/event-batch.ts'

/** The first and the last record that a batch speaks of. */
export interface Span {
  readonly first: number
  readonly last: number
}

/** What a batch is about, found in one pass over its index. */
export interface Outline {
  /** Undefined when the batch says nothing about records. */
  readonly span: Span | undefined
  /** Each event is one record, and they follow one another without a gap: so are most batches. */
  readonly isPlain: boolean
  /**
   * The same for the same events of the same stream, whoever sends them, however often: stream, records, and a hash of which
   * events they became.
   */
  readonly id: string
}

/** Hot: looks at every row. */
export function outlineOf(batch: EventBatch, index: EventIndex): Outline {
  const { count } = index
  const hash = new RowHash()
  let first = Number.POSITIVE_INFINITY
  let last = -1
  let isPlain = batch.moreRanges.length === 0 && batch.covers.length === 0
  let next = count > 0 ? index.firstSeq(0) : 0
  for (let row = 0; row < count; row++) {
    const from = index.firstSeq(row)
    const to = index.lastSeq(row)
    const n = index.n(row)
    if (from !== next || to !== next || n !== 0) isPlain = false
    next = to + 1
    if (from < first) first = from
    if (to > last) last = to
    hash.add(from)
    hash.add(to - from + n * 65_536)
  }
  for (const ranges of batch.moreRanges) {
    for (const [from, to] of ranges) {
      if (to > last) last = to
      hash.add(from)
      hash.add(to)
    }
  }
  for (const cover of batch.covers) {
    if (cover.first < first) first = cover.first
    if (cover.last > last) last = cover.last
    hash.add(cover.first)
    hash.add(cover.last)
    hash.add(cover.reason.length)
  }
  for (const { atSeq, bytes } of batch.losses) {
    hash.add(atSeq)
    hash.add(Math.max(0, bytes))
  }
  const span = last < 0 ? undefined : { first, last }
  return { span, isPlain, id: `${batch.stream}:${span?.first ?? ''}-${span?.last ?? ''}:${hash.text()}` }
}

/** Two halves of 32 bits with different multipliers. Not against an adversary: it tells cuts of one stream apart. */
class RowHash {
  #high = 0x811c9dc5
  #low = 0x9e3779b9

  add(value: number): void {
    const low = value | 0
    this.#high = Math.imul(this.#high ^ low, 0x01000193)
    this.#low = Math.imul(this.#low ^ low, 0x85ebca6b)
    this.#low ^= this.#low >>> 13
    if (value > 0xffffffff) this.#high = Math.imul(this.#high ^ Math.floor(value / 0x100000000), 0x01000193)
  }

  text(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }
}
