import { resolve } from 'node:path'
import { statSync } from 'node:fs'
import { hostname } from 'node:os'
import { EventFlag, EventIndex } from '../core/event-batch.ts'
import { DecklogError } from '../core/errors.ts'
import { loadConfig } from '../config/config.ts'
import type { Pipeline, Pipelines } from '../config/pipelines.ts'
import { lineFormats, makeParts, parsersOnly, type StageData } from '../roles/process/parts.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { compilePipeline, type PipelineSpec } from '../stages/pipeline.ts'
import { processBatch } from '../stages/process-batch.ts'
import { newStreamState } from '../stages/stream-state.ts'
import { behindSyslog } from './behind-syslog.ts'
import { readRecords } from './read-records.ts'
import { stagesOf } from './stages-of.ts'
import { RecordAccount } from './record-account.ts'

export interface ParseOptions {
  readonly format: string
  readonly paths: readonly string[]
  readonly pipelines: Pipelines
  /** With enrichment and rules, as in the pipeline of the format's class. */
  readonly rules: boolean
  /** Time of the batch, for stamps without a year; undefined: the file's last change. */
  readonly nowMs?: number
  /** Account for each record. @default false */
  readonly account?: boolean
}

export interface ParseTally {
  /** Losses that the records themselves show, in words. Their number is bounded by that of the records. */
  losses: string[]
  records: number
  bytes: number
  events: number
  joined: number
  /** Records that are text, because their format could not read them. */
  failed: number
  /** Empty records. */
  skipped: number
  signals: number
  /** Records that are in events, or covered with a reason, and their bytes; counted where `ParseOptions.account` asks for it. */
  accounted: number
  accountedBytes: number
  /** Those of them that are covered without an event. */
  covered: number
}

export function newTally(): ParseTally {
  return {
    losses: [],
    records: 0,
    bytes: 0,
    events: 0,
    joined: 0,
    failed: 0,
    skipped: 0,
    signals: 0,
    accounted: 0,
    accountedBytes: 0,
    covered: 0,
  }
}

export interface ParsedDocument {
  readonly json: string
  readonly isSignal: boolean
}

/** Raw records of files → documents, in order. `tally` is counted as they come. */
export async function* parseFiles(
  options: ParseOptions,
  tally: ParseTally,
): AsyncGenerator<ParsedDocument[]> {
  const spec = specOf(options.format, options.pipelines)
  const parts = options.rules
    ? await makeParts({
        directory: options.pipelines.directory,
        rules: spec.rules,
        stages: replayStages(options.pipelines)[spec.class],
      })
    : parsersOnly
  const formats =
    spec.record === undefined ? parts.formats : new Map([...parts.formats, [spec.record.name, spec.record]])
  const pipeline = compilePipeline(spec, { ...parts, formats })
  for (const path of options.paths) {
    const state = newStreamState()
    const account = options.account === true ? new RecordAccount() : undefined
    const wallTimeMs = options.nowMs ?? timeOf(path)
    const provenance = provenanceOf(options.format, path)
    for await (const { batch, raw } of readRecords({
      path,
      class: spec.class,
      provenance,
      wallTimeMs,
      pipelineVersion: options.pipelines.version,
    })) {
      const made = processBatch(state, batch, { raw, receivedMs: wallTimeMs, pipeline })
      tally.records += made.records
      tally.bytes += raw.length
      tally.failed += made.parseFailed
      account?.read(batch, raw)
      if (made.events === undefined) continue
      account?.made(made.events)
      const index = new EventIndex(made.events)
      const documents = Buffer.from(made.events.documents)
      const found: ParsedDocument[] = []
      for (let row = 0; row < index.count; row++) {
        const offset = index.offset(row)
        const isSignal = (index.flags(row) & EventFlag.signal) !== 0
        found.push({ json: documents.toString('utf8', offset, offset + index.length(row)), isSignal })
        tally.events++
        if (isSignal) tally.signals++
        tally.joined += index.ranges(row).reduce((sum, [first, last]) => sum + last - first + 1, 0) - 1
      }
      for (const { detail } of made.events.losses) tally.losses.push(detail)
      for (const cover of made.events.covers)
        if (cover.reason === 'skipped') tally.skipped += cover.last - cover.first + 1
      yield found
    }
    if (account !== undefined) addAccount(tally, account)
  }
}

