import { isAscii, isUtf8 } from 'node:buffer'
import type { Draft, JsonObject, Quality } from '../core/document.ts'
import { QualityBit, qualitiesOf } from '../core/quality.ts'
import { type FormatContext, type FormatDefinition, OTHERS_MAX } from '../ports/format.ts'
import { type LineFormat, newPayloadScan, type PayloadFormat } from '../ports/line-format.ts'
import { DraftEmitter, type MadeEvent } from './draft-emitter.ts'
import { EventDraft } from './event-draft.ts'
import { formatContext } from './format-context.ts'
import type { Line } from './line.ts'
import { zoneText } from './line-segments.ts'
import type { ParserCount } from './parser-counts.ts'
import type { BatchRun } from './run.ts'
import { hasControls, isAsciiSpan, oddCharacters, wordsOf } from './text-quality.ts'

/**
 * Formats that read the text of container lines. `first`: the one that takes a line is the first in the order of the list, whatever
 * took the line before: a stream that is read again from its middle gives the same. A line that is a JSON object is never shown to
 * formats that stand behind `json`. `more`: further lists, that read what the one before has left.
 */
export interface LinePayloads {
  readonly first: readonly FormatDefinition[]
  /** How many of `first` stand before `json`. */
  readonly beforeJson: number
  /** Does the list name `json`? When not, it is read behind them all. */
  readonly hasJson: boolean
  readonly more: readonly (readonly FormatDefinition[])[]
}

/** The runtime's time is the event's. A time of the payload's own that is further than this from it is told. */
const OWN_TIME_SECONDS_MAX = 86_400

/** Filled and read within one line. */
const sharedScan = newPayloadScan()
const OPEN_OBJECT = 0x7b

/** Writes lines that a format takes as its documents. Made once a batch. */
export class LineDrafts {
  readonly #run: BatchRun
  readonly #line: LineFormat
  readonly #json: PayloadFormat
  readonly #payloads: LinePayloads
  readonly #drafts: DraftEmitter
  readonly #raw: Buffer
  readonly #words: Int32Array
  readonly #isAscii: boolean
  readonly #hasControls: boolean
  /** The same object for each line, with the line's time for the batch's: that is when its text was written. */
  readonly #context: { -readonly [Key in keyof FormatContext]: FormatContext[Key] }
  readonly #others: Draft[] = []
  readonly #firstCount: ParserCount
  readonly #moreCounts: readonly ParserCount[]
  #parser: FormatDefinition | undefined

  constructor(
    run: BatchRun,
    formats: { readonly line: LineFormat; readonly payload: PayloadFormat; readonly payloads: LinePayloads },
    raw: Buffer,
  ) {
    this.#run = run
    this.#line = formats.line
    this.#json = formats.payload
    this.#payloads = formats.payloads
    this.#drafts = new DraftEmitter(run)
    const { first, more } = formats.payloads
    this.#firstCount = run.sink.parserCount(first)
    this.#moreCounts = more.map((list) => run.sink.parserCount(list))
    this.#isAscii = isAscii(raw)
    this.#raw = raw
    this.#words = wordsOf(raw)
    this.#hasControls = hasControls(raw)
    // A container has its own zone, which is UTC unless somebody changed it; the node's says nothing of it.
    this.#context = { ...formatContext(run), utcOffsetMinutes: 0 }
  }

