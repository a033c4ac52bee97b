import { isUtf8 } from 'node:buffer'
import type { DeclaredLoss, RawBatch } from '../core/batch.ts'
import type { EventBatch } from '../core/event-batch.ts'
import { extraOf } from '../core/foreign-ids.ts'
import { CARRY_SPAN_BYTES_MAX, CARRY_STREAM_BYTES_MAX } from '../core/limits.ts'
import { QualityBit } from '../core/quality.ts'
import { SPOOLED } from '../core/spooled-record.ts'
import { constantsOf } from './enrich/constants.ts'
import { EventSink } from './event-sink.ts'
import type { ParserCount } from './parser-counts.ts'
import { type CompiledPipeline, routeOf } from './pipeline.ts'
import type { BatchRun } from './run.ts'
import { SpooledReader } from './spooled-reader.ts'
import { addFragment, newFragmentCarry, type StreamState } from './stream-state.ts'

export interface ProcessInput {
  /** Unpacked payload of the batch. */
  readonly raw: Uint8Array
  /** When the bus got the batch, milliseconds since the epoch. */
  readonly receivedMs: number
  readonly pipeline: CompiledPipeline
  /** Bytes that the stream may keep unfinished; beyond, the text of its event is cut. @default CARRY_STREAM_BYTES_MAX */
  readonly carryRoomBytes?: number
}

export interface Processed {
  /** Undefined when the batch gave nothing yet. */
  readonly events: EventBatch | undefined
  /** Lowest `seq` that is still open, Infinity when none: then a later run may begin behind this batch. */
  readonly openSince: number
  readonly openBytes: number
  readonly records: number
  readonly parseFailed: number
  /** How each list of formats has fared. */
  readonly parsers: readonly ParserCount[]
}

/**
 * Makes events of one raw batch: (stream state, batch) → (events, stream state). No clock and no I/O, so the same batches give
 * the same bytes. `state` is changed in place. Batches of a stream must come in order.
 */
export function processBatch(state: StreamState, batch: RawBatch, input: ProcessInput): Processed {
  const raw = Buffer.from(input.raw.buffer, input.raw.byteOffset, input.raw.byteLength)
  const route = routeOf(input.pipeline, batch)
  const constants = constantsOf(batch, route.dataset, input.receivedMs, input.pipeline.enricher)
  if (state.reader === undefined) begin(state, batch, input.pipeline)
  const reader = state.reader!
  sink.begin()
  const run: BatchRun = {
    batch,
    constants,
    sink,
    tagger: state.tagger,
    redactor: input.pipeline.redactor,
    enricher: input.pipeline.enricher,
    isUtf8: isUtf8(raw),
    carryRoomBytes: input.carryRoomBytes ?? CARRY_STREAM_BYTES_MAX,
  }
  abandonFragments(run, state)
  const before = batch.losses.filter((loss) => loss.firstSeq <= batch.firstSeq)
  declareLosses(run, before, state)
  if (state.nextSeq >= 0 && batch.firstSeq !== state.nextSeq) reader.close(run, 0)
  if (batch.fragment !== null) readFragment(run, state, raw)
  else readRecords(run, state, raw)
  declareLosses(
    run,
    batch.losses.filter((loss) => !before.includes(loss)),
    state,
  )
  closeAtEnd(run, state)
  return {
    events: sink.isEmpty ? undefined : toEventBatch(run, input.receivedMs),
    openSince: openSinceOf(state),
    openBytes: reader.openBytes + (state.fragments?.keptBytes ?? 0),
    records: batch.count,
    parseFailed: sink.parseFailed,
    parsers: sink.parsers,
  }
}

/** One a thread: what it holds has been copied out when `processBatch` returns. */
const sink = new EventSink()

/** Ends everything that the stream has begun, as a limit does. For a role that must make room. */
export function closeStream(state: StreamState, batch: RawBatch, input: ProcessInput): Processed {
  const empty = {
    ...batch,
    firstSeq: state.nextSeq,
    count: 0,
    fragment: null,
    losses: [],
    marks: ['idle' as const],
  }
  return processBatch(state, empty, { ...input, raw: new Uint8Array(0) })
}

/** What depends on provenance only is made once a stream. */
function begin(state: StreamState, batch: RawBatch, pipeline: CompiledPipeline): void {
  const route = routeOf(pipeline, batch)
  const reader = route.newReader(batch.provenance.format)
  state.reader = batch.extra[SPOOLED] === undefined ? reader : new SpooledReader(reader)
  state.dataset = route.dataset
  const { fields } = constantsOf(batch, route.dataset, 0, pipeline.enricher)
  const { created: _created, ingested: _ingested, ...event } = fields.event as Record<string, string>
  const source = { class: batch.class, dataset: route.dataset, format: batch.provenance.format }
  state.tagger = pipeline.tagger?.forSource(source, { ...fields, event })
}

