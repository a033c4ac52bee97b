import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { encodeEventBatch } from '../../codec/event-batch.ts'
import { decodeRawBatch } from '../../codec/raw-batch.ts'
import type { RawBatch } from '../../core/batch.ts'
import { type EventBatch, EventFlag, EventIndex } from '../../core/event-batch.ts'
import { chainHead } from '../../core/identity.ts'
import { BATCH_BYTES_MAX } from '../../core/limits.ts'
import { release } from '../../core/release.ts'
import type { CompiledPipeline } from '../../stages/pipeline.ts'
import { closeStream, processBatch, type Processed, type ProcessInput } from '../../stages/process-batch.ts'
import { newStreamState, type StreamState } from '../../stages/stream-state.ts'
import type { WorkerJob, WorkerResult } from './messages.ts'
import { sourceName } from './source-name.ts'

export interface WorkerStreamsOptions {
  readonly pipelines: ReadonlyMap<string, CompiledPipeline>
  readonly compress: boolean
  readonly carryBytesMax: number
}

/** A payload above this is none that a shipper makes: a bomb. */
const RAW_BYTES_MAX = 64 * BATCH_BYTES_MAX
/** Streams that are remembered; beyond, the ones that were idle longest are forgotten, if nothing of them is open. */
const STREAMS_MAX = 10_000

interface StreamEntry {
  readonly state: StreamState
  openBytes: number
  isClean: boolean
  /** From here up to `nextSeq` everything was read. What lies before is not known: it may have been read, or be overtaken. */
  readFrom: number
  /** Chain heads of the batches without records since `nextSeq` moved: such a one is recognised by its head alone. */
  marks: string[]
}

/** The streams of one worker thread: gives each batch to `processBatch` with its stream's state, once. */
export class WorkerStreams {
  readonly #options: WorkerStreamsOptions
  /** In the order of last use. */
  readonly #streams = new Map<string, StreamEntry>()
  #carryBytes = 0

  constructor(options: WorkerStreamsOptions) {
    this.#options = options
  }

  /** @throws whatever a batch provokes; the stream's state is forgotten then */
  run(job: WorkerJob): WorkerResult {
    if (job.reset) this.forget(job.stream)
    const entry = this.#take(job.stream)
    try {
      const batch = decodeRawBatch(job.value)
      const made = this.#process(entry, job, batch)
      this.#account(entry, made)
      return this.#resultOf(job, entry, made, batch)
    } catch (error) {
      this.forget(job.stream)
      throw error
    }
  }

  #process(entry: StreamEntry, job: WorkerJob, batch: RawBatch): Processed | undefined {
    const pipeline = this.#options.pipelines.get(job.class)
    if (pipeline === undefined) throw new Error(`no pipeline for class ${job.class}`)
    const { state } = entry
    const carryRoomBytes = this.#options.carryBytesMax - (this.#carryBytes - entry.openBytes)
    const input = { raw: EMPTY, receivedMs: job.receivedMs, pipeline, carryRoomBytes }
    if (job.kind === 'close') return state.reader === undefined ? undefined : closeStream(state, batch, input)
    if (isRepeated(entry, batch)) return undefined
    const isPast = liesBefore(entry, batch)
    remember(entry, batch)
    if (isPast) return processPast(entry, job.kind === 'dead-letter' ? givenUp(batch) : batch, input)
    if (job.kind === 'dead-letter') return processBatch(state, givenUp(batch), input)
    const raw = unpack(batch)
    const made = processBatch(state, batch, { ...input, raw })
    // What is begun and not finished may lie in it.
    if (batch.codec !== 'none' && made.openBytes === 0) release(raw)
    return made
  }

  #account(entry: StreamEntry, made: Processed | undefined): void {
    if (made === undefined) return
    this.#carryBytes += made.openBytes - entry.openBytes
    entry.openBytes = made.openBytes
    entry.isClean = made.openSince === Number.POSITIVE_INFINITY
  }

  #resultOf(job: WorkerJob, entry: StreamEntry, made: Processed | undefined, batch: RawBatch): WorkerResult {
    const index = made?.events === undefined ? undefined : new EventIndex(made.events)
    const failed = made?.parseFailed ?? 0
    return {
      kind: 'done',
      id: job.id,
      events: made?.events === undefined ? undefined : this.#encode(made.events),
      isClean: entry.isClean,
      carryBytes: this.#carryBytes,
      records: made?.records ?? 0,
      eventCount: index?.count ?? 0,
      parseFailed: failed === 0 ? [] : [[batch.provenance.format, failed]],
      parsers: made?.parsers ?? [],
      source: sourceName(batch.provenance),
      signals: index === undefined || made!.events!.ruleSets.length === 0 ? [] : signalsOf(index),
    }
  }

  #encode(events: EventBatch): Uint8Array {
    const { documents } = events
    if (!this.#options.compress || documents.byteLength === 0) {
      const encoded = encodeEventBatch(events)
      release(documents)
      return encoded
    }
    const packed = pack(documents)
    release(documents)
    const encoded = encodeEventBatch({ ...events, codec: 'zstd', documents: packed })
    release(packed)
    return encoded
  }

  #take(stream: string): StreamEntry {
    const known = this.#streams.get(stream)
    const entry = known ?? { state: newStreamState(), openBytes: 0, isClean: true, readFrom: 0, marks: [] }
    if (known !== undefined) this.#streams.delete(stream)
    else if (this.#streams.size >= STREAMS_MAX) this.#forgetIdle()
    this.#streams.set(stream, entry)
    return entry
  }

  forget(stream: string): void {
    this.#carryBytes -= this.#streams.get(stream)?.openBytes ?? 0
    this.#streams.delete(stream)
  }

  #forgetIdle(): void {
    for (const [stream, entry] of this.#streams) {
      if (!entry.isClean) continue
      this.forget(stream)
      return
    }
  }
}

