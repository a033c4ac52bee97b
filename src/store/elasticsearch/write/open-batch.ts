import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import type { DecklogError } from '../../../core/errors.ts'
import { type EventBatch, EventIndex } from '../../../core/event-batch.ts'
import { Outcome, type WriteResult } from '../../../ports/store.ts'
import { saysItsPlace } from '../own-members.ts'
import type { Target } from './target.ts'

const unpack = promisify(zstdDecompress)
const NOTHING = Buffer.alloc(0)

/** In `outcomes`, of a row that has none yet. */
export const OPEN = 255

/** The first and the last record that a batch speaks of. */
export interface Span {
  readonly first: number
  readonly last: number
}

/** One call of `write`. */
export interface Ticket {
  /** Nobody waits any longer: what is not sent yet is not sent. */
  isOver: boolean
  /** The cluster's last failure to answer; undefined once it has answered again. */
  unreachable: DecklogError | undefined
}

/** A batch on its way: what has become of each row, and what is still to be sent. */
export class OpenBatch {
  readonly batch: EventBatch
  readonly index: EventIndex
  readonly target: Target
  readonly ticket: Ticket
  /** Unpacked; each document ended by a newline. Empty until `unpack`, and after `release`. */
  documents: Buffer = NOTHING
  /** Its documents say stream, seq and class themselves. */
  saysItsPlace = true
  readonly outcomes: Uint8Array
  readonly reasons = new Map<number, string>()
  /** Documents that are sent instead, ended by a newline: repaired or cut ones. */
  readonly replaced = new Map<number, Buffer>()
  /** How often a row was repaired. */
  readonly repairs = new Map<number, number>()
  /** Undefined when the batch says nothing about records. */
  readonly span: Span | undefined
  /** The data stream's write index when the rows were judged: what lands elsewhere is looked at again. */
  judgedAt: string | undefined
  /** Backing indices in which its events are. */
  readonly landed = new Set<string>()
  /** What it covers was written before, and nothing has changed. */
  isCovered = false
  #open: number
  #whenDone: (() => void) | undefined

  constructor(batch: EventBatch, { target, ticket }: { readonly target: Target; readonly ticket: Ticket }) {
    this.batch = batch
    this.index = new EventIndex(batch)
    this.target = target
    this.ticket = ticket
    this.outcomes = new Uint8Array(this.index.count).fill(OPEN)
    this.#open = this.index.count
    this.span = spanOf(batch, this.index)
  }

  /** @throws {Error} when its documents cannot be unpacked */
  async unpack(): Promise<void> {
    const { codec, documents, documentBytes } = this.batch
    const packed = Buffer.from(documents.buffer, documents.byteOffset, documents.byteLength)
    // One chunk of the right size: otherwise the pieces are made one by one, and copied together.
    const chunkSize = Math.max(64, documentBytes + 1)
    this.documents = codec === 'none' ? packed : await unpack(packed, { chunkSize })
    if (this.index.count > 0)
      this.saysItsPlace = saysItsPlace(this.documents.subarray(0, this.index.length(0)))
  }

  /**
   * Gives the memory of the documents back at once. Left to the garbage collector, a megabyte a batch makes it run as often as
   * all other work together.
   */
  release(): void {
    const { buffer } = this.documents
    const isOurs = this.batch.codec !== 'none' && this.documents.byteLength > 0
    this.documents = NOTHING
    if (isOurs && buffer instanceof ArrayBuffer) buffer.transfer(0)
  }

  /** As it came, with its newline. */
  document(row: number): Buffer {
    const offset = this.index.offset(row)
    return this.documents.subarray(offset, offset + this.index.length(row) + 1)
  }

  get openRows(): number {
    return this.#open
  }

  /** Rows without an outcome, in order. */
  open(): number[] {
    const rows: number[] = []
    for (let row = 0; row < this.outcomes.length; row++) if (this.outcomes[row] === OPEN) rows.push(row)
    return rows
  }

  /** Gives a row its outcome; a row that has one keeps it. */
  settle(row: number, outcome: number, reason?: string): void {
    if (this.outcomes[row] !== OPEN) return
    this.outcomes[row] = outcome
    this.#open--
    if (reason !== undefined) this.reasons.set(row, reason)
    if (this.#open === 0) this.#whenDone?.()
  }

  /** Resolves when each row has its outcome. */
  done(): Promise<void> {
    if (this.#open === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenDone = resolve
    })
  }

  result(): WriteResult {
    return { outcomes: this.outcomes, reasons: this.reasons }
  }

  /** All rows stored, here or before, or refused for good. */
  get isFinal(): boolean {
    return this.#open === 0 && !this.outcomes.includes(Outcome.retry)
  }
}

/** Is the event made of more than one record? */
export function isJoined({ index }: OpenBatch, row: number): boolean {
  return index.lastSeq(row) > index.firstSeq(row) || index.ranges(row).length > 1
}

function spanOf(batch: EventBatch, index: EventIndex): Span | undefined {
  let first = Number.POSITIVE_INFINITY
  let last = -1
  for (let row = 0; row < index.count; row++) {
    first = Math.min(first, index.firstSeq(row))
    last = Math.max(last, index.lastSeq(row))
  }
  for (const ranges of batch.moreRanges) for (const [, to] of ranges) last = Math.max(last, to)
  for (const cover of batch.covers) {
    first = Math.min(first, cover.first)
    last = Math.max(last, cover.last)
  }
  return last < 0 ? undefined : { first, last }
}
