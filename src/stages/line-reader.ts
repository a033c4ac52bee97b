import type { SeqRange } from '../core/event-batch.ts'
import { CARRY_STREAM_BYTES_MAX } from '../core/limits.ts'
import { QualityBit } from '../core/quality.ts'
import type { LineFilter } from '../core/tagging.ts'
import {
  type LineFormat,
  type LineHeader,
  newLineHeader,
  type PayloadFormat,
  type TraceFormat,
  type TraceProgress,
} from '../ports/line-format.ts'
import { type Line, newLine } from './line.ts'
import type { LinePayloads } from './line-drafts.ts'
import { LineEmitter } from './line-emitter.ts'
import {
  addBlank,
  addLine,
  addRecord,
  beginJoining,
  type Joining,
  partOf,
  type RecordSpan,
  textStartOf,
  timeOf,
} from './line-joining.ts'
import type { BatchRun, RecordReader, WholeRecord } from './run.ts'

export interface LineFormats {
  readonly line: LineFormat
  readonly payload: PayloadFormat
  readonly trace: TraceFormat
  /** Formats that read the text; undefined where only `payload` does. */
  readonly payloads?: LinePayloads | undefined
}

/** A trace whose next line is later than this, by the records' own times, has ended. */
const TRACE_GAP_SECONDS = 2
/** A part of a line whose next part is later than this has lost it. */
const PARTIAL_GAP_SECONDS = 30

const NOTHING = Buffer.alloc(0)
const NEVER: LineFilter = { none: true, may: () => false }

/** What one key (stdout or stderr) has begun: a stack trace, and after it the parts of a line. */
interface KeyCarry {
  trace: Joining | undefined
  parts: Joining | undefined
}

/**
 * Reads container lines. Most are whole, and go from raw bytes to document bytes at once. Parts of long lines and stack traces
 * are joined, per key; what they are joined to depends on the records alone, never on how they were cut into batches.
 */
export class LineReader implements RecordReader {
  readonly #formats: LineFormats
  readonly #header: LineHeader = newLineHeader()
  readonly #line: Line = newLine()
  readonly #carries: readonly KeyCarry[]
  #open = 0
  /** Records of the batch that are no lines of the format. */
  #foreign = 0
  #run: BatchRun | undefined
  #emitter: LineEmitter | undefined
  #heads: LineFilter = NEVER

  constructor(formats: LineFormats) {
    this.#formats = formats
    this.#carries = formats.line.keys.map(() => ({ trace: undefined, parts: undefined }))
  }

  get openSince(): number {
    let since = Number.POSITIVE_INFINITY
    for (const one of this.#joinings()) since = Math.min(since, one.ranges[0]![0])
    return since
  }

  get openBytes(): number {
    let bytes = 0
    for (const one of this.#joinings()) bytes += one.bytes
    return bytes
  }

  readAll(run: BatchRun, raw: Buffer): { count: number; end: number } {
    this.#enter(run, raw)
    const { firstSeq, count } = run.batch
    const header = this.#header
    const format = this.#formats.line
    const emitter = this.#emitter!
    const heads = this.#heads
    let at = 0
    let read = 0
    while (read < count && at < raw.length) {
      const newline = raw.indexOf(0x0a, at)
      const end = newline < 0 ? raw.length : newline
      const isLine = format.read(raw, at, end, header)
      // One character may be a lone carriage return, which is an empty line.
      if (
        isLine &&
        !header.partial &&
        this.#open === 0 &&
        end - header.textStart > 1 &&
        !heads.may(header.textStart, end)
      ) {
        this.#emitWhole(emitter, raw, at, end, firstSeq + read, 0)
      } else {
        this.#readSlowly({ bytes: raw, start: at, end, seq: firstSeq + read }, isLine, 0)
      }
      at = end + 1
      read++
    }
    this.#count(read)
    this.#leave()
    return { count: read, end: Math.min(at, raw.length) }
  }

  readOne(run: BatchRun, record: WholeRecord): void {
    const { bytes, seq } = record
    this.#enter(run, bytes)
    const end = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length
    const isLine = this.#formats.line.read(bytes, 0, end, this.#header)
    this.#readSlowly({ bytes, start: 0, end, seq }, isLine, record.truncated ? QualityBit.truncated : 0)
    this.#count(1)
    this.#leave()
  }

  close(run: BatchRun, quality: number): void {
    if (this.#open === 0) return
    this.#enter(run, NOTHING)
    for (const carry of this.#carries) this.#closeKey(carry, quality)
    this.#leave()
  }

  #enter(run: BatchRun, raw: Buffer): void {
    this.#run = run
    this.#emitter = new LineEmitter(run, this.#formats, raw)
    this.#heads = this.#formats.trace.prepare(raw)
  }

  /** Of so many records those that were none of its lines were not taken. */
  #count(records: number): void {
    const count = this.#run!.sink.parserCount([this.#formats.line])
    const taken = records - this.#foreign
    count.tried += records
    count.triedBy[0]! += records
    count.taken += taken
    count.takenBy[0]! += taken
    this.#foreign = 0
  }

  /** Lets go of the batch: there are thousands of streams, and each would keep its last one. */
  #leave(): void {
    this.#run = undefined
    this.#emitter = undefined
    this.#heads = NEVER
    this.#line.bytes = NOTHING
  }

  *#joinings(): Generator<Joining> {
    for (const { trace, parts } of this.#carries) {
      if (trace !== undefined) yield trace
      if (parts !== undefined) yield parts
    }
  }

