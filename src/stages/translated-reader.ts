import type { LineFormat } from '../ports/line-format.ts'
import type { BatchRun, RecordReader, WholeRecord } from './run.ts'

const LF = 0x0a
const NEWLINE = Buffer.from('\n')
/** Room for a newline behind each line, and for what a line without one at its end gets. */
const SPARE_BYTES = 1

/**
 * Lines whose text is escaped are written anew, a batch at a time, and then read as their reader knows them. A text that holds a newline
 * is read alone.
 */
export class TranslatedReader implements RecordReader {
  readonly #inner: RecordReader
  readonly #translate: NonNullable<LineFormat['translate']>

  constructor(inner: RecordReader, translate: NonNullable<LineFormat['translate']>) {
    this.#inner = inner
    this.#translate = translate
  }

  get openSince(): number {
    return this.#inner.openSince
  }

  get openBytes(): number {
    return this.#inner.openBytes
  }

  readAll(run: BatchRun, raw: Buffer): { count: number; end: number } {
    const { firstSeq, count } = run.batch
    const out = Buffer.allocUnsafe(raw.length + SPARE_BYTES)
    let at = 0
    let read = 0
    /** Where the lines begin, and which is the first of them, that are translated and not read yet. */
    let from = 0
    let first = 0
    let to = 0
    while (read < count && at < raw.length) {
      const newline = raw.indexOf(LF, at)
      const end = newline < 0 ? raw.length : newline
      const lineStart = to
      to = this.#translate(raw, at, end, out, to)
      const isOne = out.subarray(lineStart, to).indexOf(LF) === -1
      out[to++] = LF
      if (!isOne) {
        this.#readLines(run, out.subarray(from, lineStart), {
          firstSeq: firstSeq + first,
          count: read - first,
        })
        this.#inner.readOne(run, {
          bytes: out.subarray(lineStart, to),
          seq: firstSeq + read,
          truncated: false,
        })
        from = to
        first = read + 1
      }
      read++
      at = Math.min(end + 1, raw.length)
    }
    this.#readLines(run, out.subarray(from, to), { firstSeq: firstSeq + first, count: read - first })
    return { count: read, end: at }
  }

  readOne(run: BatchRun, record: WholeRecord): void {
    const { bytes } = record
    const end = bytes.at(-1) === LF ? bytes.length - 1 : bytes.length
    const out = Buffer.allocUnsafe(bytes.length)
    const length = this.#translate(bytes, 0, end, out, 0)
    this.#inner.readOne(run, { ...record, bytes: Buffer.concat([out.subarray(0, length), NEWLINE]) })
  }

  close(run: BatchRun, quality: number): void {
    this.#inner.close(run, quality)
  }

  #readLines(
    run: BatchRun,
    lines: Buffer,
    part: { readonly firstSeq: number; readonly count: number },
  ): void {
    if (part.count > 0) this.#inner.readAll({ ...run, batch: { ...run.batch, ...part } }, lines)
  }
}
