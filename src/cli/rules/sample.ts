import { createHash } from 'node:crypto'
import type { RawBatch } from '../../core/batch.ts'
import { EventIndex } from '../../core/event-batch.ts'
import type { Tagger } from '../../core/tagging.ts'
import type { Pipelines } from '../../config/pipelines.ts'
import { inspectRule } from '../../detect/sigma/inspect.ts'
import type { RuleSample, SigmaRule } from '../../detect/sigma/rule.ts'
import { parsersOnly } from '../../roles/process/parts.ts'
import { compilePipeline } from '../../stages/pipeline.ts'
import { processBatch } from '../../stages/process-batch.ts'
import { newStreamState } from '../../stages/stream-state.ts'

/**
 * Ids of the rules that a sample matches. Its record goes the way of every record: the pipeline of its class, parsers,
 * pre-filter, matcher. So what passes here passes live.
 */
export function rulesMatching(
  rule: SigmaRule,
  sample: RuleSample,
  made: { pipelines: Pipelines; tagger: Tagger },
): readonly string[] {
  if (sample.record !== undefined && sample.as !== undefined)
    return ofRecord(rule, sample.record, sample, made)
  const source = { class: 'test', dataset: inspectRule(rule).datasets[0] ?? '', format: 'document' }
  const document = sample.document ?? {}
  const matched = made.tagger.forSource(source, {})?.match(document, JSON.stringify(document)) ?? []
  return matched.map(({ id }) => id)
}

function ofRecord(
  rule: SigmaRule,
  record: string,
  sample: RuleSample,
  made: { pipelines: Pipelines; tagger: Tagger },
): readonly string[] {
  const format = sample.as!
  const pipeline = pipelineFor(rule, format, made.pipelines)
  const compiled = compilePipeline(pipeline, { ...parsersOnly, tagger: made.tagger })
  const raw = Buffer.from(`${record}\n`)
  const batch = sampleBatch(raw, { class: pipeline.class, format, names: sample.names })
  const { events } = processBatch(newStreamState(), batch, {
    raw,
    receivedMs: batch.wallTimeMs,
    pipeline: compiled,
  })
  if (events === undefined) return []
  const index = new EventIndex(events)
  return Array.from({ length: index.count }, (_, row) => index.rules(row)).flat()
}

/** The class whose pipeline names the rule's set, and reads this format. */
function pipelineFor(rule: SigmaRule, format: string, pipelines: Pipelines): Pipelines['classes'][number] {
  const reads = (one: Pipelines['classes'][number]): boolean =>
    one.match.some(({ parse }) => parse[0] === format)
  const named = pipelines.classes.filter(({ rules }) => rules.includes(`rules/${rule.set}`))
  const found = named.find(reads) ?? pipelines.classes.find(reads)
  if (found !== undefined) return found
  return {
    ...pipelines.classes[0]!,
    class: 'test',
    match: [{ when: {}, parse: [format], dataset: 'decklog.test' }],
  }
}

const ZEROS = new Uint8Array(32)
/** 2026-11-24T08:00:00Z: a year-less time stamp of a sample takes its year from here. */
const WALL_TIME_MS = Date.UTC(2026, 10, 24, 8)

function sampleBatch(
  raw: Buffer,
  source: { class: string; format: string; names: Readonly<Record<string, string>> },
): RawBatch {
  const isPod = source.format === 'cri'
  const pod = { namespace: 'test', pod: 'test', uid: 'test', container: 'test', restart: '0' }
  return {
    stream: '0'.repeat(24),
    lineage: '0'.repeat(16),
    class: source.class,
    tenant: 'test',
    provenance: {
      cluster: 'test',
      node: 'test',
      kind: isPod ? 'pods' : 'file',
      format: source.format,
      names: { ...(isPod ? pod : { path: '/test.log' }), ...source.names },
    },
    firstSeq: 0,
    streamOffset: 0,
    count: 1,
    fragment: null,
    source: { file: '0:0', from: 0, to: raw.length },
    rawBytes: raw.length,
    codec: 'none',
    digest: createHash('sha256').update(raw).digest(),
    digestKind: 'plain',
    previous: ZEROS,
    wallTimeMs: WALL_TIME_MS,
    monotonicNs: 0n,
    marks: ['closed'],
    losses: [],
    sender: { id: 'test', run: 'test' },
    keyEpoch: null,
    signature: null,
    pipelineVersion: 'test',
    extra: {},
    payload: raw,
  }
}
