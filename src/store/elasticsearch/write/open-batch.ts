import { zstdDecompressSync } from 'node:zlib'
import type { DecklogError } from '../../../core/errors.ts'
import { type EventBatch, EventIndex } from '../../../core/event-batch.ts'
import { release } from '../../../core/release.ts'
import { Outcome, type WriteResult } from '../../../ports/store.ts'
import { saysItsPlace } from '../own-members.ts'
import { type Outline, outlineOf } from './outline.ts'
import type { Target } from './target.ts'

const NEWLINE = 0x0a

/** In `outcomes`, of a row that has none yet. */
export const OPEN = 255

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
  /** Its documents say stream, seq and class themselves. */
  saysItsPlace = true
  readonly outcomes: Uint8Array
  readonly reasons = new Map<number, string>()
  /** Documents that are sent instead, ended by a newline: repaired or cut ones. */
  readonly replaced = new Map<number, Buffer>()
  /** How often a row was repaired. */
  readonly repairs = new Map<number, number>()
  /** Rows whose records are covered by other events: their batch does not say anything of them. */
  readonly within = new Set<number>()
  readonly outline: Outline
  /** The data stream's write index when the rows were judged: what lands elsewhere is looked at again. */
  judgedAt: string | undefined
  /** Backing indices in which its events are. */
  readonly landed = new Set<string>()
  /** What it covers was written before, and nothing has changed. */
  isCovered = false
  #documents: Buffer | undefined
  #isChecked = false
  #open: number
  #whenDone: (() => void) | undefined

  constructor(batch: EventBatch, { target, ticket }: { readonly target: Target; readonly ticket: Ticket }) {
    this.batch = batch
    this.index = new EventIndex(batch)
    this.target = target
    this.ticket = ticket
    this.outcomes = new Uint8Array(this.index.count).fill(OPEN)
    this.#open = this.index.count
    this.outline = outlineOf(batch, this.index)
  }

  /**
   * Its documents, each ended by a newline, unpacked when they are needed and not before: what waits is held as it came. Undefined
   * when they cannot be unpacked: then its rows are refused.
   */
  unpacked(): Buffer | undefined {
    if (this.#documents !== undefined) return this.#documents
    const documents = unpack(this.batch)
    if (documents === undefined) {
      for (const row of this.open()) this.settle(row, Outcome.reject, 'its batch cannot be unpacked')
      return undefined
    }
    this.#documents = documents
    if (this.#isChecked) return documents
    this.#isChecked = true
    this.#refuseMisplaced(documents)
    if (this.index.count > 0) this.saysItsPlace = saysItsPlace(documents.subarray(0, this.index.length(0)))
    return documents
  }

  /** Its documents are not needed any more; what was not packed is somebody else's. */
  release(): void {
    const documents = this.#documents
    this.#documents = undefined
    if (documents !== undefined && this.batch.codec !== 'none') release(documents)
  }

  /** A copy of a document as it came, with its newline. Undefined when it cannot be unpacked. */
  document(row: number): Buffer | undefined {
    const offset = this.index.offset(row)
    const documents = this.unpacked()
    return documents && Buffer.from(documents.subarray(offset, offset + this.index.length(row) + 1))
  }

  /** A document that does not end where the index says would take its neighbours along. */
  #refuseMisplaced(documents: Buffer): void {
    for (let row = 0; row < this.index.count; row++) {
      if (documents[this.index.offset(row) + this.index.length(row)] === NEWLINE) continue
      this.settle(row, Outcome.reject, 'the index of its batch does not fit its documents')
    }
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

/**
 * In this thread: a batch takes a millisecond, half of what it costs to have it done elsewhere. One chunk of the right size, for
 * otherwise pieces are made one by one, and copied together.
 */
function unpack({ codec, documents, documentBytes }: EventBatch): Buffer | undefined {
  const packed = Buffer.from(documents.buffer, documents.byteOffset, documents.byteLength)
  if (codec === 'none') return packed
  try {
    return zstdDecompressSync(packed, {
      chunkSize: Math.max(64, documentBytes + 64),
      maxOutputLength: documentBytes + 1,
    })
  } catch {
    return undefined
  }
}