function readRecords(run: BatchRun, state: StreamState, raw: Buffer): void {
  const { batch, sink: out } = run
  const { count, end } = state.reader!.readAll(run, raw)
  // An envelope that lies about its payload: nothing of it is dropped in silence.
  if (count < batch.count) {
    out.cover(
      batch.firstSeq + count,
      batch.firstSeq + batch.count - 1,
      'lost',
      'the batch holds fewer records than it says',
    )
  }
  if (end < raw.length) {
    const detail = 'the batch holds more bytes than its records'
    out.losses.push({
      atSeq: batch.firstSeq + batch.count,
      bytes: raw.length - end,
      reason: 'envelope-mismatch',
      detail,
    })
  }
  state.nextSeq = Math.max(state.nextSeq, batch.firstSeq + batch.count)
}

function readFragment(run: BatchRun, state: StreamState, raw: Buffer): void {
  const { firstSeq } = run.batch
  const { index, last } = run.batch.fragment!
  if (state.fragments === undefined) {
    // Should the beginning be missing, it was read in an earlier run, which did not end before its event was safe.
    state.fragments = newFragmentCarry(firstSeq, index > 0)
    state.nextSeq = firstSeq
  }
  const carry = state.fragments
  const isFull = addFragment(carry, index, raw)
  if (!carry.emitted && (isFull || last)) emitFragments(run, state, isFull || carry.broken)
  else if (last)
    run.sink.cover(firstSeq, firstSeq, 'joined-into', 'the rest of a record whose event has left')
  if (last) {
    state.fragments = undefined
    state.nextSeq = firstSeq + 1
  }
}

function emitFragments(run: BatchRun, state: StreamState, truncated: boolean): void {
  const carry = state.fragments!
  const { seq } = carry
  state.reader!.readOne(run, { bytes: Buffer.concat(carry.chunks), seq, truncated })
  carry.emitted = true
  carry.chunks = []
  carry.keptBytes = 0
}

/** Other records came, or the end: what was begun stays without its rest. */
function abandonFragments(run: BatchRun, state: StreamState): void {
  const { fragments } = state
  if (fragments === undefined) return
  const { batch } = run
  const isOver =
    batch.firstSeq !== fragments.seq ||
    (batch.fragment === null && batch.count > 0) ||
    batch.losses.some(({ firstSeq, count }) => firstSeq + count > fragments.seq) ||
    batch.marks.includes('closed')
  if (!isOver) return
  if (!fragments.emitted) emitFragments(run, state, true)
  state.fragments = undefined
  state.nextSeq = Math.max(state.nextSeq, fragments.seq + 1)
}

function declareLosses(run: BatchRun, losses: readonly DeclaredLoss[], state: StreamState): void {
  if (losses.length > 0) state.reader!.close(run, 0)
  for (const { firstSeq, count, bytes, reason, detail } of losses) {
    if (count === 0) {
      run.sink.losses.push({ atSeq: firstSeq, bytes, reason, detail })
      continue
    }
    const isDead = reason === 'dead-letter'
    const why = isDead ? 'dead-letter' : 'lost'
    run.sink.cover(firstSeq, firstSeq + count - 1, why, isDead ? detail : `${reason}: ${detail}`)
    if (state.nextSeq >= 0) state.nextSeq = Math.max(state.nextSeq, firstSeq + count)
  }
}

/** Does the batch end what is open? A mark does, and so does a multiple of CARRY_SPAN_BYTES_MAX that lies in it. */
function closeAtEnd(run: BatchRun, state: StreamState): void {
  const { marks, streamOffset, rawBytes } = run.batch
  if (marks.length > 0) state.reader!.close(run, 0)
  const end = streamOffset + rawBytes
  if (Math.floor(streamOffset / CARRY_SPAN_BYTES_MAX) === Math.floor(end / CARRY_SPAN_BYTES_MAX)) return
  state.reader!.close(run, QualityBit.carryLimit)
  if (state.fragments !== undefined && !state.fragments.emitted) emitFragments(run, state, true)
}

function openSinceOf(state: StreamState): number {
  const { fragments } = state
  const ofFragments = fragments !== undefined && !fragments.emitted ? fragments.seq : Number.POSITIVE_INFINITY
  return Math.min(state.reader!.openSince, ofFragments)
}

function toEventBatch({ batch, constants, sink: made }: BatchRun, receivedMs: number): EventBatch {
  const documents = made.writer.take()
  return {
    stream: batch.stream,
    class: batch.class,
    tenant: batch.tenant,
    node: batch.provenance.node,
    dataStream: constants.dataStream,
    receivedMs,
    lineage: batch.lineage,
    covers: made.covers,
    losses: made.losses,
    index: made.index.bytes(),
    ruleSets: made.ruleSets,
    moreRanges: made.moreRanges,
    pipelineVersion: batch.pipelineVersion,
    codec: 'none',
    documentBytes: documents.byteLength,
    documents,
    extra: extraOf(made.ids),
  }
}
