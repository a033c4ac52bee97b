import { CHAIN_START } from '../../src/core/identity.ts'
import type { RawBatch } from '../../src/core/batch.ts'
import { type EventBatch, EventIndex, type SeqRange } from '../../src/core/event-batch.ts'
import type { Tagger } from '../../src/core/tagging.ts'
import { cri } from '../../src/parsers/cri.ts'
import { dockerJson } from '../../src/parsers/docker-json.ts'
import { jsonPayload } from '../../src/parsers/json-payload.ts'
import { stackTrace } from '../../src/parsers/stack-trace.ts'
import type { FormatDefinition } from '../../src/ports/format.ts'
import { compilePipeline, type CompiledPipeline, type PipelineSpec } from '../../src/stages/pipeline.ts'
import { processBatch } from '../../src/stages/process-batch.ts'
import type { Redactor } from '../../src/stages/run.ts'
import { newStreamState, type StreamState } from '../../src/stages/stream-state.ts'

export const WALL_TIME_MS = Date.UTC(2026, 10, 24, 8, 0, 10)
export const RECEIVED_MS = WALL_TIME_MS + 250

export const podSpec: PipelineSpec = {
  class: 'pod',
  match: [{ when: { format: 'cri' }, parse: ['cri', ['json']], dataset: 'kubernetes.container_logs' }],
}

export function pipelineOf(
  options: {
    spec?: PipelineSpec
    formats?: readonly FormatDefinition[]
    tagger?: Tagger
    redactor?: Redactor
  } = {},
): CompiledPipeline {
  return compilePipeline(options.spec ?? podSpec, {
    formats: new Map((options.formats ?? []).map((format) => [format.name, format])),
    lineFormats: new Map([
      ['cri', cri],
      ['docker-json', dockerJson],
    ]),
    payload: jsonPayload,
    trace: stackTrace,
    tagger: options.tagger,
    redactor: options.redactor,
  })
}

export function batchOf(options: Partial<RawBatch> = {}): RawBatch {
  return {
    stream: 'aaaaaaaaaaaaaaaaaaaaaaaa',
    lineage: 'bbbbbbbbbbbbbbbb',
    class: 'pod',
    tenant: 'prod-eu-1',
    provenance: {
      cluster: 'prod-eu-1',
      node: 'worker-3',
      kind: 'pods',
      format: 'cri',
      names: { namespace: 'shop', pod: 'cart-0', uid: '1234', container: 'app', restart: '2' },
    },
    firstSeq: 0,
    count: 0,
    fragment: null,
    source: { file: '1:2', from: 0, to: 0 },
    streamOffset: 0,
    rawBytes: 0,
    codec: 'none',
    digest: new Uint8Array(32),
    digestKind: 'plain',
    previous: CHAIN_START,
    wallTimeMs: WALL_TIME_MS,
    monotonicNs: 1n,
    marks: [],
    losses: [],
    sender: { id: 'worker-3', run: 'r1' },
    keyEpoch: null,
    signature: null,
    pipelineVersion: 'v1',
    extra: {},
    payload: new Uint8Array(0),
    ...options,
  }
}

export interface TestEvent {
  readonly id: string
  readonly ranges: readonly SeqRange[]
  readonly timeNs: bigint
  readonly flags: number
  readonly rules: readonly string[]
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into documents of every shape
  readonly document: any
  readonly bytes: string
}

export function eventsOf(batch: EventBatch | undefined): TestEvent[] {
  if (batch === undefined) return []
  const index = new EventIndex(batch)
  const documents = Buffer.from(batch.documents)
  const events: TestEvent[] = []
  for (let row = 0; row < index.count; row++) {
    const bytes = documents.toString('utf8', index.offset(row), index.offset(row) + index.length(row))
    events.push({
      id: index.id(row),
      ranges: index.ranges(row),
      timeNs: index.timeNs(row),
      flags: index.flags(row),
      rules: index.rules(row),
      document: JSON.parse(bytes),
      bytes,
    })
  }
  return events
}

/** A stream that is fed batch by batch. */
export class TestStream {
  readonly state: StreamState = newStreamState()
  readonly events: TestEvent[] = []
  readonly covers: EventBatch['covers'][number][] = []
  readonly losses: EventBatch['losses'][number][] = []
  readonly pipeline: CompiledPipeline
  readonly #options: Partial<RawBatch>
  openSince = Number.POSITIVE_INFINITY
  openBytes = 0
  nextSeq = 0

  constructor(pipeline: CompiledPipeline = pipelineOf(), options: Partial<RawBatch> = {}) {
    this.pipeline = pipeline
    this.#options = options
  }

  /** Each line is a record; gives the events of this batch. */
  feed(lines: readonly (string | Buffer)[], options: Partial<RawBatch> = {}): TestEvent[] {
    const raw = Buffer.concat(lines.map((line) => Buffer.concat([Buffer.from(line), Buffer.from('\n')])))
    return this.feedRaw(raw, { count: lines.length, ...options })
  }

  feedRaw(raw: Buffer, options: Partial<RawBatch>): TestEvent[] {
    const batch = batchOf({ ...this.#options, firstSeq: this.nextSeq, rawBytes: raw.length, ...options })
    const made = processBatch(this.state, batch, { raw, receivedMs: RECEIVED_MS, pipeline: this.pipeline })
    this.nextSeq = batch.firstSeq + batch.count
    this.openSince = made.openSince
    this.openBytes = made.openBytes
    const events = eventsOf(made.events)
    this.events.push(...events)
    this.covers.push(...(made.events?.covers ?? []))
    this.losses.push(...(made.events?.losses ?? []))
    return events
  }

  idle(): TestEvent[] {
    return this.feed([], { marks: ['idle'] })
  }
}

/** The events of these lines, and an idle mark behind them. */
export function eventsOfLines(lines: readonly (string | Buffer)[], pipeline?: CompiledPipeline): TestEvent[] {
  const stream = new TestStream(pipeline)
  stream.feed(lines)
  stream.idle()
  return stream.events
}

export function criLine(
  text: string | Buffer,
  options: { tag?: string; key?: string; time?: string } = {},
): Buffer {
  const { tag = 'F', key = 'stdout', time = '2026-11-24T08:00:00.123456789Z' } = options
  return Buffer.concat([Buffer.from(`${time} ${key} ${tag} `), Buffer.from(text)])
}
