import { DecklogError } from '../../core/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { entryOf, flushFiles, removeFiles, type Catalog, type SegmentPlace } from './catalog.ts'
import { LAYOUT_VERSION } from './columns.ts'
import type { EntryPlace } from './journal.ts'
import type { SegmentEntry } from './manifest.ts'
import type { SegmentWorker } from './segment-worker.ts'

/** An entry of the journal that no segment holds yet. */
export interface PendingEntry {
  readonly place: EntryPlace
  readonly class: string
  readonly arrival: number
  readonly rows: number
  readonly documentBytes: number
  readonly receivedMs: number
}

export interface IndexerOptions {
  readonly catalog: Catalog
  readonly worker: SegmentWorker
  readonly clock: Clock
  /** Of the journal. */
  readonly directory: string
  /** How long committed entries wait for more. */
  readonly intervalMs: number
  /** Unpacked documents that a class may have waiting; then its writes wait. */
  readonly backlogBytesMax: number
  /** Called after each change of what is in segments. */
  readonly onIndexed: () => void
  readonly onError: (error: unknown) => void
}

/** One job: large enough for full blocks, small enough that another class does not wait long. */
const JOB_ROWS_MAX = 32 * 1024
const JOB_BYTES_MAX = 24 * 1024 * 1024
const RETRY_MS = 500

interface Lane {
  /** Those at the front may be in a job already. */
  readonly entries: PendingEntry[]
  bytes: number
  /** How many of `entries` a job has, and their bytes. */
  taken: number
  takenBytes: number
}

interface Job {
  readonly lane: Lane
  readonly entries: readonly PendingEntry[]
  readonly bytes: number
}

/**
 * Turns committed entries into segments, class by class in turn, so that a loud class never delays a quiet one by more than a job.
 * While a segment is flushed and named, the worker makes the next one; they are named in the order in which they were made.
 */
export class Indexer {
  readonly #options: IndexerOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #waiters: (() => void)[] = []
  readonly #abort = new AbortController()
  /** False from the very moment in which the last entry was seen to be gone: what is added later starts a new run. */
  #running = false
  #work: Promise<void> | undefined
  /** The segment that is being flushed and named. */
  #naming: Promise<void> = Promise.resolve()
  #flushing = 0

  constructor(options: IndexerOptions) {
    this.#options = options
  }

  /** In order of arrival within a class. */
  add(entry: PendingEntry): void {
    let lane = this.#lanes.get(entry.class)
    if (lane === undefined) {
      lane = { entries: [], bytes: 0, taken: 0, takenBytes: 0 }
      this.#lanes.set(entry.class, lane)
    }
    lane.entries.push(entry)
    lane.bytes += entry.documentBytes
    this.start()
  }

