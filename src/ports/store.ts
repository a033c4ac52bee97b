import type { EventBatch, SeqRange } from '../core/event-batch.ts'
import type { JsonObject } from '../core/document.ts'
import type { Query } from '../core/query.ts'

/**
 * Store: holds events, once each, and answers questions about them. Contract suite: `test/contracts/store.ts`.
 *
 * - Every reading call takes who asks (`principal`) and what they may see (`scope`); a store filters by scope itself.
 * - Order of results is `(timestamp, stream, seq, n)`; nanoseconds count.
 * - A written event is *stored* when a crash can no longer lose it. It is found by search within two seconds.
 */
export interface Principal {
  /** `local` for the operator of an embedded decklog. */
  readonly id: string
}

export interface Scope {
  readonly clusters: readonly string[] | '*'
  readonly classes: readonly string[] | '*'
}

export interface Asking {
  readonly principal: Principal
  readonly scope: Scope
  readonly signal?: AbortSignal
}

/** Outcome of one event of a write. */
export const Outcome = { stored: 0, duplicate: 1, retry: 2, reject: 3 } as const

export interface WriteResult {
  /** One Outcome an event, aligned with the rows of the batch's index. */
  readonly outcomes: Uint8Array
  /** By row: why, for `retry` and `reject`. */
  readonly reasons: ReadonlyMap<number, string>
}

/** The id that a sender gave an event, and which event has it: `stream:seq`, or `stream:seq.n`. */
export interface Claim {
  readonly tenant: string
  readonly class: string
  readonly id: string
  readonly event: string
  /** Of the event itself, the same for all of its copies, milliseconds since the epoch. */
  readonly timeMs: number
}

/** Half-open: from <= @timestamp < to, in nanoseconds since the epoch. */
export interface TimeRange {
  readonly fromNs?: bigint
  readonly toNs?: bigint
}

export interface SearchRequest extends Asking, TimeRange {
  readonly query: Query
  readonly limit: number
  /** From an earlier answer to the same question. */
  readonly cursor?: string
  readonly order?: 'newest' | 'oldest'
  /** `exact`: count all. `bounded` (default): stop counting when it gets dear, and say `gte`. */
  readonly total?: 'exact' | 'bounded'
}

/** A stored document: `_id`-less JSON text as it was written, with its id and data stream. */
export interface Hit {
  readonly id: string
  readonly dataStream: string
  readonly timeNs: bigint
  /** The document's bytes as text, exactly as written. */
  readonly json: string
}

export interface Total {
  readonly value: number
  /** `eq` exact, `gte` at least. */
  readonly relation: 'eq' | 'gte'
}

export interface SearchAnswer {
  readonly hits: readonly Hit[]
  readonly total: Total
  /** Undefined when there is nothing more. */
  readonly cursor?: string
}

export interface HistogramRequest extends Asking, TimeRange {
  readonly query: Query
  readonly buckets: number
}

export interface HistogramAnswer {
  readonly buckets: readonly { readonly fromMs: number; readonly toMs: number; readonly count: number }[]
  readonly total: Total
}

export interface TopRequest extends Asking, TimeRange {
  readonly query: Query
  readonly field: string
  readonly limit: number
}

export interface TopAnswer {
  readonly values: readonly { readonly value: string; readonly count: number }[]
  /** Events that match the query at all, and those that have the field. */
  readonly total: number
  readonly withField: number
}

/** What the store has of one stream. */
export interface Coverage {
  readonly stream: string
  readonly class: string
  readonly tenant: string
  readonly node: string
  readonly lowWater: number
  readonly above: readonly SeqRange[]
  readonly stored: number
  readonly joined: number
  readonly skipped: number
  readonly lost: number
  readonly deadLettered: number
  readonly lossesWithoutSeq: number
  readonly newestIngestMs: number
}

/** Said with every search answer, by class. */
export interface Completeness {
  readonly classes: readonly {
    readonly class: string
    readonly streams: number
    readonly expected: number
    readonly stored: number
    readonly joined: number
    readonly skipped: number
    readonly declaredLost: number
    /** Declared losses of which it is not known how many records they were: deleted or truncated files. */
    readonly lossesWithoutSeq: number
    readonly undeclaredGaps: number
    readonly newestIngestByNode: Readonly<Record<string, number>>
  }[]
}

