import { resolve } from 'node:path'
import type { Logger } from 'pino'
import { decodeRawBatch, encodeRawBatch, rawBatchSchemaJson } from '../codec/raw-batch.ts'
import type { Pipelines } from '../config/pipelines.ts'
import { letBuffersComeAndGo } from '../config/heap.ts'
import { type Config, isReceiver, type SourceConfig } from '../config/config.ts'
import type { ReceiverConfig } from '../config/sources/registry.ts'
import { Telemetry } from '../core/telemetry.ts'
import type { Archive } from '../ports/archive.ts'
import type { Store } from '../ports/store.ts'
import { startHealth } from '../roles/health.ts'
import { startIndexRole } from '../roles/index/index-role.ts'
import { type ShipRole, startShipRole } from '../roles/ship/ship.ts'
import { chooseBus, handsOver } from './choose-bus.ts'
import type { ChosenStore } from './choose-store.ts'
import { DrainingBus } from './draining-bus.ts'
import { keepRetention } from './keep-retention.ts'
import { layoutOf, WEB_DIRECTORY } from './places.ts'
import { Readiness } from './readiness.ts'
import {
  openSpools,
  type RunningReceiver,
  type SpooledReceiver,
  spoolsLeftBehind,
  startReceiver,
} from './receivers.ts'
import { replayDeadLetters } from './replay-dead-letters.ts'
import type { RoleName } from './role-names.ts'
import { statusReport } from './status-report.ts'
import { stagesOf } from './stages-of.ts'
import { systemClock } from './system-clock.ts'
import { watchedPods } from './watched-pods.ts'

export interface StartOptions {
  readonly config: Config
  readonly roles: ReadonlySet<RoleName>
  readonly pipelines: Pipelines
  /** Asked for when everything behind the shipper runs. */
  readonly sources: () => Promise<readonly SourceConfig[]>
  readonly demo: boolean
  readonly log: Logger
}

export interface StartedRoles {
  /** Where `/health`, `/ready` and `/metrics` are, and the page where `serve` is one of the roles. */
  readonly url: string
  readonly sources: readonly SourceConfig[]
  /** Ends what was taken, as far as `drainTimeout` allows, and stops. */
  close(): Promise<void>
}

/** How often the archive looks for segments that are old enough to be sealed. */
const SEAL_LOOK_MS = 10_000

/**
 * Starts roles in this process, each before those that send to it. Large parts are loaded by whom they serve: a shipper needs no
 * store, and half of its memory would be other roles' code. @throws {DecklogError} when one cannot start; then none runs
 */
export async function startRoles(options: StartOptions): Promise<StartedRoles> {
  const running = new AsyncDisposableStack()
  try {
    return await new Start(options, running).run()
  } catch (error) {
    await running.disposeAsync()
    throw error
  }
}

class Start {
  readonly #options: StartOptions
  readonly #running: AsyncDisposableStack
  readonly #telemetry = new Telemetry()
  readonly #classes: readonly string[]
  readonly #startedMs = systemClock.now()

  constructor(options: StartOptions, running: AsyncDisposableStack) {
    this.#options = options
    this.#running = running
    this.#classes = options.pipelines.classes.map((pipeline) => pipeline.class)
  }

