import type { Pipeline } from '../../config/pipelines.ts'
import type { ParserCount } from '../../stages/parser-counts.ts'
import type { StageData } from './parts.ts'

/** What the process role and its worker threads say to each other. Plain data; buffers are transferred. */
export interface WorkerSetup {
  readonly pipelines: readonly Pipeline[]
  /** `pipelines/`. */
  readonly directory: string
  /** By class. */
  readonly stages: Readonly<Record<string, StageData>>
  /** Module with `makeParts`, as a URL. */
  readonly partsModule: string
  /** Pack documents with zstd: for a bus that goes over a network. */
  readonly compress: boolean
  /** What the streams of this worker may have begun and not finished, in bytes. */
  readonly carryBytesMax: number
}

export interface WorkerJob {
  readonly id: number
  readonly stream: string
  readonly class: string
  /**
   * `batch`: an encoded raw batch. `dead-letter`: one that was given up; its records are covered as such. `close`: no batch, ends
   * what the stream has begun (`value` is its last batch, for its envelope).
   */
  readonly kind: 'batch' | 'dead-letter' | 'close'
  /** Forget what is known of the stream first. */
  readonly reset: boolean
  readonly receivedMs: number
  readonly value: Uint8Array
}

/** What is known of a stream is not needed any more. Not answered. */
export interface WorkerForget {
  readonly kind: 'forget'
  readonly stream: string
}

export type WorkerReply =
  | { readonly kind: 'ready' }
  /** Its pipelines cannot be used; `message` is for the person who wrote them. */
  | { readonly kind: 'unusable'; readonly message: string }
  | WorkerResult
  /** `reason` has no log content. */
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string }

export interface WorkerResult {
  readonly kind: 'done'
  readonly id: number
  /** An encoded event batch; undefined when the batch gave nothing yet. */
  readonly events: Uint8Array | undefined
  /** Nothing of the stream is open: what came up to here may be acknowledged once it is safe. */
  readonly isClean: boolean
  /** What all streams of this worker have open. */
  readonly carryBytes: number
  readonly records: number
  readonly eventCount: number
  readonly parseFailed: readonly (readonly [parser: string, count: number])[]
  /** How each list of formats has fared with the batch. */
  readonly parsers: readonly ParserCount[]
  /** Where the batch came from, for a person: path, container, unit. */
  readonly source: string
  readonly signals: readonly (readonly [rule: string, count: number])[]
}
