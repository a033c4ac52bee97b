import { resolve } from 'node:path'
import type { Logger } from 'pino'
import type { Config, SourceConfig } from '../config/config.ts'
import { discoverSources } from '../config/discover.ts'
import { loadPipelines } from '../config/pipelines.ts'
import { DecklogError } from '../core/errors.ts'
import { PIPELINES_DIRECTORY } from './places.ts'
import { whatIsRead } from './receivers.ts'
import { refuseProblems } from './problems.ts'
import type { RoleName } from './role-names.ts'
import { startRoles } from './start-roles.ts'

export interface DistributedOptions {
  readonly config: Config
  readonly roles: readonly RoleName[]
  readonly log: Logger
}

export interface Distributed {
  readonly url: string
  readonly greeting: readonly string[]
  close(): Promise<void>
}

/** One or more roles in this process; the others are elsewhere, on the same brokers. */
export async function startDistributed({ config, roles, log }: DistributedOptions): Promise<Distributed> {
  const wanted = new Set(roles)
  refuseLonely(config, wanted)
  const pipelines = loadPipelines(config.pipelines ?? PIPELINES_DIRECTORY)
  const found = wanted.has('ship') ? sourcesOf(config) : []
  await refuseProblems(config, found, pipelines)
  const started = await startRoles({
    config,
    roles: wanted,
    pipelines,
    sources: () => Promise.resolve(found),
    demo: false,
    log,
  })
  const names = [...wanted].join(' ')
  const reading = found.map(whatIsRead)
  return {
    url: started.url,
    greeting: [
      ...(reading.length === 0 ? [] : [`reading ${reading.join(', ')}`]),
      `data in ${resolve(config.dataDir)}`,
      `decklog ${names} is ready: ${started.url}`,
    ],
    close: () => started.close(),
  }
}

/** Roles that could never meet the others. */
function refuseLonely(config: Config, roles: ReadonlySet<RoleName>): void {
  if (config.bus.kind === 'memory') {
    const needed = (['ship', 'process', 'index', 'serve'] as const).filter((role) => !roles.has(role))
    if (needed.length > 0) {
      throw new DecklogError(
        'config-invalid',
        `${config.at(['bus', 'kind'])}: bus.kind memory does not reach between processes, so ${needed.join(', ')} would be missing; run them too, use decklog up, or set bus.kind kafka`,
      )
    }
  }
  const isApart = roles.has('index') !== roles.has('serve')
  if (config.store.kind === 'duckdb' && isApart) {
    throw new DecklogError(
      'config-invalid',
      `${config.at(['store', 'kind'])}: store.kind duckdb is in one process, so index and serve run together; run both, or set store.kind elasticsearch`,
    )
  }
}

function sourcesOf(config: Config): readonly SourceConfig[] {
  const found = config.sources ?? discoverSources()
  if (found.length > 0) return found
  throw new DecklogError(
    'config-invalid',
    'there is nothing to ship: this machine has none of the usual logs; name sources in the configuration',
  )
}
