import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import type { DecklogError } from '../../../core/errors.ts'
import { type EventBatch, EventIndex } from '../../../core/event-batch.ts'
import { Outcome, type WriteResult } from '../../../ports/store.ts'
import { saysItsPlace } from '../own-members.ts'
import type { Target } from './target.ts'

const unpack = promisify(zstdDecompress)

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
  /** Unpacked; each document ended by a newline. */
  readonly documents: Buffer
  /** Its documents say stream, seq and class themselves. */
  readonly saysItsPlace: boolean
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

  constructor(batch: EventBatch, parts: { documents: Buffer; target: Target; ticket: Ticket }) {
    this.batch = batch
    this.index = new EventIndex(batch)
    this.documents = parts.documents
    this.target = parts.target
    this.ticket = parts.ticket
    this.saysItsPlace = saysItsPlace(
      this.documents.subarray(0, this.index.count > 0 ? this.index.length(0) : 0),
    )
    this.outcomes = new Uint8Array(this.index.count).fill(OPEN)
    this.#open = this.index.count
    this.span = spanOf(batch, this.index)
  }

  /** As it came, with its newline. */
  document(row: number): Buffer {
    const offset = this.index.offset(row)
    return this.documents.subarray(offset, offset + this.index.length(row) + 1)
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

/** Unpacks a batch. @throws {Error} when its documents cannot be unpacked */
export async function openBatch(
  batch: EventBatch,
  { target, ticket }: { readonly target: Target; readonly ticket: Ticket },
): Promise<OpenBatch> {
  const packed = Buffer.from(batch.documents.buffer, batch.documents.byteOffset, batch.documents.byteLength)
  if (batch.codec === 'none') return new OpenBatch(batch, { documents: packed, target, ticket })
  const chunkSize = Math.max(64, batch.documentBytes + 1)
  return new OpenBatch(batch, { documents: await unpack(packed, { chunkSize }), target, ticket })
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
