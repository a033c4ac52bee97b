import type { Body } from './frame.ts'
import type { OpenBatch } from './open-batch.ts'
import { PROBING } from './target.ts'

/** Rows of one batch that wait for a request. */
export interface Slice {
  readonly open: OpenBatch
  readonly rows: readonly number[]
  /** Not before this moment, monotonic milliseconds. */
  readonly notBeforeMs: number
  /** How often they were sent before, and why they are sent again. */
  readonly attempts: number
  readonly reason: string | undefined
}

interface Waiting extends Slice {
  /** How many of the rows went out. */
  at: number
}

/** Of a class, so much goes into a body before the next class has its turn. */
const TURN_BYTES = 1024 * 1024
/** Of a data stream that is held, so many rows are sent to see whether it is still refused. */
const PROBE_ROWS = 20

interface TakeOptions {
  readonly nowMs: number
  readonly bytesMax: number
}

/** What waits to be sent, by class, so that a full class delays no other. */
export class SendQueue {
  readonly #byClass = new Map<string, Waiting[]>()

  push(slice: Slice): void {
    const name = slice.open.batch.class
    const own = this.#byClass.get(name)
    if (own === undefined) this.#byClass.set(name, [{ ...slice, at: 0 }])
    else own.push({ ...slice, at: 0 })
  }

  /** Fills a body with what may go now, class by class in turns. Returns whether all of it is for one data stream. */
  takeInto(body: Body, options: TakeOptions): { readonly oneStream: boolean } {
    const oneStream = this.#streamsReady(options.nowMs) <= 1
    for (let before = -1; before !== body.at && body.at < options.bytesMax; ) {
      before = body.at
      for (const [name, slices] of this.#byClass) {
        const upTo = Math.min(options.bytesMax, body.at + TURN_BYTES)
        this.#takeFrom(slices, body, { nowMs: options.nowMs, bytesMax: upTo, withIndex: !oneStream })
        if (slices.length === 0) this.#byClass.delete(name)
      }
    }
    this.#nextClassFirst()
    return { oneStream }
  }

  /** When the next slice may go; undefined when nothing waits. */
  nextMs(): number | undefined {
    let next: number | undefined
    for (const slices of this.#byClass.values()) {
      for (const slice of slices) {
        const readyMs = Math.max(slice.notBeforeMs, slice.open.target.hold?.untilMs ?? 0)
        if (next === undefined || readyMs < next) next = readyMs
      }
    }
    return next
  }

  /** Takes out the rows of calls that are over. */
  sweep(): Pick<Slice, 'open' | 'rows' | 'reason'>[] {
    const dropped: Pick<Slice, 'open' | 'rows' | 'reason'>[] = []
    for (const [name, slices] of this.#byClass) {
      const over = slices.filter(({ open }) => open.ticket.isOver)
      if (over.length === 0) continue
      for (const { open, rows, at, reason } of over) dropped.push({ open, rows: rows.slice(at), reason })
      const left = slices.filter(({ open }) => !open.ticket.isOver)
      if (left.length === 0) this.#byClass.delete(name)
      else this.#byClass.set(name, left)
    }
    return dropped
  }

  #takeFrom(slices: Waiting[], body: Body, options: TakeOptions & { readonly withIndex: boolean }): void {
    const { nowMs, bytesMax, withIndex } = options
    for (let i = 0; i < slices.length && body.at < bytesMax; ) {
      const slice = slices[i]!
      if (!isReady(slice, nowMs)) {
        i++
        continue
      }
      const { hold } = slice.open.target
      const rowsMax = hold === undefined ? Number.POSITIVE_INFINITY : PROBE_ROWS
      const { open, rows, at: from, attempts } = slice
      slice.at = body.add(open, rows, { from, rowsMax, bytesMax, withIndex, attempts })
      if (slice.at === from) return
      if (slice.at === rows.length) {
        open.release()
        slices.splice(i, 1)
      }
      // The rest of a held stream waits for the answer to this probe.
      if (hold !== undefined) hold.untilMs = PROBING
    }
  }

  #streamsReady(nowMs: number): number {
    const names = new Set<string>()
    for (const slices of this.#byClass.values()) {
      for (const slice of slices) if (isReady(slice, nowMs)) names.add(slice.open.target.name)
    }
    return names.size
  }

  #nextClassFirst(): void {
    const first = this.#byClass.entries().next().value
    if (first === undefined) return
    this.#byClass.delete(first[0])
    this.#byClass.set(...first)
  }
}

function isReady({ notBeforeMs, open }: Slice, nowMs: number): boolean {
  return notBeforeMs <= nowMs && (open.target.hold?.untilMs ?? 0) <= nowMs
}
