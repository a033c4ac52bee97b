import type { RawBatch } from '../core/batch.ts'
import type { BatchTagger, LineFilter } from '../core/tagging.ts'
import type { SourceConstants } from './enrich.ts'
import type { EventSink } from './event-sink.ts'

/** Takes secrets out of text before anything is made of it. */
export interface Redactor {
  /** Which lines of a batch may hold something to take out. False is certain. */
  prepare(raw: Uint8Array): LineFilter
  apply(text: string): string
}

/** Everything that the records of one batch share while they are read. */
export interface BatchRun {
  readonly batch: RawBatch
  readonly constants: SourceConstants
  readonly sink: EventSink
  readonly tagger: BatchTagger | undefined
  readonly redactor: Redactor | undefined
  /** Is the whole payload valid UTF-8? Then so is each record. */
  readonly isUtf8: boolean
}

/** Reads the records of one stream; holds what the stream has begun and not finished. */
export interface RecordReader {
  /**
   * Reads whole records, each ended by a newline (the last may lack it). `position`: where `raw` begins in the stream.
   * Returns how many it read, at most `count`, and at which byte it stopped.
   */
  readAll(run: BatchRun, raw: Buffer, position: number): { count: number; end: number }
  /** Reads one record, put together from fragments; `truncated` when there is more of it than given. */
  readOne(run: BatchRun, record: Buffer, position: number, truncated: boolean): void
  /** Emits all that is unfinished. `quality`: bits for what lacks its end. */
  close(run: BatchRun, quality: number): void
  /** Lowest `seq` that is unfinished, Infinity when none. */
  readonly openSince: number
  /** Bytes that are unfinished. */
  readonly openBytes: number
}
