/**
 * The raw batch: a run of consecutive records of one stream, verbatim. It is the unit that is shipped, hashed, parsed
 * and acknowledged. On the bus it is an Avro record (`schemas/raw-batch.avsc`), written and read by `codec/`.
 */

/** What a digest was made over. `plain`: SHA-256 of the raw bytes. `merkle`: RFC 6962 root over the records. */
export type DigestKind = 'plain' | 'merkle'

/** How `payload` is packed. */
export type Codec = 'none' | 'zstd'

/**
 * Marks put time into the stream, for a reader has no clock. `idle`: nothing came for a while (sent once a pause).
 * `closed`: the stream will never go on. A carry ends at a mark.
 */
export type Mark = 'idle' | 'closed'

/** Why records are missing. The list is open for later sources: readers show what they do not know. */
export type LossReason =
  | 'truncated' // copytruncate or an overwrite took bytes before they were read
  | 'deleted' // the file vanished before it was read to its end
  | 'source-gone' // a cut was journaled, but after a restart its bytes are no longer there
  | 'state-lost' // the shipper lost its own state: repeats are possible, see `lineage`
  | 'unreadable' // the file could not be read (EIO, EACCES)
  | (string & {})

/** Something of the stream that will never come, said out loud. */
export interface DeclaredLoss {
  /** First record lost, or where the loss happened when the number of records is unknown. */
  readonly firstSeq: number
  /** Records lost that have a `seq`; 0 when it is not known how many there were (then no `seq` was spent on them). */
  readonly count: number
  /** Bytes lost, or -1 when unknown. */
  readonly bytes: number
  readonly reason: LossReason
  /** For a person: file, offsets. Holds no log content. */
  readonly detail: string
}

/** Where a record comes from: trusted, for it is said by the shipper and never taken from the payload. */
export interface Provenance {
  readonly cluster: string
  readonly node: string
  /** Source kind: `pods`, `file`, … */
  readonly kind: string
  /** Configured format, e.g. `cri`, `kube-audit`, `syslog`. */
  readonly format: string
  /** The source's own names. `pods`: namespace, pod, uid, container, restart. `file`: path. */
  readonly names: Readonly<Record<string, string>>
}

/** A piece of one record that is larger than a batch may be. All pieces have the same `firstSeq`, and `count` is 1 on the last, else 0. */
export interface Fragment {
  readonly index: number
  readonly last: boolean
}

/**
 * One batch without its payload's meaning. Sequence numbers, counts and offsets are safe integers.
 * Digests are 32 bytes. Times: `wallTimeMs` milliseconds since the epoch, `monotonicNs` nanoseconds since boot.
 */
export interface RawBatch {
  /** 24 lower-case hex digits; see `core/identity.ts`. */
  readonly stream: string
  /** 16 lower-case hex digits, random, saved before the first publish. A new one means: the shipper lost its state. */
  readonly lineage: string
  readonly class: string
  /** The cluster's name: also the tenant. */
  readonly tenant: string
  readonly provenance: Provenance
  readonly firstSeq: number
  /** Records in the payload; 0 for a batch of marks or losses only, and for all but the last fragment. */
  readonly count: number
  readonly fragment: Fragment | null
  /** Identity of the file (`device:inode`) or connection, and the byte range in it. */
  readonly source: { readonly file: string; readonly from: number; readonly to: number }
  /** Raw bytes of the stream before this batch, rotations and all. A carry is closed where it crosses a multiple of
   * CARRY_SPAN_BYTES_MAX, so that where it ends depends on the stream alone. */
  readonly streamOffset: number
  readonly rawBytes: number
  readonly codec: Codec
  readonly digest: Uint8Array
  readonly digestKind: DigestKind
  /** `chainHead` of the batch before in this stream; 32 zero bytes for the first. */
  readonly previous: Uint8Array
  readonly wallTimeMs: number
  readonly monotonicNs: bigint
  readonly marks: readonly Mark[]
  readonly losses: readonly DeclaredLoss[]
  /** Who sent it: shipper's id and the run of it (changes with each start). */
  readonly sender: { readonly id: string; readonly run: string }
  /** Filled once batches are signed. */
  readonly keyEpoch: number | null
  readonly signature: Uint8Array | null
  /** Version of `pipelines/` under which the shipper assigned class and format. */
  readonly pipelineVersion: string
  /** For what comes later; unknown keys are kept and ignored. */
  readonly extra: Readonly<Record<string, string>>
  /** The records' bytes, each ended by a newline (but for fragments), packed by `codec`. */
  readonly payload: Uint8Array
}

/** Last record that a batch holds; `firstSeq - 1` when it holds none. */
export function lastSeqOf(batch: Pick<RawBatch, 'firstSeq' | 'count'>): number {
  return batch.firstSeq + batch.count - 1
}