  /** `#header` is that of the record, when `isLine`. */
  #readSlowly(record: RecordSpan, isLine: boolean, quality: number): void {
    const header = this.#header
    if (!isLine) {
      this.#emitForeign(record, quality)
      return
    }
    if (this.#open > 0 && header.timeValid) this.#expire(timeOf(header))
    const carry = this.#carries[header.key]!
    if (header.partial || carry.parts !== undefined) this.#readPart(record, carry, quality)
    else this.#readWhole(record, carry, quality)
  }

  #readPart(record: RecordSpan, carry: KeyCarry, quality: number): void {
    const header = this.#header
    if (carry.parts === undefined) {
      carry.parts = beginJoining(record, header, this.#room)
      this.#open++
    } else addRecord(carry.parts, record, header, this.#room)
    carry.parts.quality |= quality
    if (header.partial) return
    const line = carry.parts
    carry.parts = undefined
    this.#open--
    if (line.chunks.length > 0 || line.isCut) this.#takeLine(line, carry)
    else this.#skip(line.ranges)
  }

  #readWhole(record: RecordSpan, carry: KeyCarry, quality: number): void {
    const header = this.#header
    const { bytes, start, end } = record
    const length = end - header.textStart
    if (length === 0 || (length === 1 && bytes[header.textStart] === 0x0d)) {
      this.#readEmpty(record, carry)
      return
    }
    const isHead =
      this.#heads.may(header.textStart, end) &&
      this.#formats.trace.begin(textStartOf(record, header)) !== undefined
    if (carry.trace === undefined) {
      const emitter = this.#emitter!
      this.#fillWhole(emitter, bytes, start, end, record.seq, quality)
      if (!isHead) emitter.emit(this.#line)
      // What a format takes begins no trace.
      if (!isHead || emitter.emitDraft(this.#line)) return
    }
    const line = beginJoining(record, header, this.#room)
    line.quality |= quality
    this.#takeLine(line, carry)
  }

  #readEmpty(record: RecordSpan, carry: KeyCarry): void {
    const { trace } = carry
    if (trace !== undefined && this.#formats.trace.continues(trace.trace!, '')) {
      addBlank(trace, record, this.#header, this.#room)
      return
    }
    this.#closeTrace(carry, 0)
    this.#skip([[record.seq, record.seq]])
  }

  /** A whole line, with all its parts: goes on with a trace, begins one, or is an event of its own. */
  #takeLine(line: Joining, carry: KeyCarry): void {
    const format = this.#formats.trace
    if (carry.trace !== undefined && format.continues(carry.trace.trace!, line.lastText)) {
      addLine(carry.trace, line, this.#room)
      return
    }
    this.#closeTrace(carry, 0)
    const trace = format.begin(line.lastText)
    if (trace === undefined) {
      this.#emitJoined(line)
      return
    }
    this.#fillJoined(line)
    if (this.#emitter!.emitDraft(this.#line)) return
    line.trace = trace
    carry.trace = line
    this.#open++
  }

  /** Bytes that may still be kept. */
  get #room(): number {
    return Math.min(CARRY_STREAM_BYTES_MAX, this.#run!.carryRoomBytes) - this.openBytes
  }

  /** Ends what has ended by the records' own times. */
  #expire(time: number): void {
    for (const carry of this.#carries) {
      if (carry.parts !== undefined) {
        if (time - carry.parts.lastTime > PARTIAL_GAP_SECONDS) this.#closeKey(carry, 0)
      } else if (carry.trace !== undefined && time - carry.trace.lastTime > TRACE_GAP_SECONDS) {
        this.#closeTrace(carry, 0)
      }
    }
  }

  #closeKey(carry: KeyCarry, quality: number): void {
    this.#closeTrace(carry, quality)
    const { parts } = carry
    if (parts === undefined) return
    carry.parts = undefined
    this.#open--
    parts.quality |= quality | QualityBit.partial
    this.#emitJoined(parts)
  }

  #closeTrace(carry: KeyCarry, quality: number): void {
    const { trace } = carry
    if (trace === undefined) return
    carry.trace = undefined
    this.#open--
    trace.quality |= quality
    this.#emitJoined(trace)
    this.#skip(trace.blanks.map(({ seq }): SeqRange => [seq, seq]))
  }

  #skip(ranges: readonly SeqRange[]): void {
    for (const [first, last] of ranges) this.#run!.sink.cover(first, last, 'skipped', 'empty')
  }

  /** The hot path. `#header` is that of the record. */
  #emitWhole(
    emitter: LineEmitter,
    bytes: Buffer,
    start: number,
    end: number,
    seq: number,
    quality: number,
  ): void {
    this.#fillWhole(emitter, bytes, start, end, seq, quality)
    emitter.emit(this.#line)
  }

  #fillWhole(
    emitter: LineEmitter,
    bytes: Buffer,
    start: number,
    end: number,
    seq: number,
    quality: number,
  ): void {
    const header = this.#header
    const line = this.#line
    line.bytes = bytes
    line.from = header.textStart
    line.to = end
    line.key = header.key
    line.firstSeq = seq
    line.lastSeq = seq
    line.ranges = undefined
    line.rangesText = ''
    line.timeStart = header.timeStart
    line.timeEnd = header.timeEnd
    line.timeValid = header.timeValid
    line.seconds = header.seconds
    line.nanos = header.nanos
    line.zoneMinutes = header.zoneMinutes
    line.quality = quality
    line.parts = undefined
    line.hasParts = !header.canonical
    line.decklogMore = header.canonical ? '' : partsMember([partOf({ bytes, start, end, seq }, header)])
    line.more = ''
    line.isJoined = false
    line.mayMatch = !emitter.tagFilter.none && emitter.tagFilter.may(start, end)
    line.mayRedact = !emitter.redactFilter.none && emitter.redactFilter.may(start, end)
  }