  start(): void {
    if (this.#abort.signal.aborted || this.#running) return
    this.#running = true
    this.#work = this.#run()
  }

  /** Resolves when the class has room again. */
  async room(className: string, signal: AbortSignal | undefined): Promise<void> {
    while ((this.#lanes.get(className)?.bytes ?? 0) > this.#options.backlogBytesMax) {
      if (this.#abort.signal.aborted) throw new DecklogError('closed', 'the store is closed')
      await this.#change(signal)
    }
  }

  /** Resolves when what was added before is in segments. */
  async drained(signal?: AbortSignal): Promise<void> {
    this.#flushing++
    try {
      while (this.pendingFrom('*') !== undefined && !this.#abort.signal.aborted) {
        this.start()
        await this.#change(signal)
      }
    } finally {
      this.#flushing--
    }
  }

  /** First arrival of these classes that is in no segment; undefined when all are. */
  pendingFrom(classes: readonly string[] | '*'): number | undefined {
    let first: number | undefined
    for (const [className, { entries }] of this.#lanes) {
      const head = entries[0]
      if (head === undefined || (classes !== '*' && !classes.includes(className))) continue
      if (first === undefined || head.arrival < first) first = head.arrival
    }
    return first
  }

  /** The oldest file of the journal that is still needed; undefined when none is. */
  oldestFile(): number | undefined {
    let oldest: number | undefined
    for (const { entries } of this.#lanes.values()) {
      const file = entries[0]?.place.file
      if (file !== undefined && (oldest === undefined || file < oldest)) oldest = file
    }
    return oldest
  }

  /** The job that runs is finished, or given up with its worker. */
  async close(): Promise<void> {
    this.#abort.abort()
    this.#wake()
    await this.#work
  }

  /** Rounds: a pause in which entries gather, then a job of each class that has some. */
  async #run(): Promise<void> {
    const { signal } = this.#abort
    const { clock, onError } = this.#options
    while (!signal.aborted && this.#isPending()) {
      try {
        await this.#round()
      } catch (error) {
        await this.#giveBack()
        if (signal.aborted) return
        onError(error)
        await clock.sleep(RETRY_MS, signal).catch(() => undefined)
      }
    }
    // Not when nothing was pending: then another run may have begun already.
    if (signal.aborted) await this.#giveBack()
  }

  async #round(): Promise<void> {
    const { signal } = this.#abort
    const lanes = [...this.#lanes.values()]
    if (!lanes.some((lane) => lane.entries.length > lane.taken)) return this.#naming
    if (!this.#isUrgent()) await this.#options.clock.sleep(this.#options.intervalMs, signal)
    for (const lane of lanes) {
      if (lane.entries.length > lane.taken && !signal.aborted) await this.#index(takeJob(lane))
    }
  }

  #isPending(): boolean {
    this.#running = this.pendingFrom('*') !== undefined
    return this.#running
  }

  #isUrgent(): boolean {
    if (this.#flushing > 0) return true
    return [...this.#lanes.values()].some(({ bytes, takenBytes }) => bytes - takenBytes >= JOB_BYTES_MAX)
  }

  async #index(job: Job): Promise<void> {
    const { catalog, worker, directory } = this.#options
    const first = job.entries[0]!
    const of = { class: first.class, day: dayOf(first.receivedMs) }
    const place = await catalog.place(of)
    try {
      const places = job.entries.map((entry) => entry.place)
      const { path, sidecarPath } = place
      const built = await worker.index({ directory, places, path, sidecarPath })
      await this.#naming
      this.#naming = this.#name(
        job,
        place,
        entryOf(place, { ...of, layout: LAYOUT_VERSION, ...built }, built),
      )
      // It is asked for by the next job; until then a failure has no listener.
      this.#naming.catch(() => undefined)
    } catch (error) {
      await removeFiles(place)
      throw error
    }
  }

  async #name({ lane, entries, bytes }: Job, place: SegmentPlace, segment: SegmentEntry): Promise<void> {
    const last = entries.at(-1)!
    try {
      await flushFiles(place)
      await this.#options.catalog.change({
        add: [segment],
        indexed: [[last.class, last.arrival + last.rows]],
      })
    } catch (error) {
      await removeFiles(place)
      throw error
    }
    lane.entries.splice(0, entries.length)
    lane.bytes -= bytes
    lane.taken -= entries.length
    lane.takenBytes -= bytes
    this.#options.onIndexed()
    this.#wake()
  }

  /** What was in a job that failed, or behind one, is taken again. */
  async #giveBack(): Promise<void> {
    await this.#naming.catch(() => undefined)
    this.#naming = Promise.resolve()
    for (const lane of this.#lanes.values()) {
      lane.taken = 0
      lane.takenBytes = 0
    }
    this.#wake()
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(new DecklogError('aborted', 'waiting for the store was given up'))
      if (signal?.aborted) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiters.push(() => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
    })
  }
}

/** Entries of one day of ingestion, up to the job's bounds; at least one. */
function takeJob(lane: Lane): Job {
  const from = lane.taken
  const day = dayOf(lane.entries[from]!.receivedMs)
  let rows = 0
  let bytes = 0
  let end = from
  for (; end < lane.entries.length; end++) {
    const entry = lane.entries[end]!
    const fits = rows + entry.rows <= JOB_ROWS_MAX && bytes + entry.documentBytes <= JOB_BYTES_MAX
    if (end > from && (!fits || dayOf(entry.receivedMs) !== day)) break
    rows += entry.rows
    bytes += entry.documentBytes
  }
  lane.taken = end
  lane.takenBytes += bytes
  return { lane, entries: lane.entries.slice(from, end), bytes }
}

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
