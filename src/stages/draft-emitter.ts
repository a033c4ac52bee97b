import type { Draft, Json, JsonObject, Quality } from '../core/document.ts'
import { EventFlag, type SeqRange } from '../core/event-batch.ts'
import type { MatchedRule } from '../core/tagging.ts'
import { type DocumentParts, DocumentRenderer } from './document-renderer.ts'
import { asEventDraft, type EventDraft } from './event-draft.ts'
import type { BatchRun } from './run.ts'
import { noteRedacted } from './redact/marks.ts'
import { isSignal, ruleFields } from './tags.ts'
import { FUTURE_SECONDS } from './times.ts'

/** One event, parsed, ready to become a document. */
export interface MadeEvent {
  readonly draft: Draft
  readonly parser: { readonly name: string; readonly version: number }
  /** The whole text, as the parser got it: rules look in it. */
  readonly text: string
  readonly firstSeq: number
  /** Last record of the first range. */
  readonly lastSeq: number
  /** All ranges, where there is more than one. */
  readonly ranges: readonly SeqRange[] | undefined
  /** 0, or the number of it among the events of its record. */
  readonly n: number
  /** What its reader found odd. */
  readonly quality: readonly Quality[]
  /** The exact bytes, where they are no text. */
  readonly invalid: Buffer | undefined
  /** May a rule match it? False is certain. */
  readonly mayMatch: boolean
  /** Its time where the draft has none; undefined: the batch's, and the document says so. */
  readonly time:
    | {
        readonly seconds: number
        readonly nanos: number
        /** Digits of the second's fraction, as they were written. */
        readonly digits: number
      }
    | undefined
}

const NO_RULES: readonly MatchedRule[] = []

/** Writes drafts as documents of one batch: fills in the time, asks the rules, adds to the index. Made once a batch. */
export class DraftEmitter {
  readonly #run: BatchRun
  readonly #renderer: DocumentRenderer
  readonly #batchMs: number

  constructor(run: BatchRun) {
    this.#run = run
    this.#batchMs = Math.min(Math.max(0, Math.trunc(run.batch.wallTimeMs)), Date.UTC(2262, 0) - 1)
    this.#renderer = new DocumentRenderer(run.constants.fields)
  }

  emit(made: MadeEvent): void {
    const { parser, invalid, firstSeq, lastSeq, ranges, n } = made
    const { sink } = this.#run
    const { writer } = sink
    const draft = asEventDraft(made.draft)
    const digits = draft.seconds < 0 ? made.time?.digits : undefined
    const fromBatch = this.#settleTime(draft, made.time)
    const { seconds, nanos } = draft
    if (this.#run.constants.sender !== undefined) nameHost(draft.fields, this.#run.constants.sender)
    this.#run.enricher?.apply(
      draft.fields,
      seconds * 1000 + Math.floor(nanos / 1e6),
      this.#run.constants.dataset,
    )
    const quality = union(draft.quality, made.quality)
    if (quality.length > 0 && quality.includes('redacted')) noteRedacted(draft.fields, made.text)
    const isFailed = quality.length > 0 && quality.includes('parse-failed')
    if (isFailed && n === 0) sink.parseFailed++
    const parts: DocumentParts = {
      seconds,
      nanos,
      digits: digits ?? (nanos % 1_000_000 === 0 ? 3 : 9),
      message: draft.message,
      fields: draft.fields,
      firstSeq,
      lastSeq,
      ranges,
      parser,
      quality,
      raw: invalid?.toString('base64'),
      original: invalid === undefined ? draft.original : undefined,
    }
    const rules = made.mayMatch
      ? this.#run.tagger!.match(this.#renderer.assemble(parts), made.text)
      : NO_RULES
    const offset = writer.at
    this.#renderer.write(
      writer,
      rules.length === 0 ? parts : { ...parts, fields: withRules(draft.fields, rules) },
    )
    const length = writer.at - offset
    writer.byte(0x0a)
    const flags =
      (isSignal(rules) ? EventFlag.signal : 0) |
      (isFailed ? EventFlag.parseFailed : 0) |
      (fromBatch ? EventFlag.timeFromBatch : 0) |
      (quality.length > 0 ? EventFlag.quality : 0)
    if (draft.id !== undefined) sink.foreignId(draft.id)
    if (rules.length === 0 && n === 0 && ranges === undefined) {
      sink.index.addAt(firstSeq, lastSeq, seconds, nanos, offset, length, flags)
      return
    }
    sink.index.add({
      firstSeq,
      lastSeq,
      timeNs: draft.timeNs!,
      offset,
      length,
      n,
      flags,
      rules: sink.ruleSet(rules.map(({ id }) => id)),
      ranges: sink.rangeSet(ranges),
    })
  }

  /** Gives the draft the time that its document has, and says in it what was odd. Returns whether it is the batch's. */
  #settleTime(draft: EventDraft, time: MadeEvent['time']): boolean {
    if (draft.seconds >= 0) {
      if (draft.seconds > this.#batchMs / 1000 + FUTURE_SECONDS) draft.quality.push('time-future')
      return false
    }
    if (draft.isOutside) draft.quality.push('time-invalid')
    if (time !== undefined) {
      draft.setTime(time.seconds, time.nanos)
      return false
    }
    if (!draft.quality.includes('time-invalid')) draft.quality.push('time-missing')
    draft.setTime(Math.floor(this.#batchMs / 1000), (this.#batchMs % 1000) * 1_000_000)
    return true
  }
}

/** The host of what came over a network is who the message says, else who sent it. */
function nameHost(fields: JsonObject, sender: string): void {
  const { host } = fields
  if (typeof host !== 'object' || host === null || Array.isArray(host)) fields.host = { name: sender }
  else if (host.name === undefined) host.name = host.hostname ?? sender
}

/** One a thread: readers that get a batch record by record need not make the batch's constants anew for each. */
let last: { readonly run: BatchRun; readonly emitter: DraftEmitter } | undefined

/** The emitter of a batch: the same one as long as the same batch is read. */
export function draftEmitterOf(run: BatchRun): DraftEmitter {
  if (last?.run !== run) last = { run, emitter: new DraftEmitter(run) }
  return last.emitter
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
