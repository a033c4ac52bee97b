import { isUtf8 } from 'node:buffer'
import type { JsonObject } from '../core/document.ts'
import { EventFlag } from '../core/event-batch.ts'
import { QualityBit } from '../core/quality.ts'
import type { LineFilter } from '../core/tagging.ts'
import {
  type LineFormat,
  newPayloadScan,
  type PayloadFormat,
  type PayloadScan,
  PayloadSlot,
} from '../ports/line-format.ts'
import { put, putInteger } from './document-writer.ts'
import { copiedQuality, copyAsJson, ESCAPE_BYTES_MAX } from './json-text.ts'
import type { Line } from './line.ts'
import { LineDrafts, type LinePayloads } from './line-drafts.ts'
import { type LineSegments, lineSegments, qualityPiece, zoneText } from './line-segments.ts'
import type { BatchRun } from './run.ts'
import { isSignal, ruleFields } from './tags.ts'
import { digitsOf, FUTURE_SECONDS, formatTime } from './times.ts'

const OPEN = Buffer.from('{"@timestamp":"')
const MESSAGE_AFTER_UTC = Buffer.from('Z","message":"')
const MESSAGE = Buffer.from('","message":"')
const PAYLOAD = Buffer.from(',"payload":')
const RANGES = Buffer.from(',"ranges":[[')
const QUOTE = 0x22
const COMMA = 0x2c
const CLOSE_ARRAY = 0x5d
const CLOSE_OBJECT = 0x7d
const NEWLINE = 0x0a

/** What a document has besides its text, its constants and what a joined line brings. */
const REST_BYTES_MAX = 2048
/** The text: escaped as message, and once more as payload, as slices of it, or in base64. */
const TEXT_COPIES_MAX = ESCAPE_BYTES_MAX + 2
/** Identifiers of a payload that are longer than this are none. */
const IDENTIFIER_BYTES_MAX = 256

/** Filled and read within one event. */
const sharedScan: PayloadScan = newPayloadScan()

const NEVER: LineFilter = { none: true, may: () => false }

/** Writes the documents of one batch of lines, from raw bytes to document bytes. Made once a batch. */
export class LineEmitter {
  readonly tagFilter: LineFilter
  readonly redactFilter: LineFilter
  readonly #run: BatchRun
  readonly #format: LineFormat
  readonly #payload: PayloadFormat
  readonly #scan: PayloadScan = sharedScan
  /** By zone. */
  readonly #segments = new Map<number, LineSegments>()
  readonly #utc: LineSegments
  readonly #batchMs: number
  readonly #drafts: LineDrafts | undefined

  constructor(
    run: BatchRun,
    formats: {
      readonly line: LineFormat
      readonly payload: PayloadFormat
      readonly payloads?: LinePayloads | undefined
    },
    raw: Buffer,
  ) {
    this.#run = run
    this.#format = formats.line
    this.#payload = formats.payload
    this.#utc = this.#segmentsOf(0)
    this.#batchMs = Math.min(Math.max(0, run.batch.wallTimeMs), BATCH_MS_MAX)
    this.tagFilter = run.tagger?.prepare(raw) ?? NEVER
    this.redactFilter = run.redactor?.prepare(raw) ?? NEVER
    const { line, payload, payloads } = formats
    this.#drafts = payloads === undefined ? undefined : new LineDrafts(run, { line, payload, payloads }, raw)
  }

