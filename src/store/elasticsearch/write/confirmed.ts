import type { OpenBatch } from './open-batch.ts'

/** As many streams are remembered; of the others every batch is in doubt. */
const STREAMS_MAX = 100_000
/** Somebody else may have taken the stream over, and given it back, in a longer pause than this. */
const VALID_MS = 10_000

interface Confirmed {
  /** All records before it that this process saw are covered. */
  readonly next: number
  readonly atMs: number
}

/**
 * How far each stream was confirmed to this process, lately. An event that directly continues it cannot have been written by
 * anybody before. Bounded: the stream that was quiet longest is forgotten first.
 */
export class ConfirmedStreams {
  readonly #streams = new Map<string, Confirmed>()

  /** Events from this record on are new; undefined when the batch does not directly continue what was confirmed. */
  newFrom({ batch, outline: { span } }: OpenBatch, nowMs: number): number | undefined {
    const confirmed = this.#streams.get(batch.stream)
    if (confirmed === undefined || span === undefined || nowMs - confirmed.atMs > VALID_MS) return undefined
    return span.first <= confirmed.next && span.last >= confirmed.next ? confirmed.next : undefined
  }

  confirm({ batch, outline: { span } }: OpenBatch, nowMs: number): void {
    if (span === undefined) return
    const before = this.#streams.get(batch.stream)?.next ?? 0
    this.#streams.delete(batch.stream)
    this.#streams.set(batch.stream, { next: Math.max(before, span.last + 1), atMs: nowMs })
    if (this.#streams.size > STREAMS_MAX) this.#streams.delete(this.#streams.keys().next().value!)
  }
}
