import { decodeSpooled, markOf } from '../core/spooled-record.ts'
import type { BatchRun, RecordReader, WholeRecord } from './run.ts'

const LF = 0x0a
const RS = 0x1e

/**
 * Reads the records of a spool (core/spooled-record.ts) with the reader of their format. Runs of plain records pass in one piece; what
 * begins with RS is decoded, for it alone.
 */
export class SpooledReader implements RecordReader {
  readonly #inner: RecordReader

  constructor(inner: RecordReader) {
    this.#inner = inner
  }

  get openSince(): number {
    return this.#inner.openSince
  }

  get openBytes(): number {
    return this.#inner.openBytes
  }

  readAll(run: BatchRun, raw: Buffer): { count: number; end: number } {
    if (raw.indexOf(RS) === -1) return this.#inner.readAll(run, raw)
    const { count } = run.batch
    let read = 0
    let at = 0
    while (read < count && at < raw.length) {
      const marked = nextMarked(raw, at)
      if (marked > at) {
        const part = this.#readPlain(run, raw.subarray(at, marked), read)
        read += part.count
        at += part.end
        if (at < marked) break
        continue
      }
      const newline = raw.indexOf(LF, at)
      const end = newline < 0 ? raw.length : newline
      const seq = run.batch.firstSeq + read
      this.readOne(run, { bytes: raw.subarray(at, end), seq, truncated: false })
      read++
      at = Math.min(end + 1, raw.length)
    }
    return { count: read, end: at }
  }

  readOne(run: BatchRun, record: WholeRecord): void {
    const { bytes } = record
    if (bytes[0] !== RS) return this.#inner.readOne(run, record)
    const line = bytes.at(-1) === LF ? bytes.subarray(0, -1) : bytes
    // The inner reader takes one newline off: the record's own last one must stay.
    const decoded = Buffer.concat([decodeSpooled(line), NEWLINE])
    const mark = markOf(line)
    this.#inner.readOne(run, {
      bytes: decoded,
      seq: record.seq,
      truncated: record.truncated || mark === 'truncated',
      partial: mark === 'partial',
    })
  }

  close(run: BatchRun, quality: number): void {
    this.#inner.close(run, quality)
  }

  #readPlain(run: BatchRun, raw: Buffer, read: number): { count: number; end: number } {
    const { batch } = run
    const part = { ...batch, firstSeq: batch.firstSeq + read, count: batch.count - read }
    return this.#inner.readAll({ ...run, batch: part }, raw)
  }
}

const NEWLINE = Buffer.from('\n')

/** Where the next line that begins with RS begins, at or behind `at`, which is the beginning of a line; the end if there is none. */
function nextMarked(raw: Buffer, at: number): number {
  if (raw[at] === RS) return at
  for (let from = at; ; ) {
    const found = raw.indexOf(RS, from)
    if (found === -1) return raw.length
    if (raw[found - 1] === LF) return found
    from = found + 1
  }
}
