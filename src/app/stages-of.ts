import { join, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { loadSnapshot } from '../config/enrichment.ts'
import type { Pipelines } from '../config/pipelines.ts'
import { keyFile, keyOf, loadRedactSets, rulesOfSets } from '../config/redact.ts'
import { DecklogError } from '../core/errors.ts'
import type { Log } from '../ports/log.ts'
import type { StageData } from '../roles/process/parts.ts'
import { ENRICH_STEPS, type EnrichStep } from '../core/enrichment.ts'

export interface StageSources {
  readonly config: Pick<Config, 'enrichment' | 'redaction' | 'dataDir' | 'path' | 'bus'>
  readonly pipelines: Pipelines
  readonly log?: Log
}

/** What each class redacts and looks up. @throws {DecklogError} `config-invalid` when a set, a step or a file does not exist */
export function stagesOf({ config, pipelines, log }: StageSources): Record<string, StageData> {
  const sets = loadRedactSets(pipelines.directory)
  const snapshot = loadSnapshot(config.enrichment, config.path)
  const key = pipelines.classes.some(({ redact }) => redact.length > 0)
    ? redactionKey(config, log)
    : undefined
  return Object.fromEntries(
    pipelines.classes.map(({ class: name, redact, enrich }) => {
      const file = join(pipelines.directory, `${name}.yaml`)
      const rules = rulesOfSets(sets, redact, file)
      const steps = stepsOf(enrich, file)
      const data: StageData = {
        ...(rules.length === 0 || key === undefined ? {} : { redact: { rules, key } }),
        ...(steps.length === 0 ? {} : { enrich: { steps, snapshot } }),
      }
      return [name, data]
    }),
  )
}

function redactionKey({ redaction, dataDir, bus }: StageSources['config'], log: Log | undefined): Uint8Array {
  if (redaction.key !== undefined) return keyOf(redaction.key)
  const path = join(resolve(dataDir), 'redaction.key')
  if (bus.kind === 'kafka') {
    const message = `redaction.key is not set: this machine uses its own (${path}), and a secret has another hash on each; set the same key for all that process`
    log?.warn({}, message)
  }
  return keyFile(path)
}

/** `geoip` is another name of `geo`. */
function stepsOf(names: readonly string[], file: string): EnrichStep[] {
  return names.map((name) => {
    const step = ENRICH_STEPS.find((known) => known === (name === 'geoip' ? 'geo' : name))
    if (step === undefined)
      throw new DecklogError(
        'config-invalid',
        `${file}:1: enrich names "${name}", which does not exist; write some of ${ENRICH_STEPS.join(', ')}`,
      )
    return step
  })
}
