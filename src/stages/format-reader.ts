import { isAscii, isUtf8 } from 'node:buffer'
import type { Draft, Quality } from '../core/document.ts'
import type { LineFilter } from '../core/tagging.ts'
import { type FormatContext, type FormatDefinition, OTHERS_MAX } from '../ports/format.ts'
import { type DraftEmitter, draftEmitterOf, type MadeEvent } from './draft-emitter.ts'
import { EventDraft } from './event-draft.ts'
import { formatContext } from './format-context.ts'
import { countOne, type ParserCount } from './parser-counts.ts'
import type { BatchRun, RecordReader, WholeRecord } from './run.ts'
import { hasControls, isAsciiSpan, oddCharacters, wordsOf } from './text-quality.ts'

/** A record format, then the payload formats that read what it leaves: of each list the first that takes the message. */
export interface FormatChain {
  readonly record: FormatDefinition
  readonly payloads: readonly (readonly FormatDefinition[])[]
}

const NEVER: LineFilter = { none: true, may: () => false }

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
      emitter.emit(at, end, firstSeq + read, false)
      at = end + 1
      read++
    }
    return { count: read, end: Math.min(at, raw.length) }
  }

  readOne(run: BatchRun, record: WholeRecord): void {
    const { bytes, seq, truncated, partial = false, lastSeq = seq } = record
    const end = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length
    new RecordEmitter(run, this.#chain, bytes).emit(0, end, seq, truncated, { partial, lastSeq })
  }

  close(): void {}
}

const NO_QUALITY: readonly Quality[] = []

class RecordEmitter {
  readonly #run: BatchRun
  readonly #raw: Buffer
  readonly #chain: FormatChain
  readonly #context: FormatContext
  readonly #drafts: DraftEmitter
  readonly #isAscii: boolean
  readonly #words: Int32Array
  /** May a text that is ASCII hold odd characters? */
  readonly #hasControls: boolean
  readonly #tagFilter: LineFilter
  readonly #redactFilter: LineFilter
  readonly #recordCount: ParserCount
  /** Of each list of payload formats. */
  readonly #payloadCounts: readonly ParserCount[]
  /** Further events of the record that is read. */
  readonly #others: Draft[] = []
  /** The format that took it. */
  #parser: FormatDefinition

  constructor(run: BatchRun, chain: FormatChain, raw: Buffer) {
    this.#run = run
    this.#raw = raw
    this.#chain = chain
    this.#parser = chain.record
    this.#recordCount = run.sink.parserCount([chain.record])
    this.#payloadCounts = chain.payloads.map((formats) => run.sink.parserCount(formats))
    this.#context = formatContext(run)
    this.#drafts = draftEmitterOf(run)
    this.#isAscii = isAscii(raw)
    this.#words = wordsOf(raw)
    this.#hasControls = hasControls(raw)
    this.#tagFilter = run.tagger?.prepare(raw) ?? NEVER
    this.#redactFilter = run.redactor?.prepare(raw) ?? NEVER
  }

  emit(
    start: number,
    end: number,
    seq: number,
    truncated: boolean,
    { partial, lastSeq }: { readonly partial: boolean; readonly lastSeq: number } = {
      partial: false,
      lastSeq: seq,
    },
  ): void {
    const raw = this.#raw
    if (end === start || (end - start === 1 && raw[start] === 0x0d)) {
      this.#run.sink.cover(seq, seq, 'skipped', 'empty')
      return
    }
    const isPlain = this.#isAscii || isAsciiSpan(raw, this.#words, start, end)
    let text = raw.toString(isPlain ? 'latin1' : 'utf8', start, end)
    let invalid = isPlain || this.#run.isUtf8 ? undefined : invalidOf(raw, start, end)
    let quality = invalid === undefined ? NO_QUALITY : ['invalid-utf8']
    if (!this.#redactFilter.none && this.#redactFilter.may(start, end)) {
      const redacted = this.#run.redactor!.apply(text)
      if (redacted !== text) {
        quality = [...quality, 'redacted']
        text = redacted
        invalid = undefined
      }
    }
    if (truncated) quality = [...quality, 'truncated']
    if (partial) quality = [...quality, 'partial']
    if (!isPlain || this.#hasControls || quality.length > 0)
      quality = [...quality, ...oddCharacters(text, isPlain)]
    const { none } = this.#tagFilter
    const draft = this.#parse(text)
    const made: MadeEvent = {
      draft,
      parser: this.#parser,
      text,
      firstSeq: seq,
      lastSeq,
      ranges: undefined,
      n: 0,
      quality,
      invalid,
      mayMatch: !none && (truncated || this.#tagFilter.may(start, end)),
      time: undefined,
    }
    this.#drafts.emit(made)
    if (this.#others.length > 0) this.#emitOthers(made)
  }

  /** The exact bytes stand in the record's first event; these say by their `seq` whose they are. */
  #emitOthers(made: MadeEvent): void {
    const count = Math.min(this.#others.length, OTHERS_MAX)
    for (let at = 0; at < count; at++) {
      const draft = this.#others[at]!
      this.#drafts.emit({ ...made, draft, lastSeq: made.firstSeq, invalid: undefined, n: at + 1 })
    }
    this.#others.length = 0
  }

  /** A parser must not throw; should one do so, its record is kept as text and its neighbours never know. */
  #parse(text: string): EventDraft {
    const { record } = this.#chain
    const draft = new EventDraft(text)
    this.#parser = record
    try {
      if (record.parse(text, draft, this.#context, this.#others)) {
        countOne(this.#recordCount, true)
        this.#parsePayload(draft)
        return draft
      }
      countOne(this.#recordCount, false)
      return failedDraft(text, ['parse-failed'])
    } catch {
      this.#others.length = 0
      this.#parser = record
      return failedDraft(text, ['parse-failed', 'parser-threw'])
    }
  }

  #parsePayload(draft: EventDraft): void {
    const { payloads } = this.#chain
    for (let list = 0; list < payloads.length; list++) {
      const formats = payloads[list]!
      const count = this.#payloadCounts[list]!
      count.tried++
      for (let i = 0; i < formats.length; i++) {
        const format = formats[i]!
        count.triedBy[i]!++
        if (!format.parse(draft.message, draft, this.#context, this.#others)) continue
        count.takenBy[i]!++
        count.taken++
        this.#parser = format
        break
      }
    }
  }
}

function failedDraft(text: string, quality: Quality[]): EventDraft {
  const draft = new EventDraft(text)
  draft.quality = quality
  return draft
}

function invalidOf(raw: Buffer, start: number, end: number): Buffer | undefined {
  const bytes = raw.subarray(start, end)
  return isUtf8(bytes) ? undefined : bytes
}
