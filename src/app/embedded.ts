import { resolve } from 'node:path'
import type { Logger } from 'pino'
import type { Config, SourceConfig } from '../config/config.ts'
import { discoverSources } from '../config/discover.ts'
import { loadPipelines } from '../config/pipelines.ts'
import { DecklogError } from '../core/errors.ts'
import { type DemoSources, startDemoSources } from './demo.ts'
import { layoutOf, PIPELINES_DIRECTORY } from './places.ts'
import { whatIsRead } from './receivers.ts'
import { refuseProblems } from './problems.ts'
import { ROLE_NAMES } from './role-names.ts'
import { startRoles } from './start-roles.ts'

export interface EmbeddedOptions {
  readonly config: Config
  /** Write and read a synthetic cluster, whatever this machine has. */
  readonly demo: boolean
  readonly log: Logger
}

export interface Embedded {
  readonly url: string
  /** For a person, once it is ready. */
  readonly greeting: readonly string[]
  close(): Promise<void>
}

/** Everything in one process; the bus is in memory, whatever `bus` says to roles that run apart. */
export async function startEmbedded({ config, demo: wanted, log }: EmbeddedOptions): Promise<Embedded> {
  if (config.bus.kind !== 'memory') {
    const at = config.at(['bus', 'kind'])
    throw new DecklogError(
      'config-invalid',
      `${at}: decklog up has its bus in memory; use decklog run ${ROLE_NAMES.join(' ')} with Kafka, or leave bus out`,
    )
  }
  const pipelines = loadPipelines(config.pipelines ?? PIPELINES_DIRECTORY)
  const found = config.sources ?? (wanted ? [] : discoverSources())
  const isDemo = wanted || found.length === 0
  await refuseProblems(config, isDemo ? [] : found, pipelines)
  const layout = layoutOf(resolve(config.dataDir))
  let demo: DemoSources | undefined
  const sources = async (): Promise<readonly SourceConfig[]> => {
    if (!isDemo) return found
    demo = await startDemoSources(layout.demo)
    return demo.sources
  }
  try {
    const started = await startRoles({
      config,
      roles: new Set(ROLE_NAMES),
      pipelines,
      sources,
      demo: isDemo,
      log,
    })
    return {
      url: started.url,
      greeting: greetingOf(started.url, config, started.sources, demo),
      async close() {
        await started.close()
        await demo?.[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await demo?.[Symbol.asyncDispose]()
    throw error
  }
}

function greetingOf(
  url: string,
  config: Config,
  sources: readonly SourceConfig[],
  demo: DemoSources | undefined,
): string[] {
  const what = demo
    ? `demo: reading a synthetic cluster with a planted incident, written to ${demo.directory}`
    : `reading ${sources.map(whatIsRead).join(', ')}`
  return [what, `data in ${resolve(config.dataDir)}`, `decklog is ready: ${url}`]
}
