import { isAscii, isUtf8 } from 'node:buffer'
import { CARRY_STREAM_BYTES_MAX } from '../core/limits.ts'
import { QualityBit } from '../core/quality.ts'
import type { LineFilter } from '../core/tagging.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { type JoinedFormat, type JoinedHeader, newJoinedHeader } from '../ports/joined-format.ts'
import { JoinedEmitter } from './joined-emitter.ts'
import { addToGroup, type JoinedGroup, type JoinedRecord, newGroup } from './joined-group.ts'
import type { BatchRun, RecordReader, WholeRecord } from './run.ts'
import { SerialGaps } from './serial-gaps.ts'
import { hasControls } from './text-quality.ts'

const NEVER: LineFilter = { none: true, may: () => false }
const NOTHING = Buffer.alloc(0)

/** An event ends when its machine writes a record that is so much later, by the records' own times. */
const EVENT_SECONDS = 2
/** An event ends when none of the next records of the stream was its own: so what is open stays small, whatever the input. */
const EVENT_RECORDS = 2048
/** That is looked at where the number of a record is a multiple of this: the same places for every reader. */
const EVENT_RECORDS_STEP = 64

interface Span {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly seq: number
  readonly quality: number
}

/**
 * Reads records that belong together by what they say themselves, also when they are interleaved or out of order. What is joined
 * depends on the records and their order alone, never on how they were cut into batches. Serials that never come are declared.
 */
export class JoinedReader implements RecordReader {
  readonly #format: FormatDefinition
  readonly #joining: JoinedFormat
  readonly #header: JoinedHeader = newJoinedHeader()
  readonly #open = new Map<string, JoinedGroup>()
  readonly #gaps = new SerialGaps()
  /** The group of the last record: mostly the next one is of it too. */
  #current: JoinedGroup | undefined
  #openBytes = 0
  /** No open group was touched, or is, earlier than that: a bound, not exact. */
  #oldestSeq = Number.POSITIVE_INFINITY
  #oldestTime = Number.POSITIVE_INFINITY
  #nextSeq = -1
  #run: BatchRun | undefined
  #emitter: JoinedEmitter | undefined
  #isAscii = true
  #mayBeOdd = true
  #tagFilter: LineFilter = NEVER
  #redactFilter: LineFilter = NEVER

  constructor(format: FormatDefinition) {
    this.#format = format
    this.#joining = format.joining!
  }

  get openSince(): number {
    let since = Number.POSITIVE_INFINITY
    for (const { ranges } of this.#open.values()) since = Math.min(since, ranges[0]![0])
    return since
  }

  get openBytes(): number {
    return this.#openBytes
  }

  readAll(run: BatchRun, raw: Buffer): { count: number; end: number } {
    this.#enter(run, raw)
    const { firstSeq, count } = run.batch
    let at = 0
    let read = 0
    while (read < count && at < raw.length) {
      const newline = raw.indexOf(0x0a, at)
      const end = newline < 0 ? raw.length : newline
      this.#read({ bytes: raw, start: at, end, seq: firstSeq + read, quality: 0 })
      at = end + 1
      read++
    }
    this.#leave()
    return { count: read, end: Math.min(at, raw.length) }
  }

  readOne(run: BatchRun, record: WholeRecord): void {
    const { bytes, seq, truncated } = record
    this.#enter(run, bytes)
    const end = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length
    this.#read({ bytes, start: 0, end, seq, quality: truncated ? QualityBit.truncated : 0 })
    this.#leave()
  }

  close(run: BatchRun, quality: number): void {
    if (this.#open.size > 0) {
      this.#begin(run, NOTHING)
      for (const group of this.#open.values()) {
        if (!group.progress.closing) group.quality |= quality
        this.#emitGroup(group)
      }
      this.#open.clear()
      this.#forget()
    }
    // Where a carry is closed in mid-stream, what is missing may still come; behind a mark it will not.
    if ((quality & QualityBit.carryLimit) === 0) this.#gaps.settleAll()
    this.#run = run
    this.#leave()
  }

  #enter(run: BatchRun, raw: Buffer): void {
    this.#begin(run, raw)
    // What is missing here is declared by the shipper, or was read in an earlier run.
    if (run.batch.losses.length > 0 || run.batch.firstSeq !== this.#nextSeq) this.#gaps.reset()
  }

  #begin(run: BatchRun, raw: Buffer): void {
    this.#run = run
    this.#emitter = new JoinedEmitter(run, this.#format)
    this.#isAscii = isAscii(raw)
    this.#mayBeOdd =
      !this.#isAscii || (hasControls(raw) && hasOthers(raw, this.#joining.separator.charCodeAt(0)))
    this.#tagFilter = run.tagger?.prepare(raw) ?? NEVER
    this.#redactFilter = run.redactor?.prepare(raw) ?? NEVER
  }