  /** Writes one event: a format's, or the line's own. */
  emit(line: Line): void {
    if (this.#drafts === undefined || !this.#drafts.emit(line)) this.emitLine(line)
  }

  /** Writes the event of a format that takes the line; false when none does. */
  emitDraft(line: Line): boolean {
    return this.#drafts?.emit(line) === true
  }

  /** Writes the line's own event. Its text, time and quality may be changed by it. */
  emitLine(line: Line): void {
    if (line.mayRedact) this.#redact(line)
    const invalid = this.#run.isUtf8 && !line.isJoined ? undefined : replaceInvalid(line)
    const { writer } = this.#run.sink
    const joinedCharacters = line.decklogMore.length + line.more.length + line.rangesText.length
    const segments = line.zoneMinutes === 0 ? this.#utc : this.#segmentsOf(line.zoneMinutes)
    writer.reserve(
      (line.to - line.from) * TEXT_COPIES_MAX + segments.plain.length + joinedCharacters * 3 + REST_BYTES_MAX,
    )
    const start = writer.at
    writer.at = this.#write(line, segments, writer.bytes, invalid)
    this.#finish(line, start)
  }

  /** The hot path: everything is reserved, `at` only moves forward. */
  #write(line: Line, segments: LineSegments, out: Buffer, invalid: Buffer | undefined): number {
    const { bytes, from, to } = line
    const scan = this.#scan
    const isJson = bytes[from] === 0x7b && this.#payload.scan(bytes, from, to, scan) === 'json'
    if (bytes[from] === 0x7b) line.quality |= scan.quality
    if (!line.timeValid) this.#useBatchTime(line)
    else if ((line.seconds - FUTURE_SECONDS) * 1000 > this.#batchMs) line.quality |= QualityBit.timeFuture

    let at = put(out, this.#run.sink.writer.at, OPEN)
    at = putTime(line, out, at)
    if (isJson && scan.end[PayloadSlot.message] !== 0) at = copySlot(line, scan, PayloadSlot.message, out, at)
    else {
      at = copyAsJson(bytes, from, to, out, at)
      line.quality |= copiedQuality()
    }
    if (isJson) {
      at = this.#putLevel(line, out, put(out, at, segments.beforeLevel))
      at = put(out, at, segments.beforeSeq)
    } else at = put(out, at, segments.plain)
    at = putInteger(out, at, line.firstSeq)
    at = putRanges(line, out, at)
    if (line.quality !== 0) at = put(out, at, qualityPiece(line.quality))
    if (line.decklogMore !== '') at += out.write(line.decklogMore, at, 'utf8')
    if (invalid !== undefined) at += out.write(`,"raw":"${invalid.toString('base64')}"`, at, 'latin1')
    if (isJson) {
      at = put(out, at, PAYLOAD)
      bytes.copy(out, at, from, to)
      at += to - from
    }
    at = put(out, at, segments.afterDecklog[line.key]!)
    if (isJson) at = putErrorAndTrace(line, scan, out, at)
    if (line.more !== '') at += out.write(line.more, at, 'utf8')
    out[at++] = CLOSE_OBJECT
    return at
  }

  /** Tags it, ends its line, and adds it to the index. */
  #finish(line: Line, start: number): void {
    const { sink } = this.#run
    const { writer, index } = sink
    const rules = line.mayMatch ? this.#tag(line, start) : undefined
    const length = writer.at - start
    writer.bytes[writer.at++] = NEWLINE
    const flags = flagsOf(line.quality)
    if (rules === undefined && line.ranges === undefined) {
      index.addAt(line.firstSeq, line.lastSeq, line.seconds, line.nanos, start, length, flags)
      return
    }
    index.add({
      firstSeq: line.firstSeq,
      lastSeq: line.ranges?.[0]?.[1] ?? line.lastSeq,
      timeNs: BigInt(line.seconds) * 1_000_000_000n + BigInt(line.nanos),
      offset: start,
      length,
      n: 0,
      flags: flags | (rules?.signal === true ? EventFlag.signal : 0),
      rules: sink.ruleSet(rules?.ids ?? []),
      ranges: sink.rangeSet(line.ranges),
    })
  }

  /** The document is read back for the rules: few lines come here, and what is matched is what is stored. */
  #tag(line: Line, start: number): { ids: readonly string[]; signal: boolean } | undefined {
    const { writer } = this.#run.sink
    const document = JSON.parse(writer.bytes.toString('utf8', start, writer.at)) as JsonObject
    const rules = this.#run.tagger!.match(document, line.bytes.toString('utf8', line.from, line.to))
    if (rules.length === 0) return undefined
    writer.at--
    writer.text(`,${JSON.stringify(ruleFields(rules)).slice(1)}`)
    writer.reserve(1)
    return { ids: rules.map(({ id }) => id), signal: isSignal(rules) }
  }

  #redact(line: Line): void {
    const text = line.bytes.toString('utf8', line.from, line.to)
    const rules = new Set<string>()
    const redacted = this.#run.redactor!.apply(text, rules)
    if (redacted === text) return
    replaceText(line, Buffer.from(redacted))
    if (rules.size > 0) line.decklogMore += `,"redacted":${JSON.stringify([...rules])}`
    line.quality |= QualityBit.redacted
  }

  #useBatchTime(line: Line): void {
    line.seconds = Math.floor(this.#batchMs / 1000)
    line.nanos = (this.#batchMs % 1000) * 1e6
    line.zoneMinutes = 0
    if ((line.quality & QualityBit.timeMissing) === 0) line.quality |= QualityBit.timeInvalid
  }

  #putLevel(line: Line, out: Buffer, at: number): number {
    const scan = this.#scan
    const level = this.#payload.level(line.bytes, scan)
    if (level !== undefined) at += out.write(`,"level":"${level}"`, at, 'latin1')
    if (hasIdentifier(scan, PayloadSlot.logger)) {
      at += out.write(',"logger":"', at, 'latin1')
      at = copySlot(line, scan, PayloadSlot.logger, out, at)
      out[at++] = QUOTE
    }
    return at
  }

  #segmentsOf(zoneMinutes: number): LineSegments {
    let segments = this.#segments.get(zoneMinutes)
    if (segments === undefined) {
      segments = lineSegments(this.#run.constants, this.#format, zoneText(zoneMinutes))
      this.#segments.set(zoneMinutes, segments)
    }
    return segments
  }
}

