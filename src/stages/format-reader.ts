import { isUtf8 } from 'node:buffer'
import type { Draft, JsonObject, Quality } from '../core/document.ts'
import { EventFlag } from '../core/event-batch.ts'
import type { LineFilter, MatchedRule } from '../core/tagging.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { DocumentRenderer } from './document-renderer.ts'
import type { BatchRun, RecordReader, WholeRecord } from './run.ts'
import { isSignal, ruleFields } from './tags.ts'
import { oddCharacters } from './text-quality.ts'
import { FUTURE_SECONDS } from './times.ts'

/** A record format, then the payload formats that read what it leaves: of each list the first that takes the message. */
export interface FormatChain {
  readonly record: FormatDefinition
  readonly payloads: readonly (readonly FormatDefinition[])[]
}

const NEVER: LineFilter = { none: true, may: () => false }
const NANOS_MAX = 9_223_372_036_854_775_807n

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

class RecordEmitter {
  readonly #run: BatchRun
  readonly #chain: FormatChain
  readonly #context: FormatContext
  readonly #renderer: DocumentRenderer
  readonly #tagFilter: LineFilter
  readonly #redactFilter: LineFilter

  constructor(run: BatchRun, chain: FormatChain, raw: Buffer) {
    const { batch } = run
    this.#run = run
    this.#chain = chain
    this.#renderer = new DocumentRenderer(run.constants.fields)
    this.#context = {
      provenance: batch.provenance,
      batchTimeMs: batch.wallTimeMs,
      utcOffsetMinutes: Number(batch.extra.utcOffsetMinutes ?? 0) || 0,
    }
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
    let text = bytes.toString('utf8')
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
    quality.push(...oddCharacters(text))
    const { draft, parser } = this.#parse(text)
    this.#write({ record, text, draft, parser, quality, invalid })
  }

  /** A parser must not throw; should one do so, its record is kept as text and its neighbours never know. */
  #parse(text: string): { draft: Draft; parser: FormatDefinition } {
    const { record } = this.#chain
    try {
      const draft = newDraft(text)
      if (record.parse(text, draft, this.#context)) return { draft, parser: this.#parsePayload(draft) }
      return { draft: failedDraft(text), parser: record }
    } catch {
      const draft = failedDraft(text)
      draft.quality.push('parser-threw')
      return { draft, parser: record }
    }
  }

  #parsePayload(draft: Draft): FormatDefinition {
    let parser = this.#chain.record
    for (const alternatives of this.#chain.payloads) {
      const taken = alternatives.find((format) => format.parse(draft.message, draft, this.#context))
      if (taken !== undefined) parser = taken
    }
    return parser
  }

  #write(made: {
    record: RecordBytes
    text: string
    draft: Draft
    parser: FormatDefinition
    quality: Quality[]
    invalid: Buffer | undefined
  }): void {
    const { record, text, draft, parser, invalid } = made
    const { sink, tagger } = this.#run
    const { timeNs, fromBatch } = this.#timeOf(draft)
    const quality = [...new Set([...draft.quality, ...made.quality])]
    const failed = quality.includes('parse-failed')
    if (failed) sink.parseFailed++
    const decklog: JsonObject = {
      seq: record.seq,
      ranges: [[record.seq, record.seq]],
      parser: { name: parser.name, version: parser.version },
    }
    if (quality.length > 0) decklog.quality = quality
    if (invalid !== undefined) decklog.raw = invalid.toString('base64')
    const original = invalid === undefined ? draft.original : undefined
    const document = this.#renderer.assemble({
      timeNs,
      message: draft.message,
      fields: draft.fields,
      decklog,
      original,
    })
    let rules: readonly MatchedRule[] = []
    if (!this.#tagFilter.none && (record.truncated || this.#tagFilter.may(record.start, record.end))) {
      rules = tagger!.match(document, text)
      if (rules.length > 0) this.#renderer.add(document, ruleFields(rules))
    }
    const { writer } = sink
    const offset = writer.at
    writer.text(this.#renderer.render(document))
    const length = writer.at - offset
    writer.text('\n')
    sink.index.add({
      firstSeq: record.seq,
      lastSeq: record.seq,
      timeNs,
      offset,
      length,
      n: 0,
      flags:
        (isSignal(rules) ? EventFlag.signal : 0) |
        (failed ? EventFlag.parseFailed : 0) |
        (fromBatch ? EventFlag.timeFromBatch : 0) |
        (quality.length > 0 ? EventFlag.quality : 0),
      rules: sink.ruleSet(rules.map(({ id }) => id)),
      ranges: 0,
    })
  }

  /** The record's own time, or the batch's. Says in the draft what was odd. */
  #timeOf(draft: Draft): { timeNs: bigint; fromBatch: boolean } {
    const batchMs = Math.max(0, Math.trunc(this.#run.batch.wallTimeMs))
    const { timeNs } = draft
    if (timeNs !== undefined && timeNs >= 0n && timeNs <= NANOS_MAX) {
      if (timeNs > BigInt(batchMs + FUTURE_SECONDS * 1000) * 1_000_000n) draft.quality.push('time-future')
      return { timeNs, fromBatch: false }
    }
    if (timeNs !== undefined) draft.quality.push('time-invalid')
    else if (!draft.quality.includes('time-invalid')) draft.quality.push('time-missing')
    return { timeNs: BigInt(batchMs) * 1_000_000n, fromBatch: true }
  }
}

function newDraft(text: string): Draft {
  return {
    fields: Object.create(null) as JsonObject,
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
