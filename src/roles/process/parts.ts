import { join } from 'node:path'
import { loadTagger } from '../../detect/sigma/load.ts'
import { cri } from '../../parsers/cri.ts'
import { jsonPayload } from '../../parsers/json-payload.ts'
import { formats } from '../../parsers/registry.ts'
import { stackTrace } from '../../parsers/stack-trace.ts'
import type { LineFormat } from '../../ports/line-format.ts'
import type { PipelineParts } from '../../stages/pipeline.ts'

/** Formats that are read from bytes, by the name that `parse:` has. */
export const lineFormats: ReadonlyMap<string, LineFormat> = new Map([[cri.name, cri]])

/** All parsers, no rules. */
export const parsersOnly: PipelineParts = {
  formats,
  lineFormats,
  payload: jsonPayload,
  trace: stackTrace,
}

/** What a worker thread makes a class's pipeline of. A test gives a module of its own with this one function. */
export type MakeParts = (options: {
  /** `pipelines/`. */
  readonly directory: string
  /** Folders below it, e.g. `rules/ssh`. */
  readonly rules: readonly string[]
}) => Promise<PipelineParts>

/** @throws {DecklogError} `config-invalid` when a rule cannot be used */
export const makeParts: MakeParts = async ({ directory, rules }) => {
  if (rules.length === 0) return parsersOnly
  return {
    ...parsersOnly,
    tagger: await loadTagger({ directory: join(directory, 'rules'), ruleSets: rules }),
  }
}
