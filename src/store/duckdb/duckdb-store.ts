import { mkdir, rm } from 'node:fs/promises'
import { DecklogError } from '../../core/errors.ts'
import type { EventBatch } from '../../core/event-batch.ts'
import type { Telemetry } from '../../core/telemetry.ts'
import type { Clock } from '../../ports/clock.ts'
import type {
  Asking,
  Claim,
  Completeness,
  Coverage,
  DeletionRange,
  ExpiryReport,
  HistogramAnswer,
  HistogramRequest,
  Hit,
  RetentionRule,
  SearchAnswer,
  SearchRequest,
  Store,
  StoredRecord,
  TimeRange,
  TopAnswer,
  TopRequest,
  WriteResult,
} from '../../ports/store.ts'
import type { Query } from '../../core/query.ts'
import { Compactor } from './compactor.ts'
import { coverageOf } from './coverage.ts'
import { arrivalOf, scanCursor } from './cursor.ts'
import { seenFields } from './fields-seen.ts'
import { histogram } from './histogram.ts'
import { Indexer } from './indexer.ts'
import { Journal } from './journal.ts'
import { lockDirectory } from './lock.ts'
import { byArrival, getEvent, neighbours } from './lookup.ts'
import { openParts, type Parts } from './open-parts.ts'
import { expireSegments } from './retention.ts'
import { search } from './search.ts'
import { startSegmentWorker, type SegmentWorker } from './segment-worker.ts'
import { isSeen, type JournalPosition } from './streams.ts'
import { top } from './top.ts'
import { usageOf } from './usage.ts'
import { Writer } from './writer.ts'

export interface DuckdbStoreOptions {
  /** Created when missing. One process writes in it. */
  readonly directory: string
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** Only reads: holds no lock, changes nothing in the directory. @default false */
  readonly readOnly?: boolean
  /** How long committed events wait for more before they become searchable. @default 250 */
  readonly indexIntervalMs?: number
  /** Unpacked documents that a class may have waiting to be searchable; above it `write` waits. @default 96 MiB */
  readonly backlogBytesMax?: number
  /** What DuckDB may use; what does not fit goes to disk. @default 200 MB */
  readonly memoryBytesMax?: number
  /** Of DuckDB. @default 2 */
  readonly threads?: number
  /** A file of the journal; its space comes back when all of it is in segments. @default 32 MiB */
  readonly journalFileBytes?: number
  /** Rows of a segment that is not merged further. @default 1 Mi */
  readonly fullSegmentRows?: number
  /** Told of each failure in the background; it is tried again. */
  readonly onProblem?: (error: unknown) => void
}

/**
 * Opens the embedded store: a journal that decides, and segments made from it that are searched.
 * @throws {DecklogError} `data-dir-held`, `state-corrupt`, or retryable when the disk fails
 */
