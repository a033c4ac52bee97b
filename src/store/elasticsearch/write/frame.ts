import { ownMembers } from '../own-members.ts'
import { OPEN, type OpenBatch, isJoined } from './open-batch.ts'

/**
 * Hot: touches every byte that is written. A body of the bulk API is made of ready documents without looking into them:
 * `{"create":{"_id":"<stream>:<seq>"}}\n<document>\n`, and `"_index":"<data stream>",` before the id where the body holds
 * more than one data stream. Documents that do not say where they came from get that in front. Invariants: `at` only moves
 * forward; a row is written whole or not at all; a document is one line, for `process` writes JSON without newlines.
 */
export class Body {
  bytes: Buffer
  at = 0
  /** What it holds, in the order of the answer's items. */
  readonly runs: Run[] = []
  rows = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /**
   * Adds rows from `from` on that have no outcome yet, while they fit in `bytesMax`; a body always takes one row, however
   * large. Returns how far it came.
   */
  add(open: OpenBatch, rows: readonly number[], options: AddOptions): number {
    const { from, rowsMax, bytesMax, withIndex, attempts } = options
    const documents = needsDocuments(open, rows, from) ? open.unpacked() : NOTHING
    if (documents === undefined) return rows.length
    const head = headOf(open, withIndex)
    const { index, replaced, saysItsPlace, outcomes } = open
    const taken: number[] = []
    let at = from
    for (; at < rows.length && taken.length < rowsMax; at++) {
      const row = rows[at]!
      if (outcomes[row] !== OPEN) continue
      const other = replaced.get(row)
      const length = other?.length ?? index.length(row) + 1
      const own = saysItsPlace && index.n(row) === 0 ? undefined : ownOf(open, row)
      const needed = head.length + ID_REST_BYTES + length + (own?.length ?? 0)
      if (this.at + needed > bytesMax && this.at > 0) break
      if (this.at + needed > this.bytes.length) this.#grow(needed)
      this.at += head.copy(this.bytes, this.at)
      this.#putInteger(index.firstSeq(row))
      const n = index.n(row)
      if (n > 0) {
        this.bytes[this.at++] = 0x2e
        this.#putInteger(n)
      }
      this.at += TAIL.copy(this.bytes, this.at)
      const source = other ?? documents
      let offset = other === undefined ? index.offset(row) : 0
      const end = offset + length
      if (own !== undefined) {
        this.at += own.copy(this.bytes, this.at)
        // Its own `{` stands in what is put before it.
        offset++
      }
      this.at += source.copy(this.bytes, this.at, offset, end)
      taken.push(row)
    }
    if (taken.length > 0) this.runs.push({ open, rows: taken, attempts })
    this.rows += taken.length
    return at
  }

  content(): Buffer {
    return this.bytes.subarray(0, this.at)
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(this.at + needed)
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }

  #putInteger(value: number): void {
    if (value < 10) {
      this.bytes[this.at++] = 0x30 + value
      return
    }
    if (value > 0x7fffffff) {
      this.at += this.bytes.write(String(value), this.at, 'latin1')
      return
    }
    let digits = 1
    for (let rest = value; rest >= 10; rest = (rest / 10) | 0) digits++
    let rest = value
    for (let place = this.at + digits - 1; place >= this.at; place--) {
      const next = (rest / 10) | 0
      this.bytes[place] = 0x30 + rest - next * 10
      rest = next
    }
    this.at += digits
  }
}

const NOTHING = Buffer.alloc(0)

/** Repaired rows have documents of their own, and their batch need not be unpacked for them. */
function needsDocuments({ replaced }: OpenBatch, rows: readonly number[], from: number): boolean {
  return replaced.size === 0 || rows.slice(from).some((row) => !replaced.has(row))
}

export interface Run {
  readonly open: OpenBatch
  readonly rows: readonly number[]
  /** How often they were sent before. */
  readonly attempts: number
}

export interface AddOptions {
  readonly attempts: number
  readonly from: number
  readonly rowsMax: number
  readonly bytesMax: number
  readonly withIndex: boolean
}

const TAIL = Buffer.from('"}}\n')
/** Digits of a seq and of a number, the point between them, and the tail. */
const ID_REST_BYTES = 16 + 1 + 5 + TAIL.length

function ownOf(open: OpenBatch, row: number): Buffer {
  const { batch, index, saysItsPlace } = open
  const { stream, class: className, tenant, receivedMs } = batch
  const ranges = isJoined(open, row) ? { ranges: index.ranges(row) } : {}
  const own = {
    stream,
    seq: index.firstSeq(row),
    n: index.n(row),
    class: className,
    tenant,
    receivedMs,
    ...ranges,
  }
  return Buffer.from(ownMembers(own, saysItsPlace))
}

function headOf({ batch, target }: OpenBatch, withIndex: boolean): Buffer {
  const index = withIndex ? `"_index":${JSON.stringify(target.name)},` : ''
  const stream = JSON.stringify(batch.stream).slice(0, -1)
  return Buffer.from(`{"create":{${index}"_id":${stream}:`)
}