/** i64 nanoseconds end in 2262. */
const BATCH_MS_MAX = Date.UTC(2262, 0)

function putTime(line: Line, out: Buffer, at: number): number {
  if (line.timeValid && line.zoneMinutes === 0) {
    const { bytes, timeStart, timeEnd } = line
    for (let i = timeStart; i < timeEnd; i++) out[at++] = bytes[i]!
    return put(out, at, MESSAGE_AFTER_UTC)
  }
  const written = line.timeEnd - line.timeStart
  const digits = line.timeValid ? Math.max(0, written - 20) : digitsOf(line.nanos)
  return put(out, at + out.write(formatTime(line.seconds, line.nanos, digits), at, 'latin1'), MESSAGE)
}

function putRanges(line: Line, out: Buffer, at: number): number {
  if (line.rangesText !== '') return at + out.write(line.rangesText, at, 'latin1')
  at = putInteger(out, put(out, at, RANGES), line.firstSeq)
  out[at++] = COMMA
  at = putInteger(out, at, line.lastSeq)
  out[at++] = CLOSE_ARRAY
  out[at++] = CLOSE_ARRAY
  return at
}

/** A string of the payload is a JSON string already. */
function copySlot(line: Line, scan: PayloadScan, slot: number, out: Buffer, at: number): number {
  const start = scan.start[slot]!
  const end = scan.end[slot]!
  line.bytes.copy(out, at, start, end)
  return at + end - start
}

function hasIdentifier(scan: PayloadScan, slot: number): boolean {
  const length = scan.end[slot]! - scan.start[slot]!
  return scan.end[slot] !== 0 && length > 0 && length <= IDENTIFIER_BYTES_MAX
}

function putErrorAndTrace(line: Line, scan: PayloadScan, out: Buffer, at: number): number {
  let open = ',"error":{"'
  for (const [slot, name] of ERROR_FIELDS) {
    if (scan.end[slot] === 0) continue
    at += out.write(`${open}${name}":"`, at, 'latin1')
    at = copySlot(line, scan, slot, out, at)
    out[at++] = QUOTE
    open = ',"'
  }
  if (open === ',"') out[at++] = CLOSE_OBJECT
  for (const [slot, name] of TRACE_FIELDS) {
    if (!hasIdentifier(scan, slot)) continue
    at += out.write(`,"${name}":{"id":"`, at, 'latin1')
    at = copySlot(line, scan, slot, out, at)
    out[at++] = QUOTE
    out[at++] = CLOSE_OBJECT
  }
  return at
}

const ERROR_FIELDS = [
  [PayloadSlot.errorType, 'type'],
  [PayloadSlot.errorMessage, 'message'],
  [PayloadSlot.errorStack, 'stack_trace'],
] as const
const TRACE_FIELDS = [
  [PayloadSlot.trace, 'trace'],
  [PayloadSlot.span, 'span'],
] as const

/** Puts U+FFFD where the text is no UTF-8. Returns the exact bytes, or undefined where it is valid or was redacted. */
function replaceInvalid(line: Line): Buffer | undefined {
  const text = line.bytes.subarray(line.from, line.to)
  if (isUtf8(text)) return undefined
  replaceText(line, Buffer.from(text.toString('utf8', 0, text.length)))
  line.quality |= QualityBit.invalidUtf8
  return (line.quality & QualityBit.redacted) === 0 ? text : undefined
}

/** Other text, the same time stamp. */
function replaceText(line: Line, text: Buffer): void {
  const time = line.bytes.subarray(line.timeStart, line.timeEnd)
  line.bytes = Buffer.concat([time, text])
  line.timeStart = 0
  line.timeEnd = time.length
  line.from = time.length
  line.to = line.bytes.length
}

function flagsOf(quality: number): number {
  if (quality === 0) return 0
  let flags: number = EventFlag.quality
  if ((quality & QualityBit.parseFailed) !== 0) flags |= EventFlag.parseFailed
  if ((quality & (QualityBit.timeMissing | QualityBit.timeInvalid)) !== 0) flags |= EventFlag.timeFromBatch
  return flags
}
