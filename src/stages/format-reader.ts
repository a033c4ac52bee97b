import { isAscii, isUtf8 } from 'node:buffer'
import type { Draft, Json, JsonObject, Quality } from '../core/document.ts'
import { EventFlag } from '../core/event-batch.ts'
import type { LineFilter, MatchedRule } from '../core/tagging.ts'
import { type FormatContext, type FormatDefinition, OTHERS_MAX } from '../ports/format.ts'
import { type DocumentParts, DocumentRenderer } from './document-renderer.ts'
import type { BatchRun, RecordReader, WholeRecord } from './run.ts'
import { isSignal, ruleFields } from './tags.ts'
import { oddCharacters } from './text-quality.ts'
import { FUTURE_SECONDS, formatTime } from './times.ts'

/** A record format, then the payload formats that read what it leaves: of each list the first that takes the message. */
export interface FormatChain {
  readonly record: FormatDefinition
  readonly payloads: readonly (readonly FormatDefinition[])[]
}

const NEVER: LineFilter = { none: true, may: () => false }
/** 2262: where i64 nanoseconds end. */
const NANOS_END = BigInt(Date.UTC(2262, 0)) * 1_000_000n

/** Reads records with FormatDefinitions, one object each. Keeps nothing from one record to the next. */
export class FormatReader implements RecordReader {
  readonly openSince = Number.POSITIVE_INFINITY
  readonly openBytes = 0
  readonly #chain: FormatChain

  constructor(chain: FormatChain) {
    this.#chain = chain
  }

