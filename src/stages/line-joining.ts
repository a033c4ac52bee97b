import type { SeqRange } from '../core/event-batch.ts'
import type { LineHeader, TraceProgress } from '../ports/line-format.ts'

/** Lines that are becoming one event: parts of a long line, or lines of a stack trace. Owns copies of their bytes. */
export interface Joining {
  readonly key: number
  readonly seqs: number[]
  /** Header of each record and length of its text in bytes: with the joined text, the exact bytes. */
  readonly parts: string[]
  readonly chunks: Buffer[]
  /** What it costs to keep. */
  bytes: number
  /** Where its first record begins in the stream. */
  readonly position: number
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
  /** Set once it is a stack trace. */
  trace: TraceProgress | undefined
  /** Empty lines that belong to the trace if a later line does. */
  blanks: { readonly seq: number; readonly part: string }[]
}

/** What a record costs besides its text: its number, its header, the objects around them. */
const RECORD_COST_BYTES = 160

/** One record, as it stands in `bytes`. */
export interface RecordSpan {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly seq: number
  readonly position: number
}

/** Begins with one record. */
export function beginJoining(record: RecordSpan, header: LineHeader): Joining {
  const joining: Joining = {
    key: header.key,
    seqs: [],
    parts: [],
    chunks: [],
    bytes: 0,
    position: record.position,
    time: Buffer.from(record.bytes.subarray(header.timeStart, header.timeEnd)),
    timeValid: header.timeValid,
    seconds: header.seconds,
    nanos: header.nanos,
    zoneMinutes: header.zoneMinutes,
    canonical: header.canonical,
    quality: 0,
    lastTime: timeOf(header),
    trace: undefined,
    blanks: [],
  }
  addRecord(joining, record, header)
  return joining
}

/** The text of the record follows the text so far at once. */
export function addRecord(joining: Joining, record: RecordSpan, header: LineHeader): void {
  joining.seqs.push(record.seq)
  joining.parts.push(partOf(record, header))
  joining.chunks.push(Buffer.from(record.bytes.subarray(header.textStart, record.end)))
  joining.bytes += costOf(record)
  if (header.timeValid) joining.lastTime = timeOf(header)
}

export function costOf(record: RecordSpan): number {
  return record.end - record.start + RECORD_COST_BYTES
}

/** An empty line that may belong to the trace. */
export function addBlank(joining: Joining, record: RecordSpan, header: LineHeader): void {
  joining.blanks.push({ seq: record.seq, part: partOf(record, header) })
  joining.bytes += costOf(record)
}

/** A whole line that goes on with the trace, after the empty ones before it. */
export function addLine(trace: Joining, line: Joining): void {
  for (const { seq, part } of trace.blanks) {
    trace.seqs.push(seq)
    trace.parts.push(part)
    trace.chunks.push(NEWLINE)
  }
  trace.blanks = []
  trace.seqs.push(...line.seqs)
  trace.parts.push(...line.parts)
  trace.chunks.push(NEWLINE, ...line.chunks)
  trace.bytes += line.bytes
  trace.quality |= line.quality
  trace.lastTime = line.lastTime
}

const NEWLINE = Buffer.from('\n')

/** The first characters of its text. */
export function headText(joining: Joining, charactersMax: number): string {
  let text = ''
  for (const chunk of joining.chunks) {
    if (text.length >= charactersMax) break
    text += chunk.toString('latin1', 0, charactersMax - text.length)
  }
  return text
}

/** Sorted numbers as ranges. */
export function rangesOf(seqs: readonly number[]): SeqRange[] {
  const ranges: [number, number][] = []
  for (const seq of seqs) {
    const before = ranges.at(-1)
    if (before !== undefined && before[1] + 1 === seq) before[1] = seq
    else ranges.push([seq, seq])
  }
  return ranges
}

export function timeOf(header: LineHeader): number {
  return header.seconds + header.nanos / 1e9
}

/** `2026-11-24T08:00:00.1Z stdout P 16384` */
export function partOf(record: RecordSpan, header: LineHeader): string {
  const text = record.bytes.toString('latin1', record.start, header.textStart).trimEnd()
  return `${text} ${record.end - header.textStart}`
}