  async run(): Promise<StartedRoles> {
    const { config, log } = this.#options
    const has = (role: RoleName): boolean => this.#options.roles.has(role)
    const running = this.#running
    const telemetry = this.#telemetry
    const chosen = has('index') || has('serve') ? await this.#openStore() : undefined
    const archive = has('archive') && config.archive.kind !== 'none' ? await this.#openArchive() : undefined
    const busTroubles = new Map<string, string>()
    const onTrouble = (subject: string, message: string | undefined): void => {
      if (message === undefined) busTroubles.delete(subject)
      else busTroubles.set(subject, message)
    }
    const needs = { config, classes: this.#classes, telemetry, log, onTrouble }
    const roles = new Set(
      [...this.#options.roles].filter((role) => role !== 'archive' || archive !== undefined),
    )
    const inner = running.use(await chooseBus({ ...needs, roles }))
    const bus = new DrainingBus(inner, systemClock)
    const readiness = running.use(new Readiness(bus, systemClock))
    readiness.add(() => [...busTroubles.values()])
    if (chosen) readiness.add(chosen.problems)
    if (has('index')) await this.#startIndex(bus, chosen!.store)
    if (has('process')) await this.#startProcess(bus, readiness)
    if (archive) await this.#startArchive(bus, archive)
    if ((has('index') && chosen) || archive) this.#keepRetention(chosen?.store, archive)
    running.defer(() => bus.drain(config.drainTimeout))
    const sources = has('ship') ? await this.#options.sources() : []
    const spooled = this.#openSpools(sources.filter(isReceiver))
    const ship = has('ship') ? await this.#startShip(bus, sources, spooled) : undefined
    if (ship) readiness.add(() => publishTroubles(ship))
    const receivers: RunningReceiver[] = []
    const serving = await this.#serve({ chosen, bus, ship, readiness, sources, receivers })
    running.defer(() => serving.close())
    // Ended first: nothing is read any more while the rest comes to its end, and before that nothing is taken.
    if (ship) running.defer(() => ship.close())
    await this.#startReceivers(spooled, receivers)
    readiness.add(() => receivers.flatMap((receiver) => receiver.problems()))
    return { url: serving.url, sources, close: () => running.disposeAsync() }
  }

  async #openStore(): Promise<ChosenStore> {
    const { config, log } = this.#options
    const directory = layoutOf(resolve(config.dataDir)).store
    const { chooseStore } = await import('./choose-store.ts')
    const chosen = await chooseStore(config, { directory, telemetry: this.#telemetry, log })
    this.#running.use(chosen.store)
    return chosen
  }

  async #openArchive(): Promise<Archive> {
    const { config, log } = this.#options
    const { openLocalArchive } = await import('../archive/local.ts')
    const archive = await openLocalArchive({
      directory: layoutOf(resolve(config.dataDir)).archive,
      sealAgeMs: config.archive.sealAfter,
      telemetry: this.#telemetry,
      clock: systemClock,
      codec: { schemaJson: rawBatchSchemaJson, encode: encodeRawBatch, decode: decodeRawBatch },
      onRemark: (remark) => log.warn({}, remark),
    })
    return this.#running.use(archive)
  }

  async #startIndex(bus: DrainingBus, store: Store): Promise<void> {
    const { config, log } = this.#options
    const common = { clock: systemClock, telemetry: this.#telemetry, log }
    const isRemote = config.store.kind === 'elasticsearch'
    if (isRemote) letBuffersComeAndGo()
    const writesOpen = isRemote ? 2 : 1
    const index = await startIndexRole({ bus, store, classes: this.#classes, writesOpen, ...common })
    this.#running.defer(() => index.close())
  }

  async #startProcess(bus: DrainingBus, readiness: Readiness): Promise<void> {
    const { pipelines, config, log } = this.#options
    const { startProcessRole } = await import('../roles/process/process-role.ts')
    const processing = await startProcessRole({
      bus,
      pipelines: pipelines.classes,
      directory: pipelines.directory,
      stages: stagesOf({ config, pipelines, log }),
      clock: systemClock,
      telemetry: this.#telemetry,
      log,
      // The embedded store keeps documents as they came; brokers and Elasticsearch have copies.
      releaseEvents: config.bus.kind === 'kafka' && config.store.kind === 'elasticsearch',
      // Only what goes over a network is worth packing.
      compress: config.bus.kind === 'kafka' && !handsOver(config, this.#options.roles),
      ...(config.workers === undefined ? {} : { workers: config.workers }),
    })
    this.#running.defer(() => processing.close())
    readiness.add(() => processing.problems())
  }

  async #startArchive(bus: DrainingBus, archive: Archive): Promise<void> {
    const { config, log } = this.#options
    const { startArchiveRole } = await import('../roles/archive.ts')
    this.#running.use(
      await startArchiveRole({
        bus,
        archive,
        classes: this.#classes,
        clock: systemClock,
        telemetry: this.#telemetry,
        log,
        decode: decodeRawBatch,
        sealEveryMs: Math.min(config.archive.sealAfter, SEAL_LOOK_MS),
      }),
    )
  }

  #keepRetention(store: Store | undefined, archive: Archive | undefined): void {
    const { pipelines, log, roles } = this.#options
    this.#running.use(
      keepRetention({
        store: roles.has('index') ? store : undefined,
        rules: pipelines.retention,
        archive,
        archiveRules: pipelines.archive,
        clock: systemClock,
        log,
      }),
    )
  }