/** Something versioned that is not an event: an alert, a session, a dead letter. */
export interface StoredRecord {
  readonly kind: string
  readonly id: string
  /** 1 when created; each change adds 1. */
  readonly version: number
  readonly updatedMs: number
  readonly body: JsonObject
}

export interface Store extends AsyncDisposable {
  /**
   * Stores events exactly once by `(stream, ranges, n)` and remembers what the batches cover. Answers are aligned with the
   * input. Safe to repeat: what was stored before is answered `duplicate`, also when it is only a part of a batch.
   * @throws {DecklogError} retryable (disk full, disk failed, unreachable): nothing is known of these batches, send them again
   */
  write(
    batches: readonly EventBatch[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly WriteResult[]>

  /**
   * Which events may be written: the first that claims an id has it for good, and is told so again; to others it is denied, for they
   * are copies. A claim is on disk when this resolves, so an event is claimed before it is written. How long ids are remembered is
   * the store's: weeks of event time, or as many as it holds; older copies are stored twice.
   * @throws {DecklogError} retryable: nothing is known of these claims, make them again
   */
  claim(claims: readonly Claim[], options?: { readonly signal?: AbortSignal }): Promise<readonly boolean[]>

  search(request: SearchRequest): Promise<SearchAnswer>
  histogram(request: HistogramRequest): Promise<HistogramAnswer>
  top(request: TopRequest): Promise<TopAnswer>
  get(id: string, asking: Asking): Promise<Hit | undefined>
  /** Events of the same stream around `id`, by seq: `before` and `after` of them, oldest first, `id` itself included. */
  neighbours(
    id: string,
    counts: { readonly before: number; readonly after: number },
    asking: Asking,
  ): Promise<readonly Hit[]>
  /** In the order of arrival, from a cursor (undefined: from now on; '': from the beginning). Ends when the store has no more. */
  scan(
    request: Asking & { readonly cursor?: string; readonly query?: Query; readonly limit: number },
  ): Promise<{ readonly hits: readonly Hit[]; readonly cursor: string }>
  coverage(stream: string, asking: Asking): Promise<Coverage | undefined>
  completeness(request: Asking & TimeRange): Promise<Completeness>
  /** Field names seen, with their types, for autocompletion. */
  fields(asking: Asking): Promise<readonly { readonly name: string; readonly type: string }[]>

  /** @throws {DecklogError} retryable when `version` is not the stored version + 1 */
  putRecord(record: StoredRecord): Promise<void>
  getRecord(kind: string, id: string, asking: Asking): Promise<StoredRecord | undefined>
  listRecords(
    kind: string,
    asking: Asking & { readonly limit: number; readonly cursor?: string },
  ): Promise<{
    readonly records: readonly StoredRecord[]
    readonly cursor?: string
  }>
  deleteRecord(kind: string, id: string): Promise<void>

  /**
   * Deletes what has expired by class, after asking `mayDelete` for each range. What has no rule is kept.
   * Returns what was deleted and what was refused, and by which rule.
   */
  expire(
    rules: readonly RetentionRule[],
    nowMs: number,
    mayDelete: (range: DeletionRange) => Promise<boolean>,
  ): Promise<ExpiryReport>
  /** Bytes on disk and events, by class. */
  usage(): Promise<
    readonly {
      readonly class: string
      readonly bytes: number
      readonly events: number
      readonly oldestMs: number
    }[]
  >
  close(): Promise<void>
}

export interface RetentionRule {
  readonly class: string
  /** Undefined: kept for ever. */
  readonly hotMs?: number
  readonly maxBytes?: number
  readonly whenFull: 'refuse' | 'expire-oldest'
}

export interface DeletionRange {
  readonly class: string
  readonly tenant: string
  readonly fromMs: number
  readonly toMs: number
  readonly events: number
}

export interface ExpiryReport {
  readonly deleted: readonly (DeletionRange & { readonly bytes: number; readonly why: 'age' | 'maxBytes' })[]
  readonly kept: readonly (DeletionRange & { readonly why: string })[]
}
