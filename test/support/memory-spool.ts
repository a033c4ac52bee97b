import { setImmediate as later } from 'node:timers/promises'
import { DecklogError } from '../../src/core/errors.ts'
import type { SpooledMark, SpooledMarks } from '../../src/core/spooled-record.ts'
import type { Spool } from '../../src/ports/spool.ts'

export interface MemorySpoolOptions {
  /** @default 1 GiB */
  readonly maxBytes?: number
  /** Each append waits for this before it resolves: a slow disk. @default one turn of the event loop */
  readonly flush?: () => Promise<void>
}

export interface SpooledInMemory {
  readonly names: Readonly<Record<string, string>>
  readonly bytes: Buffer
  readonly mark: SpooledMark | undefined
}

/** The contract of `Spool` in memory: records stay as they came; `shipped` makes room, as the shipper would. */
export class MemorySpool implements Spool {
  /** What is "on disk", in the order of the appends. */
  readonly records: SpooledInMemory[] = []
  /** Thrown by the next appends, while set: a disk that refuses. */
  failure: DecklogError | undefined
  /** Calls of `append`. */
  appends = 0
  readonly #maxBytes: number
  readonly #flush: () => Promise<void>
  #usedBytes = 0

  constructor({ maxBytes = 2 ** 30, flush = later }: MemorySpoolOptions = {}) {
    this.#maxBytes = maxBytes
    this.#flush = flush
  }

  get freeBytes(): number {
    return Math.max(0, this.#maxBytes - this.#usedBytes)
  }

  async append(
    names: Readonly<Record<string, string>>,
    records: readonly Uint8Array[],
    { signal, marks }: { readonly signal?: AbortSignal; readonly marks?: SpooledMarks } = {},
  ): Promise<void> {
    this.appends++
    if (signal?.aborted === true) throw new DecklogError('aborted', 'the append was given up')
    if (this.failure !== undefined) throw this.failure
    const bytes = records.reduce((sum, one) => sum + one.byteLength + 1, 0)
    if (bytes > this.freeBytes) {
      throw new DecklogError('spool-full', 'the spool is full', { retryable: true })
    }
    this.#usedBytes += bytes
    const copies = records.map((one, i) => ({ names, bytes: Buffer.from(one), mark: marks?.get(i) }))
    await Promise.race([this.#flush(), aborted(signal)])
    this.records.push(...copies)
  }

  lastRecord(names: Readonly<Record<string, string>>): Uint8Array | undefined {
    const key = keyOf(names)
    return this.records.findLast((one) => keyOf(one.names) === key)?.bytes
  }

  note: string | undefined

  async keepNote(text: string): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    await this.#flush()
    this.note = text
  }

  /** The records of a stream, or of all, as text. */
  texts(names?: Readonly<Record<string, string>>): string[] {
    const key = names === undefined ? undefined : keyOf(names)
    return this.records
      .filter((one) => key === undefined || keyOf(one.names) === key)
      .map((one) => one.bytes.toString('utf8'))
  }

  /** All has been shipped: there is room again. */
  shipped(): void {
    this.records.length = 0
    this.#usedBytes = 0
  }
}

/** Rejects when the signal fires: the outcome of the append is then unknown to its caller. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => undefined)
  signal?.addEventListener('abort', () => reject(new DecklogError('aborted', 'the append was given up')), {
    once: true,
  })
  return promise
}

function keyOf(names: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(names).sort(([a], [b]) => (a < b ? -1 : 1)))
}