  #openSpools(sources: readonly ReceiverConfig[]): SpooledReceiver[] {
    const { config, log } = this.#options
    const directory = layoutOf(resolve(config.dataDir)).spool
    for (const path of this.#options.roles.has('ship') ? spoolsLeftBehind(directory, sources) : []) {
      log.warn({ path }, 'records of a source that is not configured any more are not shipped')
    }
    const spooled = openSpools(sources, { directory, clock: systemClock, telemetry: this.#telemetry, log })
    for (const { spool } of spooled) this.#running.use(spool)
    return spooled
  }

  /** `into` is what others look at; it fills as they start. */
  async #startReceivers(spooled: readonly SpooledReceiver[], into: RunningReceiver[]): Promise<void> {
    const { log } = this.#options
    for (const one of spooled) {
      const started = await startReceiver(one, { clock: systemClock, telemetry: this.#telemetry, log })
      this.#running.use(started)
      into.push(started)
    }
  }

  async #startShip(
    bus: DrainingBus,
    sources: readonly SourceConfig[],
    spooled: readonly SpooledReceiver[],
  ): Promise<ShipRole> {
    const { config, pipelines, log } = this.#options
    const pods = await watchedPods(config, sources, log)
    if (pods !== undefined) this.#running.use(pods)
    return startShipRole({
      ...(pods === undefined ? {} : { describe: (group) => pods.describe(group) }),
      sources: [...sources.filter((source) => !isReceiver(source)), ...spooled.map(({ spool }) => spool)],
      dataDirectory: layoutOf(resolve(config.dataDir)).root,
      bus,
      clock: systemClock,
      telemetry: this.#telemetry,
      log,
      cluster: config.cluster,
      node: config.node,
      pipelineVersion: pipelines.version,
      releaseBatches: config.bus.kind === 'kafka',
      budgets: Object.fromEntries(
        pipelines.classes.map((one) => [one.class, one.budget.shipperMiB * 1024 * 1024]),
      ),
      encode: encodeRawBatch,
    })
  }

  async #serve(parts: {
    readonly chosen: ChosenStore | undefined
    readonly bus: DrainingBus
    readonly ship: ShipRole | undefined
    readonly readiness: Readiness
    readonly sources: readonly SourceConfig[]
    readonly receivers: readonly RunningReceiver[]
  }): Promise<{ readonly url: string; close(): Promise<void> }> {
    const { chosen, bus, ship, readiness, sources, receivers } = parts
    const { config, pipelines, roles, demo, log } = this.#options
    const common = {
      telemetry: this.#telemetry,
      clock: systemClock,
      log,
      listen: { ...config.http.listen, names: config.http.names },
      ready: () => readiness.reason(),
    }
    if (!roles.has('serve') || !chosen) return startHealth(common)
    const { store } = chosen
    const { startServeRole } = await import('../roles/serve.ts')
    return startServeRole({
      ...common,
      store,
      status: statusReport({
        config,
        demo,
        sources,
        receivers,
        pipelines,
        store,
        bus,
        ship,
        startedMs: this.#startedMs,
      }),
      replayDeadLetters: (ids) => replayDeadLetters({ bus, store, ids }),
      webDirectory: WEB_DIRECTORY,
    })
  }
}

function publishTroubles(ship: ShipRole): string[] {
  return ship
    .status()
    .troubles.filter(({ what }) => what.startsWith('publish '))
    .map(({ message }) => message)
}