function addAccount(tally: ParseTally, account: RecordAccount): void {
  tally.accounted += account.eventRecords + account.coveredRecords
  tally.accountedBytes += account.eventBytes + account.coveredBytes
  tally.covered += account.coveredRecords
}

interface ParseSpec extends PipelineSpec {
  readonly rules: readonly string[]
  /** A record format that stands in the place of the one of its name. */
  readonly record?: FormatDefinition
}

/** The pipeline of the first class that reads the format, or one made for it. */
function specOf(format: string, pipelines: Pipelines): ParseSpec {
  // Container lines are routed alike, whichever runtime writes them.
  const isOfContainers = lineFormats.has(format)
  const candidates = pipelines.classes.flatMap((pipeline) =>
    pipeline.match
      .filter(({ parse: [first] }) => (isOfContainers ? lineFormats.has(String(first)) : first === format))
      .map((match) => ({ pipeline, match })),
  )
  const best = candidates.sort(
    (a, b) =>
      order(a.pipeline) - order(b.pipeline) || b.match.parse.flat().length - a.match.parse.flat().length,
  )[0]
  const definition = parsersOnly.formats.get(format)
  if (definition === undefined && best === undefined) {
    const known = [...lineFormats.keys(), ...parsersOnly.formats.keys()].sort().join(', ')
    throw new DecklogError('usage', `--as ${format}: there is no such format; formats: ${known}`)
  }
  const owner = best?.pipeline ?? ownerOf(pipelines, format)
  const syslog = parsersOnly.formats.get('syslog')!
  const behind = definition === undefined ? undefined : behindSyslog(definition, { pipelines, syslog })
  return {
    class: owner?.class ?? 'node',
    match: [
      {
        when: {},
        parse: behind?.parse ?? best?.match.parse ?? [format],
        dataset: best?.match.dataset ?? definition!.dataset,
      },
    ],
    rules: owner?.rules ?? [],
    ...(behind === undefined ? {} : { record: behind.record }),
  }
}

/** The class that tries the format first of all. */
function ownerOf(pipelines: Pipelines, format: string): Pipeline | undefined {
  return pipelines.classes
    .map((pipeline) => ({ pipeline, at: placeIn(pipeline, format) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at)[0]?.pipeline
}

/** How early a class tries the format; -1 where it does not. */
function placeIn({ match }: Pipeline, format: string): number {
  const places = match.map(({ parse }) => parse.flat().indexOf(format)).filter((at) => at >= 0)
  return places.length === 0 ? -1 : Math.min(...places)
}

/** Container lines are the pods' own; what may be of a login is looked at as one, whoever else may read the format. */
function order(pipeline: Pipeline): number {
  return pipeline.class === 'pod' ? 0 : pipeline.class === 'ssh' ? 1 : 2
}

function provenanceOf(format: string, path: string): Parameters<typeof readRecords>[0]['provenance'] {
  const file = path === '-' ? '-' : resolve(path)
  const pod = lineFormats.has(format)
    ? /([^/_]+)_([^/_]+)_([^/_]+)\/([^/]+)\/(\d+)\.log[^/]*$/.exec(file)
    : null
  const base = { cluster: 'local', node: hostname(), format }
  if (!pod) return { ...base, kind: 'file', names: { path: file } }
  const [, namespace, name, uid, container, restart] = pod
  return {
    ...base,
    kind: 'pods',
    names: { namespace: namespace!, pod: name!, uid: uid!, container: container!, restart: restart! },
  }
}

function timeOf(path: string): number {
  if (path === '-') return Date.now()
  const stats = statSync(path, { throwIfNoEntry: false })
  return Math.floor(stats?.mtimeMs ?? Date.now())
}

/** As the defaults have it, but no key is made: what is printed here is joined with nothing that is stored. */
function replayStages(pipelines: Pipelines): Record<string, StageData> {
  const config = { ...loadConfig(undefined), redaction: { key: 'of replays, for which no key is made' } }
  return stagesOf({ config, pipelines })
}