  /** Writes the line's event if a format takes its text; else leaves everything as it was. */
  emit(line: Line): boolean {
    const { bytes, from, to, isJoined } = line
    const isHere = !isJoined && bytes === this.#raw
    const isPlain = isHere && (this.#isAscii || isAsciiSpan(bytes, this.#words, from, to))
    let text = bytes.toString(isPlain ? 'latin1' : 'utf8', from, to)
    let isRedacted = (line.quality & QualityBit.redacted) !== 0
    if (line.mayRedact) {
      const redacted = this.#run.redactor!.apply(text)
      isRedacted ||= redacted !== text
      text = redacted
    }
    const draft = this.#parse(text, line)
    const parser = this.#parser
    if (draft === undefined || parser === undefined) return false
    const invalid =
      isRedacted || isPlain || (this.#run.isUtf8 && !isJoined)
        ? undefined
        : invalidOf(bytes.subarray(from, to))
    const bits =
      line.quality |
      (isRedacted ? QualityBit.redacted : 0) |
      (invalid === undefined ? 0 : QualityBit.invalidUtf8)
    const odd = isPlain && !this.#hasControls ? NO_QUALITY : oddCharacters(text, isPlain)
    this.#complete(draft, line)
    const made: MadeEvent = {
      draft,
      parser,
      text,
      firstSeq: line.firstSeq,
      lastSeq: line.lastSeq,
      ranges: line.ranges,
      n: 0,
      quality: bits === 0 ? odd : [...qualitiesOf(bits), ...odd],
      invalid,
      mayMatch: line.mayMatch,
      time: line.timeValid ? timeOf(line) : undefined,
    }
    this.#drafts.emit(made)
    if (this.#others.length > 0) this.#emitOthers(made, line)
    return true
  }

  #emitOthers(made: MadeEvent, line: Line): void {
    const count = Math.min(this.#others.length, OTHERS_MAX)
    for (let at = 0; at < count; at++) {
      const draft = this.#others[at]!
      draft.fields.stream = this.#line.keys[line.key]!
      if (draft.timeNs !== undefined && line.timeValid) {
        if (!isNear(Number(draft.timeNs / 1_000_000_000n), line.seconds)) draft.quality.push('time-differs')
        draft.timeNs = undefined
      }
      this.#drafts.emit({ ...made, draft, invalid: undefined, n: at + 1 })
    }
    this.#others.length = 0
  }

  /** Undefined when no format takes the text. A parser that throws takes nothing: the line is kept as its fast path writes it. */
  #parse(text: string, line: Line): EventDraft | undefined {
    this.#parser = undefined
    this.#others.length = 0
    // To the hour: that is near enough to tell the year by, and formats remember what they found for it.
    this.#context.batchTimeMs = line.timeValid
      ? (line.seconds - (line.seconds % 3600)) * 1000
      : this.#run.batch.wallTimeMs
    const draft = new EventDraft(text)
    try {
      this.#parseFirst(text, draft, line)
      const { more } = this.#payloads
      for (let i = 0; i < more.length && !this.#isJsonObject; i++) {
        const count = this.#moreCounts[i]!
        count.tried++
        const taken = this.#firstOf(more[i]!, { start: 0, end: more[i]!.length, count }, draft)
        if (taken !== undefined) this.#parser = taken
      }
      return draft
    } catch {
      this.#others.length = 0
      return undefined
    }
  }

  /** Did the last line turn out to be an object that `json` reads? */
  #isJsonObject = false

  #parseFirst(text: string, draft: EventDraft, { bytes, from, to }: Line): void {
    const { first, beforeJson, more } = this.#payloads
    const count = this.#firstCount
    count.tried++
    this.#isJsonObject = false
    this.#parser = this.#firstOf(first, { start: 0, end: beforeJson, count }, draft)
    if (this.#parser !== undefined) return
    // What the list itself leaves to `json` is taken by it; a brace is enough to count by.
    if (this.#payloads.hasJson && bytes[from] === OPEN_OBJECT) count.taken++
    if (beforeJson === first.length && more.length === 0) return
    this.#isJsonObject =
      bytes[from] === OPEN_OBJECT && this.#json.scan(bytes, from, to, sharedScan) === 'json'
    if (!this.#isJsonObject)
      this.#parser = this.#firstOf(first, { start: beforeJson, end: first.length, count }, draft)
  }

  #firstOf(
    formats: readonly FormatDefinition[],
    { start, end, count }: { readonly start: number; readonly end: number; readonly count: ParserCount },
    draft: EventDraft,
  ): FormatDefinition | undefined {
    for (let i = start; i < end; i++) {
      const format = formats[i]!
      count.triedBy[i]!++
      if (!format.parse(draft.message, draft, this.#context, this.#others)) continue
      count.takenBy[i]!++
      count.taken++
      return format
    }
    return undefined
  }

  /** What the line itself says, as its fast path has it: these win over the payload's. */
  #complete(draft: EventDraft, line: Line): void {
    const { fields } = draft
    fields.stream = this.#line.keys[line.key]!
    if (line.zoneMinutes !== 0) memberOf(fields, 'event').timezone = zoneText(line.zoneMinutes)
    if (!line.timeValid) draft.quality.push('time-invalid')
    const isOwnTime = draft.seconds >= 0 && !line.timeValid
    if (draft.seconds >= 0 && line.timeValid) {
      if (!isNear(draft.seconds, line.seconds)) draft.quality.push('time-differs')
      draft.timeNs = undefined
    }
    const parts = isOwnTime || line.hasParts ? partsOf(line) : undefined
    if (parts !== undefined) memberOf(fields, 'decklog').parts = [...parts]
  }
}

const NO_QUALITY: readonly Quality[] = []

function isNear(own: number, seconds: number): boolean {
  return Math.abs(own - seconds) <= OWN_TIME_SECONDS_MAX
}

function timeOf(line: Line): MadeEvent['time'] {
  const written = line.timeEnd - line.timeStart
  return { seconds: line.seconds, nanos: line.nanos, digits: Math.max(0, written - 20) }
}

/** Headers of the line's records, each with the length of its text in bytes; undefined where some are gone. */
function partsOf(line: Line): readonly string[] | undefined {
  if (line.isJoined) return line.parts
  const header = line.bytes.toString('latin1', line.timeStart, line.from).trimEnd()
  return [`${header} ${line.to - line.from}`]
}

function invalidOf(text: Buffer): Buffer | undefined {
  return isUtf8(text) ? undefined : text
}

function memberOf(fields: JsonObject, name: string): JsonObject {
  const value = fields[name]
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  const made: JsonObject = {}
  fields[name] = made
  return made
}
