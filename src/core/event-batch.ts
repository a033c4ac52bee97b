/**
 * The event batch: what `process` makes of raw batches of one stream. Documents are serialised once, here as JSON lines;
 * what `index`, `detect` and a store need stands beside the bytes in a packed index, so that nobody parses them again.
 * On the bus it is an Avro record (`schemas/event-batch.avsc`).
 */

/**
 * One row of the index, 48 bytes, little-endian:
 * ```
 *  0  f64  firstSeq    first record of the event
 *  8  f64  lastSeq     last record of the first range
 * 16  i64  timeNs      @timestamp, nanoseconds since the epoch
 * 24  u32  offset      of the document in the unpacked documents
 * 28  u32  length      of the document, without its newline
 * 32  u16  n           0 for the first event of a record, else the parser's number of it
 * 34  u16  flags       EventFlag
 * 36  u32  rules       0 none, else 1 + index into `ruleSets`
 * 40  u32  ranges      0: the one range firstSeq..lastSeq; else 1 + index into `moreRanges`
 * 44  u32  reserved
 * ```
 */
export const INDEX_ROW_BYTES = 48

export const EventFlag = {
  /** A rule tagged it. */
  signal: 1,
  /** The parser could not read it; it stays searchable as text. */
  parseFailed: 2,
  /** Its time is not the record's own (it had none, or an impossible one). */
  timeFromBatch: 4,
  /** It has a `decklog.quality`. */
  quality: 8,
} as const

/** Inclusive range of `seq`. */
export type SeqRange = readonly [first: number, last: number]

/** Why a record has no event of its own. */
export type CoverReason = 'joined-into' | 'skipped' | 'duplicate' | 'lost' | 'dead-letter'

/** Records that are covered without an event. `joined-into` is implied by an event's ranges and not repeated here. */
export interface Cover {
  readonly first: number
  readonly last: number
  readonly reason: CoverReason
  /** For `lost`: the declared reason. For `dead-letter`: why. */
  readonly detail: string
}

export interface EventBatch {
  readonly stream: string
  readonly class: string
  readonly tenant: string
  readonly node: string
  /** `logs-<dataset>-<namespace>`: one for all events, because it depends on provenance only. */
  readonly dataStream: string
  /** When the bus got the raw batch: becomes `event.ingested`. Milliseconds since the epoch. */
  readonly receivedMs: number
  /** Lineage and losses travel on, so that the store can say what is declared. */
  readonly lineage: string
  readonly covers: readonly Cover[]
  /** Losses without `seq` (`count` 0): for the completeness report. */
  readonly losses: readonly {
    readonly atSeq: number
    readonly bytes: number
    readonly reason: string
    readonly detail: string
  }[]
  /** Rows of INDEX_ROW_BYTES, in order of emission. */
  readonly index: Uint8Array
  readonly ruleSets: readonly (readonly string[])[]
  readonly moreRanges: readonly (readonly SeqRange[])[]
  readonly pipelineVersion: string
  readonly codec: 'none' | 'zstd'
  /** Unpacked length of `documents`. */
  readonly documentBytes: number
  /** JSON documents, each ended by a newline, packed by `codec`. */
  readonly documents: Uint8Array
  readonly extra: Readonly<Record<string, string>>
}

/** Reads the index of an event batch. Cheap: no copy, no object an event. */
export class EventIndex {
  readonly count: number
  readonly #view: DataView
  readonly #batch: EventBatch

  constructor(batch: EventBatch) {
    const { index } = batch
    this.#batch = batch
    this.#view = new DataView(index.buffer, index.byteOffset, index.byteLength)
    this.count = Math.floor(index.byteLength / INDEX_ROW_BYTES)
  }