  /** No format is asked about a trace: its head was none of theirs. */
  #emitJoined(joining: Joining): void {
    this.#fillJoined(joining)
    if (joining.trace === undefined) this.#emitter!.emit(this.#line)
    else this.#emitter!.emitLine(this.#line)
  }

  #fillJoined(joining: Joining): void {
    const { ranges, records, time, chunks } = joining
    const line = this.#line
    line.bytes = Buffer.concat([time, ...chunks])
    line.from = time.length
    line.to = line.bytes.length
    line.key = joining.key
    line.firstSeq = ranges[0]![0]
    line.lastSeq = ranges[0]![1]
    line.ranges = ranges.length > 1 ? ranges : undefined
    line.rangesText = ranges.length > 1 ? `,"ranges":${JSON.stringify(ranges)}` : ''
    line.timeStart = 0
    line.timeEnd = time.length
    line.timeValid = joining.timeValid
    line.seconds = joining.seconds
    line.nanos = joining.nanos
    line.zoneMinutes = joining.zoneMinutes
    line.quality = joining.quality | (joining.isCut ? QualityBit.truncated | QualityBit.carryLimit : 0)
    line.parts = joining.isCut ? undefined : joining.parts
    line.hasParts = !joining.isCut && (records > 1 || !joining.canonical)
    line.decklogMore = line.hasParts ? partsMember(joining.parts) : ''
    line.more = joining.trace !== undefined && records > 1 ? this.#errorMember(joining.trace, line) : ''
    line.isJoined = true
    line.mayMatch = this.#run!.tagger !== undefined
    line.mayRedact = this.#run!.redactor !== undefined
  }

  /** `,"error":{…}` of a joined trace, or nothing. Said of the redacted text: an error's message has secrets too. */
  #errorMember(trace: TraceProgress, line: Line): string {
    const text = line.bytes.toString('utf8', line.from, line.to)
    const error = this.#formats.trace.describe(trace, this.#run!.redactor?.apply(text) ?? text)
    return Object.keys(error).length === 0 ? '' : `,"error":${JSON.stringify(error)}`
  }

  /** What is no container line stays searchable as text. */
  #emitForeign(record: RecordSpan, quality: number): void {
    const { bytes, start, end, seq } = record
    if (end === start || (end - start === 1 && bytes[start] === 0x0d)) {
      this.#skip([[seq, seq]])
      return
    }
    const header = this.#header
    header.key = this.#formats.line.keys.length
    header.canonical = true
    header.timeStart = start
    header.timeEnd = start
    header.timeValid = false
    header.zoneMinutes = 0
    header.textStart = start
    this.#run!.sink.parseFailed++
    this.#foreign++
    const odd = QualityBit.parseFailed | QualityBit.timeMissing
    this.#fillWhole(this.#emitter!, bytes, start, end, seq, quality | odd)
    this.#emitter!.emitLine(this.#line)
  }
}

function partsMember(parts: readonly string[]): string {
  return `,"parts":${JSON.stringify(parts)}`
}
