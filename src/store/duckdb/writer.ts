import { DecklogError } from '../../core/errors.ts'
import { EventIndex, type EventBatch } from '../../core/event-batch.ts'
import { passStep } from '../../core/faults.ts'
import { Outcome, type WriteResult } from '../../ports/store.ts'
import { applyBatch, cloneStream, newStream, type StreamState } from './coverage.ts'
import { encodeEntry } from './entry.ts'
import type { Indexer, PendingEntry } from './indexer.ts'
import type { EntryPlace, Journal } from './journal.ts'
import type { Streams } from './streams.ts'

export interface WriterOptions {
  readonly journal: Journal
  readonly streams: Streams
  readonly indexer: Indexer
  /** Throws when the class may not grow. */
  readonly checkQuota: (className: string) => void
  /** Called between groups, when state and journal agree. */
  readonly onCommitted: (place: EntryPlace) => void
}

/** Bytes of one group at most, but for a larger single call. */
const GROUP_BYTES_MAX = 16 * 1024 * 1024

interface Request {
  readonly batches: readonly EventBatch[]
  readonly signal: AbortSignal | undefined
  readonly resolve: (results: readonly WriteResult[]) => void
  readonly reject: (error: unknown) => void
}

interface Staged {
  readonly states: Map<string, StreamState>
  readonly entries: { readonly payload: Uint8Array[]; readonly pending: Omit<PendingEntry, 'place'> }[]
  nextArrival: number
}

/** Decides and commits: calls that wait together are one group with one flush. What a failed group decided is forgotten. */
export class Writer {
  readonly #options: WriterOptions
  readonly #queue: Request[] = []
  #running = false
  #work: Promise<void> | undefined
  #closed = false

  constructor(options: WriterOptions) {
    this.#options = options
  }

  async write(
    batches: readonly EventBatch[],
    signal: AbortSignal | undefined,
  ): Promise<readonly WriteResult[]> {
    for (const className of new Set(batches.map((batch) => batch.class))) {
      this.#options.checkQuota(className)
      await this.#options.indexer.room(className, signal)
    }
    if (this.#closed) throw closedError()
    return new Promise((resolve, reject) => {
      this.#queue.push({ batches, signal, resolve, reject })
      if (this.#running) return
      this.#running = true
      this.#work = this.#run()
    })
  }

  /** The group that is being written is finished; what waits is rejected. */
  async close(): Promise<void> {
    this.#closed = true
    for (const request of this.#queue.splice(0)) request.reject(closedError())
    await this.#work
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) await this.#commit(this.#group())
    this.#running = false
  }

  #group(): Request[] {
    const group: Request[] = []
    let bytes = 0
    while (this.#queue.length > 0 && (group.length === 0 || bytes < GROUP_BYTES_MAX)) {
      const request = this.#queue.shift()!
      if (request.signal?.aborted) {
        request.reject(new DecklogError('aborted', 'the write was given up before it began'))
        continue
      }
      bytes += request.batches.reduce((sum, batch) => sum + batch.documents.byteLength, 0)
      group.push(request)
    }
    return group
  }

  async #commit(group: readonly Request[]): Promise<void> {
    const { journal, streams, indexer, onCommitted } = this.#options
    const staged: Staged = { states: new Map(), entries: [], nextArrival: streams.nextArrival }
    try {
      const results = group.map(({ batches }) => batches.map((batch) => this.#stage(batch, staged)))
      const places =
        staged.entries.length === 0 ? [] : await journal.append(staged.entries.map((entry) => entry.payload))
      if (places.length > 0) passStep('store-committed')
      for (const state of staged.states.values()) streams.set(state)
      streams.nextArrival = staged.nextArrival
      for (const [at, { pending }] of staged.entries.entries()) {
        if (pending.rows > 0) indexer.add({ ...pending, place: places[at]! })
      }
      if (places.length > 0) onCommitted(places.at(-1)!)
      for (const [at, request] of group.entries()) request.resolve(results[at]!)
    } catch (error) {
      for (const request of group) request.reject(error)
    }
  }

  #stage(batch: EventBatch, staged: Staged): WriteResult {
    const reason = damageOf(batch)
    if (reason !== undefined) return rejected(batch, reason)
    const known = staged.states.get(batch.stream) ?? this.#options.streams.get(batch.stream)
    const isStaged = staged.states.has(batch.stream)
    const state = known === undefined ? newStream(batch) : isStaged ? known : cloneStream(known)
    const { outcomes, reasons, storedCount, changed } = applyBatch(state, batch)
    if (!changed) return { outcomes, reasons }
    staged.states.set(batch.stream, state)
    const rows = storedCount === outcomes.length ? undefined : storedRows(outcomes)
    staged.entries.push({
      payload: encodeEntry(batch, staged.nextArrival, rows),
      pending: {
        class: batch.class,
        arrival: staged.nextArrival,
        rows: storedCount,
        documentBytes: batch.documentBytes,
        receivedMs: batch.receivedMs,
      },
    })
    staged.nextArrival += storedCount
    return { outcomes, reasons }
  }
}

function storedRows(outcomes: Uint8Array): number[] {
  const rows: number[] = []
  for (const [row, outcome] of outcomes.entries()) if (outcome === Outcome.stored) rows.push(row)
  return rows
}

function closedError(): DecklogError {
  return new DecklogError('closed', 'the store is closed')
}

/** Why a batch cannot be read: it would harm its neighbours in a segment. */
function damageOf(batch: EventBatch): string | undefined {
  if (!/^[0-9a-f]{24}$/.test(batch.stream)) return 'damaged: the stream is no stream id'
  const index = new EventIndex(batch)
  for (let row = 0; row < index.count; row++) {
    if (index.offset(row) + index.length(row) > batch.documentBytes)
      return 'damaged: a document lies outside the batch'
    const isRange = index
      .ranges(row)
      .every(
        ([first, last]) =>
          Number.isSafeInteger(first) && Number.isSafeInteger(last) && first >= 0 && last >= first,
      )
    if (!isRange || !Number.isSafeInteger(index.firstSeq(row)) || index.firstSeq(row) < 0)
      return 'damaged: a record number is none'
  }
  return undefined
}

function rejected(batch: EventBatch, reason: string): WriteResult {
  const { count } = new EventIndex(batch)
  const outcomes = new Uint8Array(count).fill(Outcome.reject)
  return { outcomes, reasons: new Map([...outcomes.keys()].map((row) => [row, reason])) }
}