const EMPTY = new Uint8Array(0)
const MARKS_KEPT_MAX = 16

/**
 * Was this batch read before? A shipper that was started again sends what was not acknowledged once more, with the same cuts. One that
 * was overtaken, because the brokers refused it for its size and took a small one behind it, was not. Nothing is lost when a batch is taken for new: its events have the same ids.
 */
function isRepeated({ state, readFrom, marks }: StreamEntry, batch: RawBatch): boolean {
  if (state.nextSeq < 0 || batch.firstSeq < readFrom) return false
  if (batch.fragment !== null) {
    const open = state.fragments
    if (open !== undefined && open.seq === batch.firstSeq) return batch.fragment.index < open.nextIndex
    return batch.firstSeq < state.nextSeq
  }
  if (batch.count > 0) return batch.firstSeq + batch.count <= state.nextSeq
  return batch.firstSeq < state.nextSeq || marks.includes(Buffer.from(chainHead(batch)).toString('hex'))
}

/** All of it lies before what this reader knows of the stream: it began in the middle, or the batch was overtaken. */
function liesBefore({ state, readFrom }: StreamEntry, { fragment, firstSeq, count }: RawBatch): boolean {
  return state.nextSeq >= 0 && fragment === null && firstSeq < readFrom && firstSeq + count <= readFrom
}

/**
 * Such a batch stands alone. Most often another reader has read it, and what of its events reaches into its neighbours is stored as a
 * whole: the store knows the parts. What the stream has begun stays open, for it goes on behind what was read last.
 */
function processPast(entry: StreamEntry, batch: RawBatch, input: ProcessInput): Processed {
  const ended = { ...batch, marks: [...batch.marks, 'idle' as const] }
  const made = processBatch(newStreamState(), ended, { ...input, raw: unpack(batch) })
  return { ...made, openBytes: entry.openBytes, openSince: entry.isClean ? Number.POSITIVE_INFINITY : 0 }
}

function remember(entry: StreamEntry, batch: RawBatch): void {
  const { nextSeq } = entry.state
  const endsAtKnown = batch.firstSeq + batch.count >= entry.readFrom
  if (nextSeq < 0 || batch.firstSeq > nextSeq || (batch.firstSeq < entry.readFrom && endsAtKnown))
    entry.readFrom = batch.firstSeq
  if (batch.count > 0 || batch.fragment !== null) entry.marks = []
  else entry.marks = [Buffer.from(chainHead(batch)).toString('hex'), ...entry.marks].slice(0, MARKS_KEPT_MAX)
}

/** The batch without its records, which are declared to be in the dead-letter queue. */
function givenUp(batch: RawBatch): RawBatch {
  const { firstSeq, count, rawBytes } = batch
  const loss = {
    firstSeq,
    count,
    bytes: rawBytes,
    reason: 'dead-letter',
    detail: 'given up after three attempts',
  }
  return { ...batch, count: 0, fragment: null, payload: EMPTY, losses: [...batch.losses, loss] }
}

/** Behind what is unpacked, so that its end is seen without another piece; zlib takes no smaller ones either. */
const UNPACKING_ROOM_BYTES = 64

/** Documents are packed to a tenth or so: in one piece, most often. */
function pack(documents: Uint8Array): Buffer {
  return zstdCompressSync(documents, {
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
    chunkSize: Math.max(UNPACKING_ROOM_BYTES, documents.byteLength >> 2),
  })
}

function unpack(batch: RawBatch): Uint8Array {
  if (batch.codec === 'none' || batch.payload.byteLength === 0) return batch.payload
  if (batch.rawBytes > RAW_BYTES_MAX) throw new Error('the batch says that it is larger than a batch can be')
  // In one piece: in zlib's usual pieces of 16 KiB it takes nearly twice as long.
  const chunkSize = batch.rawBytes + UNPACKING_ROOM_BYTES
  return zstdDecompressSync(batch.payload, { maxOutputLength: Math.max(1, batch.rawBytes), chunkSize })
}

function signalsOf(index: EventIndex): [string, number][] {
  const counts = new Map<string, number>()
  for (let row = 0; row < index.count; row++) {
    if ((index.flags(row) & EventFlag.signal) === 0) continue
    for (const rule of index.rules(row)) counts.set(rule, (counts.get(rule) ?? 0) + 1)
  }
  return [...counts]
}
