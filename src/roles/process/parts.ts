import { join } from 'node:path'
import { loadTagger } from '../../detect/sigma/load.ts'
import { cri } from '../../parsers/cri.ts'
import { dockerJson } from '../../parsers/docker-json.ts'
import { jsonPayload } from '../../parsers/json-payload.ts'
import { formats } from '../../parsers/registry.ts'
import { stackTrace } from '../../parsers/stack-trace.ts'
import type { LineFormat } from '../../ports/line-format.ts'
import { type EnricherOptions, makeEnricher } from '../../stages/enrich/enricher.ts'
import type { PipelineParts } from '../../stages/pipeline.ts'
import { makeRedactor, type RedactorOptions } from '../../stages/redact/redactor.ts'

/** Formats that are read from bytes, by the name that `parse:` has. */
export const lineFormats: ReadonlyMap<string, LineFormat> = new Map([
  [cri.name, cri],
  [dockerJson.name, dockerJson],
])

/** All parsers, no rules. */
export const parsersOnly: PipelineParts = {
  formats,
  lineFormats,
  payload: jsonPayload,
  trace: stackTrace,
}

/** What a class's pipeline does besides parsing and tagging. Plain data: it is sent to worker threads. */
export interface StageData {
  readonly redact?: RedactorOptions
  readonly enrich?: EnricherOptions
}

/** What a worker thread makes a class's pipeline of. A test gives a module of its own with this one function. */
export type MakeParts = (options: {
  /** `pipelines/`. */
  readonly directory: string
  /** Folders below it, e.g. `rules/ssh`. */
  readonly rules: readonly string[]
  readonly stages?: StageData | undefined
}) => Promise<PipelineParts>

/** @throws {DecklogError} `config-invalid` when a rule cannot be used */
export const makeParts: MakeParts = async ({ directory, rules, stages = {} }) => ({
  ...parsersOnly,
  ...(rules.length === 0
    ? {}
    : { tagger: await loadTagger({ directory: join(directory, 'rules'), ruleSets: rules }) }),
  ...(stages.redact === undefined ? {} : { redactor: makeRedactor(stages.redact) }),
  ...(stages.enrich === undefined ? {} : { enricher: makeEnricher(stages.enrich) }),
})
