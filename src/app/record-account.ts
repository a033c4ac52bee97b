import type { RawBatch } from '../core/batch.ts'
import { type EventBatch, EventIndex } from '../core/event-batch.ts'

/**
 * Proves for what is read that each record, and so each byte, ends in one event, or is covered with a reason. Keeps the lengths of
 * records that are still open.
 */
export class RecordAccount {
  /** Records and bytes that are in events, and those that are covered without one. */
  eventRecords = 0
  eventBytes = 0
  coveredRecords = 0
  coveredBytes = 0
  readonly #open = new Map<number, number>()
  /** The record that comes in fragments, and whether its event has left before its end. */
  #fragments = { seq: -1, hasLeft: false }

  read(batch: RawBatch, raw: Buffer): void {
    if (batch.fragment !== null) {
      const seq = batch.firstSeq
      if (seq !== this.#fragments.seq) this.#fragments = { seq, hasLeft: false }
      if (this.#fragments.hasLeft) this.eventBytes += raw.length
      else this.#add(seq, raw.length)
      return
    }
    let at = 0
    for (let seq = batch.firstSeq; at < raw.length; seq++) {
      const newline = raw.indexOf(0x0a, at)
      const end = newline < 0 ? raw.length : newline + 1
      this.#add(seq, end - at)
      at = end
    }
  }

  made(events: EventBatch): void {
    const index = new EventIndex(events)
    for (let row = 0; row < index.count; row++) {
      for (const [first, last] of index.ranges(row)) {
        for (let seq = first; seq <= last; seq++) {
          const bytes = this.#take(seq)
          if (bytes === undefined) continue
          if (seq === this.#fragments.seq) this.#fragments.hasLeft = true
          this.eventRecords++
          this.eventBytes += bytes
        }
      }
    }
    for (const { first, last } of events.covers) {
      for (let seq = first; seq <= last; seq++) {
        const bytes = this.#take(seq)
        if (bytes === undefined) continue
        this.coveredRecords++
        this.coveredBytes += bytes
      }
    }
  }

  /** Records that are in no event and not covered. */
  get openRecords(): number {
    return this.#open.size
  }

  #add(seq: number, bytes: number): void {
    this.#open.set(seq, (this.#open.get(seq) ?? 0) + bytes)
  }

  #take(seq: number): number | undefined {
    const bytes = this.#open.get(seq)
    this.#open.delete(seq)
    return bytes
  }
}
