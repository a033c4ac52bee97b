import { DecklogError } from '../../../core/errors.ts'
import type { EventBatch } from '../../../core/event-batch.ts'
import { passStep } from '../../../core/faults.ts'
import { Outcome, type WriteResult } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { CoverageWriter } from './coverage-writer.ts'
import { judge } from './doubts.ts'
import { KnownStreams } from './known-streams.ts'
import { OpenBatch, type Ticket } from './open-batch.ts'
import { Room } from './room.ts'
import { Sender, type SenderOptions } from './sender.ts'
import { Targets } from './target.ts'

export interface WriterOptions extends SenderOptions {
  /** Unpacked documents that may be here at once; a call waits for room. @default 64 MiB */
  readonly openBytesMax?: number
  /** What is refused for a passing reason is sent again for so long before the call answers `retry`. @default 10,000 */
  readonly retryForMs?: number
}

const OPEN_BYTES_MAX = 64 * 1024 * 1024
const RETRY_FOR_MS = 10_000
const JUDGING = 'looking up what is stored'
/** An id is `<stream>:<seq>.<n>`; Elasticsearch refuses a whole request for one id of more than 512 bytes. */
const STREAM_BYTES_MAX = 512 - 1 - 16 - 6

/** Writes event batches to their data streams, once each, and remembers what they cover. */
export class Writer {
  readonly #context: EsContext
  readonly #sender: Sender
  readonly #coverage: CoverageWriter
  readonly #targets = new Targets()
  readonly #known = new KnownStreams()
  readonly #room: Room
  readonly #retryForMs: number
  readonly #closing = new AbortController()
  readonly #calls = new Set<Promise<unknown>>()

  constructor(context: EsContext, options: WriterOptions) {
    this.#context = context
    this.#sender = new Sender(context, options)
    this.#coverage = new CoverageWriter(context)
    this.#room = new Room(options.openBytesMax ?? OPEN_BYTES_MAX)
    this.#retryForMs = options.retryForMs ?? RETRY_FOR_MS
  }

  async write(batches: readonly EventBatch[], signal?: AbortSignal): Promise<readonly WriteResult[]> {
    this.#checkClasses(batches)
    const stop = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal])
    const bytes = batches.reduce((sum, batch) => sum + batch.documentBytes, 0)
    const { telemetry } = this.#context
    try {
      await this.#room.enter(bytes, stop)
      telemetry.add('decklog_store_open_bytes', bytes)
      try {
        return await this.#tracked(this.#write(batches, stop))
      } finally {
        this.#room.leave(bytes)
        telemetry.add('decklog_store_open_bytes', -bytes)
      }
    } catch (error) {
      if (this.#closing.signal.aborted) throw new DecklogError('closed', 'the store is closed')
      if (signal?.aborted) throw new DecklogError('aborted', 'the write was given up')
      throw error
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#sender.close()
    await Promise.allSettled(this.#calls)
  }

  async #tracked<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call)
    try {
      return await call
    } finally {
      this.#calls.delete(call)
    }
  }

  async #write(batches: readonly EventBatch[], signal: AbortSignal): Promise<readonly WriteResult[]> {
    const ticket: Ticket = { isOver: false, unreachable: undefined }
    const opens = batches.map(
      (batch) => new OpenBatch(batch, { ticket, target: this.#targets.of(batch.dataStream) }),
    )
    for (const open of opens) refuseLongIds(open)
    const end = (): void => this.#end(ticket)
    const timer = setTimeout(end, this.#retryForMs)
    signal.addEventListener('abort', end, { once: true })
    try {
      await this.#judge(opens, { ticket, signal })
      await orAborted(Promise.all(opens.map((open) => this.#send(open))), signal)
      passStep('store-commit-inside')
      await this.#remember(opens, signal)
      passStep('store-committed')
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      this.#end(ticket)
    }
    if (ticket.unreachable !== undefined && opens.every(isUnknown)) throw ticket.unreachable
    return opens.map((open) => open.result())
  }

  /** Tries for as long as the call has time. */
  async #judge(
    opens: readonly OpenBatch[],
    { ticket, signal }: { readonly ticket: Ticket; readonly signal: AbortSignal },
  ): Promise<void> {
    const { clock, complain, mended } = this.#context
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
      try {
        await judge(this.#context, opens, { known: this.#known, signal })
        mended(JUDGING)
        return
      } catch (error) {
        if (signal.aborted || !(error instanceof DecklogError) || !error.retryable) throw error
        complain(JUDGING, `${error.message}; nothing is written before it is known what is there`)
        if (ticket.isOver) throw error
        await clock.sleep(pauseMs, signal)
      }
    }
  }

  async #send(open: OpenBatch): Promise<void> {
    if (open.openRows === 0) return
    this.#sender.send(open)
    await open.done()
    open.release()
  }

  /** What each batch covers is written after its events, for it says that they are there. */
  async #remember(opens: readonly OpenBatch[], signal: AbortSignal): Promise<void> {
    await this.#coverage.write(
      opens.filter((open) => open.isFinal && !open.isCovered),
      signal,
    )
    const nowMs = Number(this.#context.clock.monotonicNs() / 1_000_000n)
    for (const open of opens) if (open.isFinal) this.#known.add(open, nowMs)
  }

  #end(ticket: Ticket): void {
    if (ticket.isOver) return
    ticket.isOver = true
    this.#sender.sweep()
  }

  #checkClasses(batches: readonly EventBatch[]): void {
    for (const batch of batches) {
      const why = this.#context.refused.get(batch.class)
      if (why !== undefined) throw new DecklogError('disk-full', why, { retryable: true })
    }
  }
}

function isUnknown({ outcomes }: OpenBatch): boolean {
  return outcomes.every((outcome) => outcome === Outcome.retry)
}

function refuseLongIds(open: OpenBatch): void {
  if (Buffer.byteLength(open.batch.stream) <= STREAM_BYTES_MAX) return
  for (const row of open.open())
    open.settle(row, Outcome.reject, 'the id of its stream is longer than an id may be')
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error)
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
