import {
  type Cover,
  type CoverReason,
  type EventBatch,
  EventIndexWriter,
  type SeqRange,
} from '../core/event-batch.ts'
import { DocumentWriter } from './document-writer.ts'
import { newParserCount, type ParserCount } from './parser-counts.ts'

/** What one batch gives: documents, their index, covers and losses. One sink a thread, used again for each batch. */
export class EventSink {
  readonly writer = new DocumentWriter()
  readonly index = new EventIndexWriter()
  covers: Cover[] = []
  losses: EventBatch['losses'][number][] = []
  ruleSets: (readonly string[])[] = []
  moreRanges: (readonly SeqRange[])[] = []
  /** Records kept as text because no parser could read them. */
  parseFailed = 0
  /** Of senders, by row: see core/foreign-ids. Shorter than the index, or empty, when the last rows have none. */
  ids: string[] = []
  /** How formats have fared with the batch. */
  parsers: ParserCount[] = []
  readonly #ruleSetAt = new Map<string, number>()

  begin(): void {
    this.writer.at = 0
    this.index.clear()
    this.covers = []
    this.losses = []
    this.ruleSets = []
    this.moreRanges = []
    this.parseFailed = 0
    this.ids = []
    this.parsers = []
    this.#ruleSetAt.clear()
  }

  /** Counts of a list of formats, from zero in each batch. */
  parserCount(formats: readonly { readonly name: string }[]): ParserCount {
    const known = this.parsers.find(
      (one) =>
        one.formats.length === formats.length && formats.every(({ name }, at) => name === one.formats[at]),
    )
    if (known !== undefined) return known
    const made = newParserCount(formats)
    this.parsers.push(made)
    return made
  }

  /** Neighbours with the same reason become one. */
  cover(first: number, last: number, reason: CoverReason, detail = ''): void {
    const before = this.covers.at(-1)
    if (
      before !== undefined &&
      before.last + 1 === first &&
      before.reason === reason &&
      before.detail === detail
    ) {
      this.covers[this.covers.length - 1] = { ...before, last }
    } else this.covers.push({ first, last, reason, detail })
  }

  /** Of the row that is added next. */
  foreignId(id: string): void {
    while (this.ids.length < this.index.count) this.ids.push('')
    this.ids.push(id)
  }

  /** 1-based position of a set of rule ids. */
  ruleSet(ids: readonly string[]): number {
    if (ids.length === 0) return 0
    const key = ids.join('\n')
    const at = this.#ruleSetAt.get(key)
    if (at !== undefined) return at
    this.#ruleSetAt.set(key, this.ruleSets.push(ids))
    return this.ruleSets.length
  }

  /** 1-based position of a list of ranges; 0 for a single one. */
  rangeSet(ranges: readonly SeqRange[] | undefined): number {
    return ranges === undefined || ranges.length < 2 ? 0 : this.moreRanges.push(ranges)
  }

  get isEmpty(): boolean {
    return this.index.count === 0 && this.covers.length === 0 && this.losses.length === 0
  }
}