  firstSeq(row: number): number {
    return this.#view.getFloat64(row * INDEX_ROW_BYTES, true)
  }
  lastSeq(row: number): number {
    return this.#view.getFloat64(row * INDEX_ROW_BYTES + 8, true)
  }
  timeNs(row: number): bigint {
    return this.#view.getBigInt64(row * INDEX_ROW_BYTES + 16, true)
  }
  offset(row: number): number {
    return this.#view.getUint32(row * INDEX_ROW_BYTES + 24, true)
  }
  length(row: number): number {
    return this.#view.getUint32(row * INDEX_ROW_BYTES + 28, true)
  }
  n(row: number): number {
    return this.#view.getUint16(row * INDEX_ROW_BYTES + 32, true)
  }
  flags(row: number): number {
    return this.#view.getUint16(row * INDEX_ROW_BYTES + 34, true)
  }
  rules(row: number): readonly string[] {
    const at = this.#view.getUint32(row * INDEX_ROW_BYTES + 36, true)
    return at === 0 ? [] : (this.#batch.ruleSets[at - 1] ?? [])
  }
  ranges(row: number): readonly SeqRange[] {
    const at = this.#view.getUint32(row * INDEX_ROW_BYTES + 40, true)
    const more = at === 0 ? undefined : this.#batch.moreRanges[at - 1]
    return more ?? [[this.firstSeq(row), this.lastSeq(row)]]
  }
  /** `stream:seq`, or `stream:seq.n`. */
  id(row: number): string {
    return eventId(this.#batch.stream, this.firstSeq(row), this.n(row))
  }
}

/** Writes rows of an index; grows by doubling. */
export class EventIndexWriter {
  count = 0
  #bytes = new Uint8Array(INDEX_ROW_BYTES * 256)
  #view = new DataView(this.#bytes.buffer)

  /** Adds a row. `rules` and `ranges` are already 1-based positions, 0 for none. */
  add(row: {
    firstSeq: number
    lastSeq: number
    timeNs: bigint
    offset: number
    length: number
    n: number
    flags: number
    rules: number
    ranges: number
  }): void {
    if ((this.count + 1) * INDEX_ROW_BYTES > this.#bytes.byteLength) this.#grow()
    const at = this.count * INDEX_ROW_BYTES
    const view = this.#view
    view.setFloat64(at, row.firstSeq, true)
    view.setFloat64(at + 8, row.lastSeq, true)
    view.setBigInt64(at + 16, row.timeNs, true)
    view.setUint32(at + 24, row.offset, true)
    view.setUint32(at + 28, row.length, true)
    view.setUint16(at + 32, row.n, true)
    view.setUint16(at + 34, row.flags, true)
    view.setUint32(at + 36, row.rules, true)
    view.setUint32(at + 40, row.ranges, true)
    this.count++
  }

  /**
   * The same for an event of one range without rules, its time given as whole seconds since the epoch (not before it) and
   * nanoseconds: no object and no bigint an event.
   */
  addAt(
    firstSeq: number,
    lastSeq: number,
    seconds: number,
    nanos: number,
    offset: number,
    length: number,
    flags: number,
  ): void {
    if ((this.count + 1) * INDEX_ROW_BYTES > this.#bytes.byteLength) this.#grow()
    const at = this.count * INDEX_ROW_BYTES
    const view = this.#view
    // seconds * 1e9 + nanos in two halves of 32 bits; each product stays below 2^53.
    const upper = Math.floor(seconds / 65536) * 1e9
    const lower = (upper % 65536) * 65536 + (seconds % 65536) * 1e9 + nanos
    view.setFloat64(at, firstSeq, true)
    view.setFloat64(at + 8, lastSeq, true)
    view.setUint32(at + 16, lower % 4294967296, true)
    view.setUint32(at + 20, Math.floor(upper / 65536) + Math.floor(lower / 4294967296), true)
    view.setUint32(at + 24, offset, true)
    view.setUint32(at + 28, length, true)
    view.setUint32(at + 32, flags << 16, true)
    view.setUint32(at + 36, 0, true)
    view.setUint32(at + 40, 0, true)
    this.count++
  }

  /** A copy of the rows so far; the writer may be used again after `clear`. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.count * INDEX_ROW_BYTES)
  }

  clear(): void {
    this.count = 0
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.byteLength * 2)
    larger.set(this.#bytes)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

/** DESIGN: an event's id comes from the source, so whatever is sent again lands on the same id. */
export function eventId(stream: string, seq: number, n: number): string {
  return n === 0 ? `${stream}:${seq}` : `${stream}:${seq}.${n}`
}

/** Takes an id apart; undefined when it is none. */
export function parseEventId(id: string): { stream: string; seq: number; n: number } | undefined {
  const match = /^([0-9a-f]{24}):(\d{1,16})(?:\.(\d{1,5}))?$/.exec(id)
  if (!match) return undefined
  return { stream: match[1]!, seq: Number(match[2]), n: Number(match[3] ?? 0) }
}
