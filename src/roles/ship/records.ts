import type { Codec, DeclaredLoss, Fragment, Mark } from '../../core/batch.ts'
import type { FilePosition } from '../../sources/fingerprint.ts'
import type { LogGroup } from '../../sources/log-group.ts'

/** Where the shipper stands in one file of a stream. */
export interface StreamFile extends FilePosition {
  /** Where it was seen last. */
  readonly path: string
}

/**
 * A batch as it was decided, once. Everything in it but the payload is here, so that it can be sent again unchanged: the
 * payload is read again and must have the same digest.
 */
export interface Cut {
  /** Counts the cuts of the stream, from 0. */
  readonly ordinal: number
  readonly context: number
  readonly firstSeq: number
  readonly count: number
  readonly fragment: Fragment | null
  readonly file: string
  readonly from: number
  readonly to: number
  readonly streamOffset: number
  readonly rawBytes: number
  readonly codec: Codec
  /** Hex. */
  readonly digest: string
  readonly previous: string
  readonly wallTimeMs: number
  readonly monotonicNs: string
  readonly marks: readonly Mark[]
  readonly losses: readonly DeclaredLoss[]
  /** Its bytes were gone when it had to be sent again: a declared loss is sent in its place. */
  readonly lost?: true
}

/** What is the same for many cuts. `run` changes with each start. */
export interface CutContext {
  readonly class: string
  readonly format: string
  readonly pipelineVersion: string
  readonly run: string
}

/** All that must survive a crash of one stream. */
export interface StreamState {
  /** Short name in the shipper's own files. */
  readonly number: number
  readonly key: string
  readonly id: string
  readonly cluster: string
  readonly node: string
  readonly group: LogGroup
  /** Rotated files last written before this were there before the stream and are not part of it. Milliseconds since the epoch. */
  readonly sinceMs: number
  /** Counts the records of this stream in the journal, so that reading one twice changes nothing. */
  version: number
  nextSeq: number
  nextOrdinal: number
  streamOffset: number
  /** Chain head after the last cut, hex. */
  head: string
  /** Index of the next fragment while a huge record is under way, else 0. */
  fragment: number
  /** The last cut has the mark. */
  idle: boolean
  closed: boolean
  /** Losses that the next cut declares. */
  losses: readonly DeclaredLoss[]
  /** Oldest first; the first is being read. */
  files: readonly StreamFile[]
  /** Read to their end; remembered while they may still be found under another name, or packed. */
  finished: readonly StreamFile[]
  /** Cuts not yet acknowledged, in order. */
  open: Cut[]
}

/** Line of the journal, or of the checkpoint (which begins with `head` and ends with `end`). */
export type StateRecord =
  | {
      readonly kind: 'head'
      readonly format: 1
      readonly lineage: string
      readonly segment: number
      readonly stateLost: string | null
    }
  | { readonly kind: 'context'; readonly index: number; readonly context: CutContext }
  | { readonly kind: 'stream'; readonly state: StreamState }
  | CutRecord
  | MoveRecord
  | { readonly kind: 'lost'; readonly stream: number; readonly version: number; readonly ordinal: number }
  /** All cuts below `ordinal` are acknowledged. */
  | { readonly kind: 'settled'; readonly stream: number; readonly ordinal: number }
  | { readonly kind: 'drop'; readonly stream: number }
  | { readonly kind: 'end'; readonly records: number }

export interface CutRecord {
  readonly kind: 'cut'
  readonly stream: number
  readonly version: number
  readonly cut: Cut
  /** Position of the file that is being read, after the cut; null when the stream has no file. */
  readonly at: Omit<StreamFile, 'path'> | null
}

/** The stream goes on with other files, or has something to declare. */
export interface MoveRecord {
  readonly kind: 'move'
  readonly stream: number
  readonly version: number
  readonly files: readonly StreamFile[]
  readonly finished: readonly StreamFile[]
  readonly losses: readonly DeclaredLoss[]
}