  readAll(run: BatchRun, raw: Buffer): { count: number; end: number } {
    const { firstSeq, count } = run.batch
    const emitter = new RecordEmitter(run, this.#chain, raw)
    let at = 0
    let read = 0
    while (read < count && at < raw.length) {
      const newline = raw.indexOf(0x0a, at)
      const end = newline < 0 ? raw.length : newline
      emitter.emit({ raw, start: at, end, seq: firstSeq + read, truncated: false })
      at = end + 1
      read++
    }
    return { count: read, end: Math.min(at, raw.length) }
  }

  readOne(run: BatchRun, record: WholeRecord): void {
    const { bytes, seq, truncated } = record
    const end = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length
    new RecordEmitter(run, this.#chain, bytes).emit({ raw: bytes, start: 0, end, seq, truncated })
  }

  close(): void {}
}

interface RecordBytes {
  readonly raw: Buffer
  readonly start: number
  readonly end: number
  readonly seq: number
  readonly truncated: boolean
}

/** One event of a record, parsed. */
interface Made {
  readonly record: RecordBytes
  readonly text: string
  readonly draft: Draft
  readonly parser: FormatDefinition
  readonly quality: readonly Quality[]
  readonly invalid: Buffer | undefined
  /** 0, or the number of it among the events of its record. */
  readonly n: number
}

class RecordEmitter {
  readonly #run: BatchRun
  readonly #chain: FormatChain
  readonly #context: FormatContext
  readonly #renderer: DocumentRenderer
  readonly #batchMs: number
  readonly #isAscii: boolean
  readonly #tagFilter: LineFilter
  readonly #redactFilter: LineFilter

  constructor(run: BatchRun, chain: FormatChain, raw: Buffer) {
    const { batch } = run
    this.#run = run
    this.#chain = chain
    this.#batchMs = Math.min(Math.max(0, Math.trunc(batch.wallTimeMs)), Date.UTC(2262, 0) - 1)
    this.#renderer = new DocumentRenderer(run.constants.fields)
    this.#context = {
      provenance: batch.provenance,
      batchTimeMs: batch.wallTimeMs,
      utcOffsetMinutes: Number(batch.extra.utcOffsetMinutes ?? 0) || 0,
    }
    this.#isAscii = isAscii(raw)
    this.#tagFilter = run.tagger?.prepare(raw) ?? NEVER
    this.#redactFilter = run.redactor?.prepare(raw) ?? NEVER
  }

  emit(record: RecordBytes): void {
    const { raw, start, end, seq } = record
    if (end === start || (end - start === 1 && raw[start] === 0x0d)) {
      this.#run.sink.cover(seq, seq, 'skipped', 'empty')
      return
    }
    const quality: Quality[] = []
    const bytes = raw.subarray(start, end)
    let text = bytes.toString(this.#isAscii ? 'latin1' : 'utf8')
    let invalid = this.#run.isUtf8 || isUtf8(bytes) ? undefined : bytes
    if (invalid !== undefined) quality.push('invalid-utf8')
    if (this.#redactFilter.may(start, end)) {
      const redacted = this.#run.redactor!.apply(text)
      if (redacted !== text) {
        quality.push('redacted')
        text = redacted
        invalid = undefined
      }
    }
    if (record.truncated) quality.push('truncated')
    quality.push(...oddCharacters(text, this.#isAscii))
    const others: Draft[] = []
    const { draft, parser } = this.#parse(text, others)
    this.#write({ record, text, draft, parser, quality, invalid, n: 0 })
    if (others.length > 0) this.#writeOthers({ record, text, parser, quality }, others)
  }

  /** The exact bytes stand in the record's first event; these say by their `seq` whose they are. */
  #writeOthers(made: Omit<Made, 'draft' | 'invalid' | 'n'>, others: readonly Draft[]): void {
    const count = Math.min(others.length, OTHERS_MAX)
    for (let at = 0; at < count; at++) {
      this.#write({ ...made, draft: others[at]!, invalid: undefined, n: at + 1 })
    }
  }

  /** A parser must not throw; should one do so, its record is kept as text and its neighbours never know. */
  #parse(text: string, others: Draft[]): { draft: Draft; parser: FormatDefinition } {
    const { record } = this.#chain
    try {
      const draft = newDraft(text)
      if (record.parse(text, draft, this.#context, others))
        return { draft, parser: this.#parsePayload(draft, others) }
      return { draft: failedDraft(text), parser: record }
    } catch {
      others.length = 0
      const draft = failedDraft(text)
      draft.quality.push('parser-threw')
      return { draft, parser: record }
    }
  }

  #parsePayload(draft: Draft, others: Draft[]): FormatDefinition {
    let parser = this.#chain.record
    for (const alternatives of this.#chain.payloads) {
      const taken = alternatives.find((format) => format.parse(draft.message, draft, this.#context, others))
      if (taken !== undefined) parser = taken
    }
    return parser
  }

  #write(made: Made): void {
    const { record, text, draft, parser, invalid, n } = made
    const { sink } = this.#run
    const { writer } = sink
    const time = this.#timeOf(draft)
    const quality = union(draft.quality, made.quality)
    const isFailed = quality.includes('parse-failed')
    if (isFailed && n === 0) sink.parseFailed++
    const parts: DocumentParts = {
      time: formatTime(time.seconds, time.nanos, time.nanos % 1_000_000 === 0 ? 3 : 9),
      message: draft.message,
      fields: draft.fields,
      seq: record.seq,
      parser,
      quality,
      raw: invalid?.toString('base64'),
      original: invalid === undefined ? draft.original : undefined,
      // A pair is broken by an escape that names half of one, or by a parser that cuts text that is not ASCII.
      mayBreakPairs: !this.#isAscii || text.includes('\\u'),
    }
    const rules = this.#match(record, parts, text)
    const fields = rules.length === 0 ? draft.fields : withRules(draft.fields, rules)
    const offset = writer.at
    writer.text(this.#renderer.render({ ...parts, fields }))
    const length = writer.at - offset
    writer.text('\n')
    const flags =
      (isSignal(rules) ? EventFlag.signal : 0) |
      (isFailed ? EventFlag.parseFailed : 0) |
      (time.fromBatch ? EventFlag.timeFromBatch : 0) |
      (quality.length > 0 ? EventFlag.quality : 0)
    const { seq } = record
    const { seconds, nanos } = time
    if (rules.length === 0 && n === 0) sink.index.addAt(seq, seq, seconds, nanos, offset, length, flags)
    else {
      const ruleSet = sink.ruleSet(rules.map(({ id }) => id))
      const timeNs = BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
      sink.index.add({
        firstSeq: seq,
        lastSeq: seq,
        timeNs,
        offset,
        length,
        n,
        flags,
        rules: ruleSet,
        ranges: 0,
      })
    }
  }

  #match(record: RecordBytes, parts: DocumentParts, text: string): readonly MatchedRule[] {
    if (this.#tagFilter.none) return []
    if (!record.truncated && !this.#tagFilter.may(record.start, record.end)) return []
    return this.#run.tagger!.match(this.#renderer.assemble(parts), text)
  }

  /** The record's own time, or the batch's. Says in the draft what was odd. */
  #timeOf(draft: Draft): RecordTime {
    const { timeNs } = draft
    if (timeNs !== undefined && timeNs >= 0n && timeNs < NANOS_END) {
      const seconds = Number(timeNs / 1_000_000_000n)
      if (seconds > this.#batchMs / 1000 + FUTURE_SECONDS) draft.quality.push('time-future')
      return { seconds, nanos: Number(timeNs % 1_000_000_000n), fromBatch: false }
    }
    if (timeNs !== undefined) draft.quality.push('time-invalid')
    else if (!draft.quality.includes('time-invalid')) draft.quality.push('time-missing')
    const seconds = Math.floor(this.#batchMs / 1000)
    const nanos = (this.#batchMs % 1000) * 1_000_000
    return { seconds, nanos, fromBatch: true }
  }
}

interface RecordTime {
  readonly seconds: number
  readonly nanos: number
  readonly fromBatch: boolean
}

/** Tags of rules join those that the parser gave. */
function withRules(fields: JsonObject, rules: readonly MatchedRule[]): JsonObject {
  const more = ruleFields(rules)
  if (Array.isArray(fields.tags)) more.tags = [...new Set([...fields.tags, ...(more.tags as Json[])])]
  return { ...fields, ...more }
}

function union(a: readonly Quality[], b: readonly Quality[]): readonly Quality[] {
  if (b.length === 0) return a
  return a.length === 0 ? b : [...new Set([...a, ...b])]
}

function newDraft(text: string): Draft {
  return {
    fields: {},
    message: text,
    timeNs: undefined,
    quality: [],
    original: undefined,
  }
}

function failedDraft(text: string): Draft {
  const draft = newDraft(text)
  draft.quality.push('parse-failed')
  return draft
}
