import { DecklogError } from '../../core/errors.ts'
import type { EventBatch } from '../../core/event-batch.ts'
import type { Query } from '../../core/query.ts'
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
import { connect, type ElasticsearchOptions } from './connection.ts'
import { type EsContext, namesOf } from './context.ts'
import { coverageOf, completenessOf } from './coverage.ts'
import { expire } from './manage/expire.ts'
import { usage } from './manage/usage.ts'
import { fields } from './read/fields.ts'
import { histogram } from './read/histogram.ts'
import { get, neighbours } from './read/neighbours.ts'
import { scan } from './read/scan.ts'
import { search } from './read/search.ts'
import { top } from './read/top.ts'
import { deleteRecord, getRecord, listRecords, putRecord } from './records.ts'
import { claimIds } from './write/claims.ts'
import { Writer, type WriterOptions } from './write/writer.ts'

export interface ElasticsearchStoreOptions extends ElasticsearchOptions, WriterOptions {
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** The namespaces of its data streams begin with it: for tests, which share a cluster. @default '' */
  readonly prefix?: string
  /** A sentence for the operator; said once until it is over. */
  readonly onProblem?: (sentence: string) => void
  readonly onMended?: (what: string) => void
}

/** A store on a cluster, and why it cannot take writes just now. */
export interface ElasticsearchStore extends Store {
  /** One sentence a cause: which data stream is held and why. Empty when all is well. */
  problems(): readonly string[]
}

/**
 * Opens the store on an Elasticsearch cluster. It does not wait for the cluster: what cannot be reached is said by the calls.
 * Templates are installed by `decklog setup`, not here.
 */
export function openElasticsearchStore(options: ElasticsearchStoreOptions): Promise<ElasticsearchStore> {
  return Promise.resolve(new OpenStore(options))
}

class OpenStore implements ElasticsearchStore {
  readonly #context: EsContext
  readonly #writer: Writer
  readonly #problems = new Map<string, string>()
  #closed: Promise<void> | undefined

  constructor(options: ElasticsearchStoreOptions) {
    const { clock, telemetry, onProblem, onMended } = options
    this.#context = {
      connection: connect(options),
      clock,
      telemetry,
      names: namesOf(options.prefix),
      refused: new Map(),
      complain: (what, sentence) => {
        if (!this.#problems.has(what)) onProblem?.(sentence)
        this.#problems.set(what, sentence)
      },
      mended: (what) => {
        if (this.#problems.delete(what)) onMended?.(what)
      },
    }
    this.#writer = new Writer(this.#context, options)
  }

  problems(): readonly string[] {
    return [...this.#problems.values()]
  }

  write(
    batches: readonly EventBatch[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly WriteResult[]> {
    return this.#open(() => this.#writer.write(batches, options.signal), options.signal)
  }

  claim(
    claims: readonly Claim[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly boolean[]> {
    return this.#open(() => claimIds(this.#context, claims, options.signal), options.signal)
  }

  search(request: SearchRequest): Promise<SearchAnswer> {
    return this.#open(() => search(this.#context, request), request.signal)
  }

  histogram(request: HistogramRequest): Promise<HistogramAnswer> {
    return this.#open(() => histogram(this.#context, request), request.signal)
  }

  top(request: TopRequest): Promise<TopAnswer> {
    return this.#open(() => top(this.#context, request), request.signal)
  }

  get(id: string, asking: Asking): Promise<Hit | undefined> {
    return this.#open(() => get(this.#context, id, asking), asking.signal)
  }

  neighbours(
    id: string,
    counts: { readonly before: number; readonly after: number },
    asking: Asking,
  ): Promise<readonly Hit[]> {
    return this.#open(() => neighbours(this.#context, id, counts, asking), asking.signal)
  }

  scan(
    request: Asking & { readonly cursor?: string; readonly query?: Query; readonly limit: number },
  ): Promise<{ readonly hits: readonly Hit[]; readonly cursor: string }> {
    return this.#open(() => scan(this.#context, request), request.signal)
  }

  coverage(stream: string, asking: Asking): Promise<Coverage | undefined> {
    return this.#open(() => coverageOf(this.#context, stream, asking), asking.signal)
  }

  completeness(request: Asking & TimeRange): Promise<Completeness> {
    return this.#open(() => completenessOf(this.#context, request), request.signal)
  }

  fields(asking: Asking): Promise<readonly { readonly name: string; readonly type: string }[]> {
    return this.#open(() => fields(this.#context, asking), asking.signal)
  }

  putRecord(record: StoredRecord): Promise<void> {
    return this.#open(() => putRecord(this.#context, record))
  }

  getRecord(kind: string, id: string, asking: Asking): Promise<StoredRecord | undefined> {
    return this.#open(() => getRecord(this.#context, { kind, id }, asking), asking.signal)
  }

  listRecords(
    kind: string,
    asking: Asking & { readonly limit: number; readonly cursor?: string },
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly cursor?: string }> {
    return this.#open(() => listRecords(this.#context, kind, asking), asking.signal)
  }

  deleteRecord(kind: string, id: string): Promise<void> {
    return this.#open(() => deleteRecord(this.#context, kind, id))
  }

  expire(
    rules: readonly RetentionRule[],
    nowMs: number,
    mayDelete: (range: DeletionRange) => Promise<boolean>,
  ): Promise<ExpiryReport> {
    return this.#open(() => expire(this.#context, rules, nowMs, mayDelete))
  }

  usage(): ReturnType<Store['usage']> {
    return this.#open(() => usage(this.#context))
  }

  async close(): Promise<void> {
    this.#closed ??= this.#writer.close().then(() => this.#context.connection.close())
    await this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #open<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#closed !== undefined) throw new DecklogError('closed', 'the store is closed')
    if (signal?.aborted) throw new DecklogError('aborted', 'the call was given up')
    return call()
  }
}
