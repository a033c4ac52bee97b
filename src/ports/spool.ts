import type { SpooledMarks } from '../core/spooled-record.ts'

/**
 * A bounded place on disk for what cannot be asked for again: syslog, pushes over HTTP, webhooks. A source appends whole records and
 * tells its sender "taken" only when `append` has resolved; the shipper then reads them as it reads any file, and what has been
 * shipped is removed.
 */
export interface Spool {
  /**
   * Adds records to the stream of these names, in order. Resolves when they are on disk: flushed, together with whatever else came
   * meanwhile. A record is bytes without a terminator; it may hold newlines and zero bytes and comes out of the pipeline as it is.
   * All records of a call are taken, or none. `marks` say which of them are not whole; their documents say so too.
   *
   * @throws {DecklogError} `spool-full` (retryable) at once, when they do not fit: the sender must wait or be told
   * @throws {DecklogError} `disk-full` or `disk-failed` (both retryable) when the disk refuses them; `aborted`; `closed`
   */
  append(
    names: Readonly<Record<string, string>>,
    records: readonly Uint8Array[],
    options?: { readonly signal?: AbortSignal; readonly marks?: SpooledMarks },
  ): Promise<void>
  /** Bytes that still fit. */
  readonly freeBytes: number
  /** The last record that is on disk for these names, also from before a restart, as long as it has not been removed. */
  lastRecord(names: Readonly<Record<string, string>>): Uint8Array | undefined
  /**
   * A short text (4 KiB) that the source keeps beside its records: where it stands in what it reads. Kept after the records that it
   * covers, so after a crash it may be older than they are, never newer. Undefined: none was kept.
   */
  readonly note: string | undefined
  /** Resolves when it is on disk. @throws {DecklogError} `disk-full`, `disk-failed` (both retryable) */
  keepNote(text: string): Promise<void>
}
