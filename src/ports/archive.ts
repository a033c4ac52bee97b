import type { RawBatch } from '../core/batch.ts'
import type { Asking } from './store.ts'

/**
 * Archive: keeps raw batches, verbatim, independently of parsing. Contract suite: `test/contracts/archive.ts`.
 * Batches of one (tenant, class) go to one open segment; sealing closes it and writes its manifest.
 */
export interface ArchivedBatch {
  readonly batch: RawBatch
  /** When the bus took it, milliseconds since the epoch. */
  readonly receivedMs: number
}

export interface SegmentManifest {
  /** File name or object key of the segment. */
  readonly name: string
  readonly tenant: string
  readonly class: string
  /** SHA-256 of the segment file, hex. */
  readonly sha256: string
  readonly bytes: number
  readonly batches: number
  readonly records: number
  readonly openedMs: number
  readonly sealedMs: number
  readonly minTimeMs: number
  readonly maxTimeMs: number
  /** Per stream: the records held and the chain's heads before the first and after the last batch, hex. */
  readonly streams: readonly {
    readonly stream: string
    readonly ranges: readonly (readonly [number, number])[]
    readonly headBefore: string
    readonly headAfter: string
  }[]
  /** Set by `list`: records that stand in an earlier segment too, because their batches came again after its seal. */
  readonly repeated?: readonly {
    readonly stream: string
    readonly ranges: readonly (readonly [number, number])[]
  }[]
  readonly formatVersion: number
  /** Its bytes were deleted by retention then; the manifest stays, so that what was held can still be proven. */
  readonly expiredMs?: number
}

export interface Archive extends AsyncDisposable {
  /**
   * Resolves when the batches are safe: for a local archive, when the open segment's file is flushed; for S3, when the
   * object is there. Safe to repeat: a batch that is there already (same stream, firstSeq, fragment, digest) is not kept twice
   * within the open segments, and marked as repeated by `list` otherwise.
   * @throws {DecklogError} retryable on disk and network trouble
   */
  append(batches: readonly ArchivedBatch[], options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Seals open segments that are older or larger than the limits; `all` seals every one. Returns what was sealed. */
  seal(options?: { readonly all?: boolean }): Promise<readonly SegmentManifest[]>
  list(asking: Asking & { readonly class?: string }): AsyncIterable<SegmentManifest>
  /** Batches of a sealed segment in order of arrival. @throws {DecklogError} `state-corrupt` when it is torn or altered */
  read(name: string, asking: Asking): AsyncIterable<ArchivedBatch>
  /**
   * Deletes the bytes of sealed segments whose class's time is over, after asking `mayDelete`; their manifests stay, marked. A
   * class without a rule is kept. Returns what was deleted. @throws {DecklogError} retryable when the disk fails
   */
  expire(
    rules: readonly ArchiveRule[],
    nowMs: number,
    mayDelete: (manifest: SegmentManifest) => Promise<boolean>,
  ): Promise<readonly SegmentManifest[]>
  close(): Promise<void>
}

export interface ArchiveRule {
  readonly class: string
  /** How long after its sealing a segment is kept; undefined: for ever. */
  readonly archiveMs: number | undefined
}
