import type { LineHeader, TraceProgress } from '../ports/line-format.ts'

/**
 * Lines that are becoming one event: parts of a long line, or lines of a stack trace. Owns copies of their bytes. A limit cuts its
 * text and never splits it: which records it has depends on the records alone.
 */
export interface Joining {
  readonly key: number
  /** Its records, in order. */
  readonly ranges: [first: number, last: number][]
  records: number
  /** Header of each record and length of its text in bytes: with the joined text, the exact bytes. */
  parts: string[]
  readonly chunks: Buffer[]
  /** What it costs to keep. */
  bytes: number
  /** There was no room for the text of some record: nothing is kept any more. */
  isCut: boolean
  /** The first record's. */
  readonly time: Buffer
  readonly timeValid: boolean
  readonly seconds: number
  readonly nanos: number
  readonly zoneMinutes: number
  readonly canonical: boolean
  quality: number
  /** The last record's, in seconds. */
  lastTime: number
  /** Beginning of the last record's text: it alone says whether a trace begins or goes on. */
  lastText: string
  /** Set once it is a stack trace. */
  trace: TraceProgress | undefined
  /** Empty lines that belong to the trace if a later line does. */
  blanks: { readonly seq: number; readonly part: string }[]
}

/** What a record costs besides its text: its number, its header, the objects around them. */
const RECORD_COST_BYTES = 160
/** What is looked at of a text to see whether it belongs to a trace. */
const HEAD_CHARACTERS_MAX = 2048

/** One record, as it stands in `bytes`. */
export interface RecordSpan {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly seq: number
}

/** Begins with one record. `room`: bytes that may be kept. */
export function beginJoining(record: RecordSpan, header: LineHeader, room: number): Joining {
  const joining: Joining = {
    key: header.key,
    ranges: [],
    records: 0,
    parts: [],
    chunks: [],
    bytes: 0,
    isCut: false,
    time: Buffer.from(record.bytes.subarray(header.timeStart, header.timeEnd)),
    timeValid: header.timeValid,
    seconds: header.seconds,
    nanos: header.nanos,
    zoneMinutes: header.zoneMinutes,
    canonical: header.canonical,
    quality: 0,
    lastTime: timeOf(header),
    lastText: '',
    trace: undefined,
    blanks: [],
  }
  addRecord(joining, record, header, room)
  return joining
}

/** The text of the record follows the text so far at once. */
export function addRecord(joining: Joining, record: RecordSpan, header: LineHeader, room: number): void {
  addSeq(joining, record.seq)
  joining.lastText = textStartOf(record, header)
  if (header.timeValid) joining.lastTime = timeOf(header)
  const text = record.bytes.subarray(header.textStart, record.end)
  keep(joining, [text], [partOf(record, header)], room)
}

/** A whole line that goes on with the trace, after the empty ones before it. */
export function addLine(trace: Joining, line: Joining, room: number): void {
  for (const { seq, part } of trace.blanks) {
    addSeq(trace, seq)
    keep(trace, [NEWLINE], [part], room + RECORD_COST_BYTES)
    trace.bytes -= trace.isCut ? 0 : RECORD_COST_BYTES
  }
  trace.blanks = []
  for (const [first, last] of line.ranges) addRange(trace, first, last)
  trace.records += line.records
  trace.quality |= line.quality
  trace.lastTime = line.lastTime
  keep(trace, [NEWLINE, ...line.chunks], line.parts, room)
  if (line.isCut) cut(trace)
}

/** An empty line that may belong to the trace. */
export function addBlank(joining: Joining, record: RecordSpan, header: LineHeader, room: number): void {
  if (room < RECORD_COST_BYTES) cut(joining)
  joining.bytes += joining.isCut ? 0 : RECORD_COST_BYTES
  joining.blanks.push({ seq: record.seq, part: joining.isCut ? '' : partOf(record, header) })
}

const NEWLINE = Buffer.from('\n')

function keep(joining: Joining, texts: readonly Buffer[], parts: readonly string[], room: number): void {
  let left = room - parts.length * RECORD_COST_BYTES
  for (const text of texts) {
    if (joining.isCut) return
    const kept = text.length <= left ? text : text.subarray(0, Math.max(0, left))
    if (kept.length > 0) joining.chunks.push(Buffer.from(kept))
    joining.bytes += kept.length
    left -= kept.length
    if (kept.length < text.length || left < 0) cut(joining)
  }
  if (joining.isCut) return
  joining.parts.push(...parts)
  joining.bytes += parts.length * RECORD_COST_BYTES
}

/** Without all of the text the headers cannot give the bytes back. */
function cut(joining: Joining): void {
  joining.isCut = true
  joining.parts = []
}

function addSeq(joining: Joining, seq: number): void {
  joining.records++
  addRange(joining, seq, seq)
}

function addRange(joining: Joining, first: number, last: number): void {
  const before = joining.ranges.at(-1)
  if (before !== undefined && before[1] + 1 === first) before[1] = last
  else joining.ranges.push([first, last])
}

export function timeOf(header: LineHeader): number {
  return header.seconds + header.nanos / 1e9
}

/** Beginning of a record's text, enough to tell what it is. */
export function textStartOf({ bytes, end }: RecordSpan, { textStart }: LineHeader): string {
  return bytes.toString('latin1', textStart, Math.min(end, textStart + HEAD_CHARACTERS_MAX))
}

/** `2026-11-24T08:00:00.1Z stdout P 16384` */
export function partOf(record: RecordSpan, header: LineHeader): string {
  const text = record.bytes.toString('latin1', record.start, header.textStart).trimEnd()
  return `${text} ${record.end - header.textStart}`
}
