import type { Config, SourceConfig } from '../config/config.ts'
import type { Pipelines } from '../config/pipelines.ts'
import type { Bus } from '../ports/bus.ts'
import type { Store } from '../ports/store.ts'
import type { ShipStatus } from '../roles/ship/ship.ts'
import { publicSource, type RunningReceiver } from './receivers.ts'

/** What `/api/status` says. */
export function statusReport(options: {
  readonly config: Config
  readonly demo: boolean
  readonly sources: readonly SourceConfig[]
  readonly receivers: readonly RunningReceiver[]
  readonly pipelines: Pipelines
  readonly store: Store
  readonly bus: Bus
  /** Undefined: this process does not ship. */
  readonly ship: { status(): ShipStatus } | undefined
  readonly startedMs: number
}): () => Promise<unknown> {
  const { config, demo, sources, receivers, pipelines, store, bus, ship, startedMs } = options
  return async () => ({
    cluster: config.cluster,
    node: config.node,
    demo,
    startedMs,
    // Tokens and keys stay here.
    sources: sources.map(publicSource),
    receivers: receivers.map((one) => ({ name: one.name, address: one.address, problems: one.problems() })),
    pipelineVersion: pipelines.version,
    classes: pipelines.classes.map(({ class: name, weight }) => ({ class: name, weight })),
    usage: await store.usage(),
    lag: await bus.lag(),
    ship: ship?.status(),
  })
}