export async function openDuckdbStore(options: DuckdbStoreOptions): Promise<Store> {
  const { directory, readOnly = false } = options
  if (readOnly) return new DuckdbStore(options, await openParts(options, undefined))
  await mkdir(directory, { recursive: true })
  const lock = await lockDirectory(directory)
  try {
    return new DuckdbStore(options, await openParts(options, lock))
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Files of the journal that may go at once: a snapshot costs as much as there are streams. */
const OBSOLETE_FILES_MIN = 2
const FORGET_AFTER_MS = 7 * 24 * 60 * 60 * 1000

class DuckdbStore implements Store {
  readonly #options: DuckdbStoreOptions
  readonly #parts: Parts
  readonly #worker: SegmentWorker
  readonly #journal: Journal
  readonly #indexer: Indexer
  readonly #compactor: Compactor
  readonly #writer: Writer
  #rules: readonly RetentionRule[] = []
  #committed: JournalPosition
  #tidying: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(options: DuckdbStoreOptions, parts: Parts) {
    const { directory, clock } = options
    const { catalog, database, streams } = parts
    const onProblem = options.onProblem ?? ((): void => undefined)
    this.#options = options
    this.#parts = parts
    this.#committed = { file: parts.last?.file ?? 0, offset: parts.last?.length ?? 0 }
    this.#worker = startSegmentWorker()
    this.#journal = new Journal(directory, {
      last: parts.last,
      fileBytesMax: options.journalFileBytes ?? 32 * 1024 * 1024,
    })
    this.#compactor = new Compactor({
      catalog,
      database,
      worker: this.#worker,
      clock,
      fullSegmentRows: options.fullSegmentRows ?? 1024 * 1024,
      onMerged: () => this.#report(),
      onError: onProblem,
    })
    this.#indexer = new Indexer({
      catalog,
      worker: this.#worker,
      clock,
      directory,
      intervalMs: options.indexIntervalMs ?? 250,
      backlogBytesMax: options.backlogBytesMax ?? 96 * 1024 * 1024,
      onIndexed: () => this.#indexed(),
      onError: onProblem,
    })
    this.#writer = new Writer({
      journal: this.#journal,
      streams,
      indexer: this.#indexer,
      checkQuota: (className) => this.#checkQuota(className),
      onCommitted: ({ file, offset }) => {
        this.#committed = { file, offset }
      },
    })
    if (parts.lock === undefined) return
    for (const entry of parts.pending) this.#indexer.add(entry)
    this.#compactor.start()
  }

  write(
    batches: readonly EventBatch[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly WriteResult[]> {
    return this.#changing(() => this.#writer.write(batches, options.signal))
  }

  claim(
    claims: readonly Claim[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly boolean[]> {
    return this.#changing(() => {
      if (options.signal?.aborted) throw new DecklogError('aborted', 'the claims were given up')
      return this.#parts.claims.claim(claims)
    })
  }

  search(request: SearchRequest): Promise<SearchAnswer> {
    return this.#reading(() => search(this.#parts, request), request.signal)
  }

  histogram(request: HistogramRequest): Promise<HistogramAnswer> {
    return this.#reading(() => histogram(this.#parts, request), request.signal)
  }

  top(request: TopRequest): Promise<TopAnswer> {
    return this.#reading(() => top(this.#parts, request), request.signal)
  }

  get(id: string, asking: Asking): Promise<Hit | undefined> {
    return this.#reading(() => getEvent(this.#parts, id, asking), asking.signal)
  }

  neighbours(
    id: string,
    counts: { readonly before: number; readonly after: number },
    asking: Asking,
  ): Promise<readonly Hit[]> {
    return this.#reading(() => neighbours(this.#parts, id, { ...counts, asking }), asking.signal)
  }

  scan(
    request: Asking & { readonly cursor?: string; readonly query?: Query; readonly limit: number },
  ): Promise<{ readonly hits: readonly Hit[]; readonly cursor: string }> {
    return this.#reading(async () => {
      const { cursor, query = { kind: 'all' }, limit } = request
      const { nextArrival } = this.#parts.streams
      if (cursor === undefined) return { hits: [], cursor: scanCursor(nextArrival) }
      const from = arrivalOf(cursor)
      const isReadOnly = this.#parts.lock === undefined
      const to = isReadOnly ? nextArrival : (this.#indexer.pendingFrom(request.scope.classes) ?? nextArrival)
      if (to <= from) return { hits: [], cursor: scanCursor(from) }
      const { hits, next } = await byArrival(this.#parts, { from, to, query, limit, asking: request })
      return { hits, cursor: scanCursor(next) }
    })
  }

  coverage(stream: string, { scope }: Asking): Promise<Coverage | undefined> {
    return this.#reading(async () => {
      const state = this.#parts.streams.get(stream)
      return state === undefined || !isSeen(state, scope) ? undefined : coverageOf(state)
    })
  }

  completeness(request: Asking & TimeRange): Promise<Completeness> {
    const nowMs = this.#options.clock.now()
    return this.#reading(async () => this.#parts.streams.completeness(request, nowMs))
  }

  fields({ scope }: Asking): Promise<readonly { readonly name: string; readonly type: string }[]> {
    return this.#reading(async () => seenFields(this.#parts.catalog, scope))
  }

  putRecord(record: StoredRecord): Promise<void> {
    return this.#changing(() => this.#parts.records.put(record))
  }

  getRecord(kind: string, id: string, asking: Asking): Promise<StoredRecord | undefined> {
    return this.#reading(async () => this.#parts.records.get(kind, id, asking))
  }

  listRecords(
    kind: string,
    asking: Asking & { readonly limit: number; readonly cursor?: string },
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly cursor?: string }> {
    return this.#reading(async () => this.#parts.records.list(kind, asking))
  }

  deleteRecord(kind: string, id: string): Promise<void> {
    return this.#changing(() => this.#parts.records.delete(kind, id))
  }

  expire(
    rules: readonly RetentionRule[],
    nowMs: number,
    mayDelete: (range: DeletionRange) => Promise<boolean>,
  ): Promise<ExpiryReport> {
    return this.#changing(async () => {
      this.#rules = rules
      const { catalog, streams } = this.#parts
      const report = await this.#compactor.exclusive(() =>
        expireSegments(catalog, { rules, nowMs, mayDelete }),
      )
      for (const { class: className, events } of report.deleted) {
        this.#options.telemetry.add('decklog_store_expired_total', events, { class: className })
      }
      const keptMs = new Map(rules.map((rule) => [rule.class, rule.hotMs]))
      streams.forget((state) => {
        const hotMs = keptMs.get(state.class)
        return hotMs !== undefined && state.newestIngestMs < nowMs - hotMs - FORGET_AFTER_MS
      })
      this.#report()
      return report
    })
  }

  usage(): Promise<
    readonly {
      readonly class: string
      readonly bytes: number
      readonly events: number
      readonly oldestMs: number
    }[]
  > {
    return this.#reading(async () => usageOf(this.#parts.catalog))
  }

  /** What is committed is safe: what is not yet searchable becomes so after the next start. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    const { lock, catalog, streams, records, claims, database, temporary } = this.#parts
    await this.#writer.close()
    await this.#indexer.close()
    await this.#compactor.close()
    await this.#tidying
    await this.#worker.close()
    database.close()
    if (lock !== undefined) {
      await streams.save(this.#committed).catch(() => undefined)
      await this.#removeObsolete(this.#committed).catch(() => undefined)
    }
    await this.#journal.close()
    await records.close()
    await claims.close()
    await catalog.close()
    await rm(temporary, { recursive: true, force: true })
    await lock?.release()
  }

  async #reading<T>(read: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#closed !== undefined) throw new DecklogError('closed', 'the store is closed')
    if (signal?.aborted) throw new DecklogError('aborted', 'the question was given up before it began')
    return read()
  }

  async #changing<T>(change: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new DecklogError('closed', 'the store is closed')
    if (this.#parts.lock === undefined) throw new DecklogError('usage', 'the store was opened to read only')
    return change()
  }

  #checkQuota(className: string): void {
    const rule = this.#rules.find((each) => each.class === className)
    if (rule?.maxBytes === undefined || rule.whenFull !== 'refuse') return
    const bytes = usageOf(this.#parts.catalog).find((use) => use.class === className)?.bytes ?? 0
    if (bytes < rule.maxBytes) return
    throw new DecklogError(
      'disk-full',
      `class ${className} holds ${bytes} of its ${rule.maxBytes} bytes and its rule says whenFull: refuse; ` +
        'it goes on when older events have expired, or maxBytes is raised in retention.yaml',
      { retryable: true },
    )
  }

  #indexed(): void {
    this.#compactor.start()
    this.#report()
    const oldest = this.#indexer.oldestFile() ?? this.#journal.file
    if (this.#tidying !== undefined || oldest - this.#parts.catalog.journalFrom < OBSOLETE_FILES_MIN) return
    this.#tidying = this.#tidy()
      .catch((error: unknown) => this.#options.onProblem?.(error))
      .finally(() => {
        this.#tidying = undefined
      })
  }

  /** The snapshot first: without it the journal's files are the only memory of what is stored. */
  async #tidy(): Promise<void> {
    const position = this.#committed
    await this.#parts.streams.save(position)
    await this.#removeObsolete(position)
  }

  async #removeObsolete(position: JournalPosition): Promise<void> {
    const needed = Math.min(this.#indexer.oldestFile() ?? position.file, position.file)
    await this.#journal.removeBefore(needed)
    this.#parts.catalog.journalFrom = needed
  }

  #report(): void {
    const { telemetry } = this.#options
    for (const { class: className, bytes, segments } of usageOf(this.#parts.catalog)) {
      telemetry.set('decklog_store_bytes', bytes, { class: className })
      telemetry.set('decklog_store_segments', segments, { class: className })
    }
  }
}
