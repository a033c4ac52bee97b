import type { BuiltSegment } from './build-segment.ts'
import type { EntryPlace } from './journal.ts'

/** What the store's thread and its worker say to each other. */
export interface IndexJob {
  readonly kind: 'index'
  readonly id: number
  /** Of the journal. */
  readonly directory: string
  readonly places: readonly EntryPlace[]
  readonly path: string
  readonly sidecarPath: string
}

/** Row groups of several segments into one file, as they are. */
export interface ConcatJob {
  readonly kind: 'concat'
  readonly id: number
  readonly inputs: readonly { readonly path: string; readonly sidecarPath: string }[]
  readonly path: string
  readonly sidecarPath: string
}

/** `path` was merged from `inputs` by DuckDB: makes its sidecar. */
export interface DescribeJob {
  readonly kind: 'describe'
  readonly id: number
  readonly inputs: readonly { readonly path: string; readonly sidecarPath: string }[]
  readonly path: string
  readonly sidecarPath: string
}

export type WorkerRequest = IndexJob | ConcatJob | DescribeJob
export type MergedSegment = Pick<BuiltSegment, 'rows' | 'bytes' | 'blocks'>

export type WorkerReply =
  | { readonly id: number; readonly built: BuiltSegment | MergedSegment; readonly error?: undefined }
  | {
      readonly id: number
      readonly error: { readonly code: string; readonly message: string }
      readonly built?: undefined
    }
