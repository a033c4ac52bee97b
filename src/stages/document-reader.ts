import { CARRY_STREAM_BYTES_MAX } from '../core/limits.ts'
import type { FormatReader } from './format-reader.ts'
import type { BatchRun, RecordReader, WholeRecord } from './run.ts'

const [NEWLINE, QUOTE, BACKSLASH] = [0x0a, 0x22, 0x5c]
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

/** A JSON document that has begun. Owns copies of its lines. */
interface OpenDocument {
  readonly firstSeq: number
  lastSeq: number
  readonly lines: Buffer[]
  bytes: number
  /** Objects and arrays that are open. */
  depth: number
}

/**
 * Reports that their writers print as JSON over many lines: `{` or `[` at the beginning of a line that does not end it, and all lines
 * up to where it is closed. What is joined depends on the lines alone. A line that begins another document, a limit or a mark ends one
 * that was never closed, so that a stray bracket takes no more along than itself.
 */
export class DocumentReader implements RecordReader {
  readonly #inner: FormatReader
  #open: OpenDocument | undefined

  constructor(inner: FormatReader) {
    this.#inner = inner
  }

  get openSince(): number {
    return this.#open?.firstSeq ?? Number.POSITIVE_INFINITY
  }

  get openBytes(): number {
    return this.#open?.bytes ?? 0
  }

  readAll(run: BatchRun, raw: Buffer): { count: number; end: number } {
    if (this.#open === undefined && !holdsBeginning(raw)) return this.#inner.readAll(run, raw)
    const { firstSeq, count } = run.batch
    let at = 0
    let read = 0
    while (read < count && at < raw.length) {
      const newline = raw.indexOf(NEWLINE, at)
      const end = newline < 0 ? raw.length : newline
      this.#read(run, { bytes: raw.subarray(at, end), seq: firstSeq + read, truncated: false })
      at = end + 1
      read++
    }
    return { count: read, end: Math.min(at, raw.length) }
  }

  readOne(run: BatchRun, record: WholeRecord): void {
    const { bytes } = record
    const end = bytes.at(-1) === NEWLINE ? bytes.length - 1 : bytes.length
    const isLine = !bytes.subarray(0, end).includes(NEWLINE) && !record.truncated
    if (isLine) return this.#read(run, { ...record, bytes: bytes.subarray(0, end) })
    this.#end(run, true)
    this.#inner.readOne(run, record)
  }

  close(run: BatchRun): void {
    this.#end(run, true)
  }

  #read(run: BatchRun, record: WholeRecord): void {
    const { bytes, seq } = record
    const begins = beginsDocument(bytes)
    if (this.#open !== undefined && begins) this.#end(run, true)
    if (this.#open === undefined) {
      if (!begins || closes(bytes)) return this.#inner.readOne(run, record)
      this.#open = { firstSeq: seq, lastSeq: seq, lines: [], bytes: 0, depth: 0 }
    }
    const open = this.#open
    open.lastSeq = seq
    open.lines.push(Buffer.from(bytes))
    open.bytes += bytes.length + 1
    open.depth += depthOf(bytes)
    if (open.depth <= 0) this.#end(run, false)
    else if (open.bytes > CARRY_STREAM_BYTES_MAX) this.#end(run, true)
  }

  #end(run: BatchRun, partial: boolean): void {
    const open = this.#open
    if (open === undefined) return
    this.#open = undefined
    const { firstSeq: seq, lastSeq, lines } = open
    const bytes = Buffer.concat(lines.flatMap((line, at) => (at === 0 ? [line] : [BREAK, line])))
    this.#inner.readOne(run, { bytes, seq, lastSeq, truncated: false, partial })
  }
}

const BREAK = Buffer.from('\n')

/** Is there a line that begins a document and does not end it? Mostly each report is one line, and all go on at once. */
function holdsBeginning(raw: Buffer): boolean {
  for (let at = 0; at < raw.length; ) {
    const newline = raw.indexOf(NEWLINE, at)
    const end = newline < 0 ? raw.length : newline
    const line = raw.subarray(at, end)
    if (beginsDocument(line) && !closes(line)) return true
    at = end + 1
  }
  return false
}

/** What is printed over many lines is indented within, and at the left edge outside. */
function beginsDocument(bytes: Uint8Array): boolean {
  return bytes[0] === OPEN_BRACE || bytes[0] === OPEN_BRACKET
}

function closes(bytes: Uint8Array): boolean {
  let end = bytes.length - 1
  while (end > 0 && (bytes[end] === 0x20 || bytes[end] === 0x0d || bytes[end] === 0x09)) end--
  return end > 0 && bytes[end] === (bytes[0] === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)
}

/** How many more brackets a line opens than it closes. No string goes over the end of a line. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0
  let inString = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (inString) {
      if (byte === BACKSLASH) at++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
  }
  return depth
}
