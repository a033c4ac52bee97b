import { type Config, isReceiver, loadConfig, type SourceConfig } from '../config/config.ts'
import { discoverSources } from '../config/discover.ts'
import { loadPipelines, type Pipelines } from '../config/pipelines.ts'
import { DecklogError } from '../core/errors.ts'
import { loadRules } from '../detect/sigma/load.ts'
import { formatProblem } from '../detect/sigma/problem.ts'
import { parsersOnly } from '../roles/process/parts.ts'
import { type SourceSurvey, surveySource } from '../sources/survey.ts'
import { compilePipeline } from '../stages/pipeline.ts'
import { compileRule } from '../stages/redact/compile.ts'
import { pipelineProblems } from './pipeline-problems.ts'
import { PIPELINES_DIRECTORY } from './places.ts'
import { whatIsRead } from './receivers.ts'
import { stagesOf } from './stages-of.ts'
import { systemClock } from './system-clock.ts'
import { findProblems, type Problem } from './problems.ts'

export interface CheckReport {
  readonly classes: number
  readonly rules: number
  /** What would be read. */
  readonly sources: readonly {
    readonly class: string
    readonly what: string
    readonly logs: number
    readonly bytes: number
    /** It is sent to: there are no logs to count. */
    readonly receives?: boolean
  }[]
  readonly problems: readonly Problem[]
}

/** Finds what is wrong, as much of it as can be seen at once, without starting anything. */
export async function checkConfiguration(options: {
  readonly config?: string
  readonly data?: string
}): Promise<CheckReport> {
  const problems: Problem[] = []
  try {
    const config = loadConfig(options.config, { dataDir: options.data })
    const pipelines = loadPipelines(config.pipelines ?? PIPELINES_DIRECTORY)
    for (const pipeline of pipelines.classes) compilePipeline(pipeline, parsersOnly)
    problems.push(...pipelineProblems(pipelines))
    checkStages(config, pipelines)
    const { rules, problems: wrong } = await loadRules({ directory: `${pipelines.directory}/rules` })
    for (const one of wrong) {
      problems.push({
        severity: one.severity === 'error' ? 'error' : 'warning',
        message: formatProblem(one),
        exitStatus: 2,
      })
    }
    const sources = config.sources ?? discoverSources()
    problems.push(...(await findProblems(config, sources, pipelines)))
    const files = sources.filter((source) => !isReceiver(source))
    const surveys = files.map((source) => surveySource(source, systemClock))
    for (const { path, message } of surveys.flatMap((survey) => survey.troubles)) {
      if (!problems.some((one) => one.message.includes(path)))
        problems.push({ severity: 'warning', message, exitStatus: 3 })
    }
    return {
      classes: pipelines.classes.length,
      rules: rules.length,
      sources: sources.map((source) => summaryOf(source, surveys)),
      problems,
    }
  } catch (error) {
    if (!(error instanceof DecklogError)) throw error
    const found = error.message
      .split('\n')
      .map((message): Problem => ({ severity: 'error', message, exitStatus: 2 }))
    return { classes: 0, rules: 0, sources: [], problems: [...problems, ...found] }
  }
}

/** Reads what redaction and enrichment need, and makes no key. @throws {DecklogError} `config-invalid` */
function checkStages(config: Config, pipelines: Pipelines): void {
  const stages = stagesOf({ config: { ...config, redaction: { key: 'not used for anything' } }, pipelines })
  const redact = Object.values(stages).map((one) => one.redact)
  for (const one of redact) if (one !== undefined) for (const rule of one.rules) compileRule(rule)
}

function summaryOf(source: SourceConfig, surveys: readonly SourceSurvey[]): CheckReport['sources'][number] {
  const logs = surveys.find((survey) => survey.source === source)?.logs ?? []
  return {
    class: source.class,
    what: whatIsRead(source),
    logs: logs.length,
    bytes: logs.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(isReceiver(source) ? { receives: true } : {}),
  }
}