  /** Lets go of the batch: there are thousands of streams, and each would keep its last one. */
  #leave(): void {
    for (const { origin, first, last, seq } of this.#gaps.take()) {
      const serials = first === last ? `serial ${first}` : `serials ${first} to ${last}`
      const detail = `${serials}${origin === '' ? '' : ` of ${origin}`} never came`
      this.#run!.sink.losses.push({ atSeq: seq, bytes: -1, reason: 'source-gap', detail })
    }
    this.#run = undefined
    this.#emitter = undefined
    this.#tagFilter = NEVER
    this.#redactFilter = NEVER
  }

  #read(span: Span): void {
    const { bytes, start, end, seq } = span
    this.#nextSeq = seq + 1
    if (end === start || (end - start === 1 && bytes[start] === 0x0d)) {
      this.#run!.sink.cover(seq, seq, 'skipped', 'empty')
      return
    }
    const record = this.#decode(span)
    const isNeeded = !this.#tagFilter.none && this.#tagFilter.may(start, end)
    const header = this.#header
    const isEvent = this.#joining.read(record.text, header)
    if (!isEvent) {
      this.#emitAlone(record, { isEvent, isNeeded })
      return
    }
    if (header.counted) this.#gaps.see(header, seq)
    if (this.#open.size > 0) this.#expire(header, seq)
    if (header.single) this.#emitAlone(record, { isEvent, isNeeded })
    else this.#join(record, header)
  }

  #decode({ bytes, start, end, seq, quality }: Span): JoinedRecord {
    let text = bytes.toString(this.#isAscii ? 'latin1' : 'utf8', start, end)
    let invalid: Buffer | undefined
    if (!this.#run!.isUtf8 && !isUtf8(bytes.subarray(start, end))) {
      invalid = Buffer.from(bytes.subarray(start, end))
      quality |= QualityBit.invalidUtf8
    }
    let isRedacted = false
    if (!this.#redactFilter.none && this.#redactFilter.may(start, end)) {
      const redacted = this.#run!.redactor!.apply(text)
      isRedacted = redacted !== text
      if (isRedacted) quality |= QualityBit.redacted
      text = redacted
    }
    return {
      text,
      bytes: end - start,
      seq,
      isAscii: this.#isAscii,
      mayBeOdd: this.#mayBeOdd,
      quality,
      invalid,
      isRedacted,
    }
  }

  #join(record: JoinedRecord, header: JoinedHeader): void {
    const group = this.#groupOf(record, header)
    if (group === undefined) {
      this.#run!.sink.cover(record.seq, record.seq, 'skipped', 'end of an event that has left')
      return
    }
    this.#openBytes += addToGroup(group, record, this.#room)
    if (!this.#joining.take(group.progress, record.text, header)) return
    this.#open.delete(group.key)
    this.#emitGroup(group)
    this.#openBytes -= group.bytes
    this.#current = undefined
    if (this.#open.size === 0) this.#forget()
  }

  #groupOf(record: JoinedRecord, header: JoinedHeader): JoinedGroup | undefined {
    const { origin, serial, seconds, nanos } = header
    const current = this.#current
    if (
      current !== undefined &&
      current.serial === serial &&
      current.seconds === seconds &&
      current.nanos === nanos &&
      current.origin === origin
    ) {
      return current
    }
    const key = `${serial} ${seconds} ${nanos} ${origin}`
    let group = this.#open.get(key)
    if (group === undefined) {
      if (header.marker) return undefined
      group = newGroup(key, header, this.#joining.start(), record.seq)
      this.#open.set(key, group)
      this.#openBytes += group.bytes
      this.#oldestSeq = Math.min(this.#oldestSeq, record.seq)
      this.#oldestTime = Math.min(this.#oldestTime, timeOf(header))
    }
    this.#current = group
    return group
  }

  /** Bytes that may still be kept. */
  get #room(): number {
    return Math.min(CARRY_STREAM_BYTES_MAX, this.#run!.carryRoomBytes) - this.#openBytes
  }

  /** Ends what has ended by the time or the number of the record that has come. */
  #expire(header: JoinedHeader, seq: number): void {
    const time = timeOf(header)
    const isStep = seq % EVENT_RECORDS_STEP === 0 && seq - this.#oldestSeq > EVENT_RECORDS
    if (!isStep && time - this.#oldestTime <= EVENT_SECONDS) return
    this.#oldestSeq = Number.POSITIVE_INFINITY
    this.#oldestTime = Number.POSITIVE_INFINITY
    for (const group of this.#open.values()) {
      const isLater = group.origin === header.origin && time - timeOf(group) > EVENT_SECONDS
      if (isLater || (isStep && seq - group.lastSeq > EVENT_RECORDS)) this.#drop(group)
      else {
        this.#oldestSeq = Math.min(this.#oldestSeq, group.lastSeq)
        this.#oldestTime = Math.min(this.#oldestTime, timeOf(group))
      }
    }
  }

  #drop(group: JoinedGroup): void {
    this.#open.delete(group.key)
    this.#openBytes -= group.bytes
    if (group === this.#current) this.#current = undefined
    this.#emitGroup(group)
  }

  #forget(): void {
    this.#current = undefined
    this.#openBytes = 0
    this.#oldestSeq = Number.POSITIVE_INFINITY
    this.#oldestTime = Number.POSITIVE_INFINITY
  }

  /** Rules may need words of several records, so they are always asked. */
  #emitGroup(group: JoinedGroup): void {
    this.#emitter!.emit(group, { isEvent: true, mayMatch: this.#run!.tagger !== undefined })
  }

  #emitAlone(record: JoinedRecord, { isEvent, isNeeded }: { isEvent: boolean; isNeeded: boolean }): void {
    const group = newGroup('', this.#header, this.#joining.start(), record.seq)
    addToGroup(group, record, Number.POSITIVE_INFINITY)
    const mayMatch = isNeeded || (this.#run!.tagger !== undefined && this.#joining.hasHidden(record.text))
    this.#emitter!.emit(group, { isEvent, mayMatch })
  }
}

function timeOf({ seconds, nanos }: { readonly seconds: number; readonly nanos: number }): number {
  return seconds + nanos / 1e9
}

/** Has it a control character but newlines, tabs and the format's own separator? Once a batch, so that most texts need no look. */
function hasOthers(raw: Uint8Array, separator: number): boolean {
  for (let at = 0; at < raw.length; at++) {
    const byte = raw[at]!
    if ((byte < 0x20 && byte !== 0x0a && byte !== 0x09 && byte !== separator) || byte === 0x7f) return true
  }
  return false
}
