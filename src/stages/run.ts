import type { RawBatch } from '../core/batch.ts'
import type { JsonObject } from '../core/document.ts'
import type { BatchTagger, LineFilter } from '../core/tagging.ts'
import type { SourceConstants } from './enrich/constants.ts'
import type { EventSink } from './event-sink.ts'

/** Takes secrets out of text before anything is made of it. */
export interface Redactor {
  /** Which lines of a batch may hold something to take out. False is certain. */
  prepare(raw: Uint8Array): LineFilter
  /** `used` gets the rules that took something out. */
  apply(text: string, used?: Set<string>): string
}

/** Adds to events what is known of what they name. */
export interface Enricher {
  /** What all documents of the batch get: by provenance alone. */
  constants(batch: RawBatch): JsonObject
  /** Adds to what a parser found. `timeMs`: of the event, since the epoch. */
  apply(fields: JsonObject, timeMs: number, dataset: string): void
}

/** Everything that the records of one batch share while they are read. */
export interface BatchRun {
  readonly batch: RawBatch
  readonly constants: SourceConstants
  readonly sink: EventSink
  readonly tagger: BatchTagger | undefined
  readonly redactor: Redactor | undefined
  readonly enricher?: Enricher | undefined
  /** Is the whole payload valid UTF-8? Then so is each record. */
  readonly isUtf8: boolean
  /** Bytes that the stream may keep unfinished. */
  readonly carryRoomBytes: number
}

/** A record that was put together from fragments. */
export interface WholeRecord {
  /** With or without its newline. */
  readonly bytes: Buffer
  readonly seq: number
  /** Where it is made of several records, the last of them. */
  readonly lastSeq?: number
  /** There is more of it than `bytes`. */
  readonly truncated: boolean
  /** Its sender was gone before its end. */
  readonly partial?: boolean
}

/** Reads the records of one stream; holds what the stream has begun and not finished. */
export interface RecordReader {
  /**
   * Reads whole records, each ended by a newline (the last may lack it). Returns how many it read, at most the batch's `count`,
   * and at which byte it stopped.
   */
  readAll(run: BatchRun, raw: Buffer): { count: number; end: number }
  readOne(run: BatchRun, record: WholeRecord): void
  /** Emits all that is unfinished. `quality`: bits for what lacks its end. */
  close(run: BatchRun, quality: number): void
  /** Lowest `seq` that is unfinished, Infinity when none. */
  readonly openSince: number
  /** Bytes that are unfinished. */
  readonly openBytes: number
}
