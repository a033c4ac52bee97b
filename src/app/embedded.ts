import { resolve } from 'node:path'
import type { Logger } from 'pino'
import { openLocalArchive } from '../archive/local.ts'
import { openMemoryBus } from '../bus/memory.ts'
import { decodeRawBatch, encodeRawBatch, rawBatchSchemaJson } from '../codec/raw-batch.ts'
import type { Config, SourceConfig } from '../config/config.ts'
import { discoverSources } from '../config/discover.ts'
import { loadPipelines, type Pipelines } from '../config/pipelines.ts'
import { DecklogError } from '../core/errors.ts'
import { Telemetry } from '../core/telemetry.ts'
import type { Archive } from '../ports/archive.ts'
import type { Bus } from '../ports/bus.ts'
import type { Store } from '../ports/store.ts'
import { startArchiveRole } from '../roles/archive.ts'
import { startIndexRole } from '../roles/index/index-role.ts'
import { startProcessRole } from '../roles/process/process-role.ts'
import { startServeRole } from '../roles/serve.ts'
import { Complaints } from '../roles/complaints.ts'
import { startShipRole } from '../roles/ship/ship.ts'
import { openDuckdbStore } from '../store/duckdb/duckdb-store.ts'
import { type DemoSources, startDemoSources } from './demo.ts'
import { keepRetention } from './keep-retention.ts'
import { layoutOf, PIPELINES_DIRECTORY, WEB_DIRECTORY } from './places.ts'
import { findProblems, type Problem } from './problems.ts'
import { replayDeadLetters } from './replay-dead-letters.ts'
import { statusReport } from './status-report.ts'
import { systemClock } from './system-clock.ts'

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

/** How often the archive looks for segments that are old enough to be sealed. */
const SEAL_LOOK_MS = 10_000

/** Everything in one process, with embedded implementations of the ports. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { config, log } = options
  const clock = systemClock
  const telemetry = new Telemetry()
  const layout = layoutOf(resolve(config.dataDir))
  const sealAgeMs = config.archive.sealAfter
  const sealEveryMs = Math.min(sealAgeMs, SEAL_LOOK_MS)
  const pipelines = loadPipelines(config.pipelines ?? PIPELINES_DIRECTORY)
  const found = config.sources ?? (options.demo ? [] : discoverSources())
  const isDemo = options.demo || found.length === 0
  refuse(await findProblems(config, isDemo ? [] : found, pipelines))

  const running = new AsyncDisposableStack()
  try {
    const store = running.use(await openStore(layout.store, telemetry, log))
    const archive =
      config.archive.kind === 'none'
        ? undefined
        : running.use(await openArchive({ directory: layout.archive, sealAgeMs, telemetry, log }))
    const bus = running.use(openMemoryBus({ clock, telemetry, groupsOf: groupsOf(archive !== undefined) }))
    const classes = pipelines.classes.map((pipeline) => pipeline.class)

    const index = await startIndexRole({ bus, store, classes, clock, telemetry, log })
    running.defer(() => index.close())
    const processing = await startProcess({ bus, pipelines, config, telemetry, log })
    running.defer(() => processing.close())
    if (archive)
      running.use(
        await startArchiveRole({
          bus,
          archive,
          classes,
          clock,
          telemetry,
          log,
          decode: decodeRawBatch,
          sealEveryMs,
        }),
      )
    running.use(
      keepRetention({
        store,
        rules: pipelines.retention,
        archive,
        archiveRules: pipelines.archive,
        clock,
        log,
      }),
    )

    const demo = isDemo ? running.use(await startDemoSources(layout.demo)) : undefined
    const sources = demo?.sources ?? found
    const ship = await startShip({ sources, config, pipelines, bus, telemetry, log })
    const serve = await startServeRole({
      store,
      telemetry,
      clock,
      log,
      listen: { ...config.http.listen, names: config.http.names },
      status: statusReport({
        config,
        demo: isDemo,
        sources,
        pipelines,
        store,
        bus,
        ship,
        startedMs: clock.now(),
      }),
      ready: () => undefined,
      replayDeadLetters: (ids) => replayDeadLetters({ bus, store, ids }),
      webDirectory: WEB_DIRECTORY,
    })
    running.defer(() => serve.close())
    // Ended first: nothing is read any more while the rest comes to its end.
    running.defer(() => ship.close())
    return {
      url: serve.url,
      greeting: greetingOf(serve.url, config, sources, demo),
      close: () => running.disposeAsync(),
    }
  } catch (error) {
    await running.disposeAsync()
    throw error
  }
}

/** @throws {DecklogError} with all errors, a sentence a line; warnings are for `check` */
function refuse(problems: readonly Problem[]): void {
  const errors = problems.filter((problem) => problem.severity === 'error')
  if (errors.length === 0) return
  const code = errors.some((problem) => problem.exitStatus === 2) ? 'config-invalid' : 'unreachable'
  throw new DecklogError(code, errors.map((problem) => problem.message).join('\n'))
}

/** Who must acknowledge before a message is safe. */
function groupsOf(hasArchive: boolean): (topic: string) => readonly string[] {
  const raw = hasArchive ? ['process', 'archive'] : ['process']
  return (topic) => (topic.startsWith('decklog.raw.') ? raw : ['index'])
}

function openStore(directory: string, telemetry: Telemetry, log: Logger): Promise<Store> {
  const complaints = new Complaints(log, systemClock)
  const say = (why: string): void =>
    complaints.raise(why, `the store is behind: ${why}; it is tried again`, 'warn')
  return openDuckdbStore({
    directory,
    clock: systemClock,
    telemetry,
    onProblem: (error) => say((error as Error).message),
  })
}

function openArchive(options: {
  readonly directory: string
  readonly sealAgeMs: number
  readonly telemetry: Telemetry
  readonly log: Logger
}): Promise<Archive> {
  const { log, ...rest } = options
  return openLocalArchive({
    ...rest,
    clock: systemClock,
    codec: { schemaJson: rawBatchSchemaJson, encode: encodeRawBatch, decode: decodeRawBatch },
    onRemark: (remark) => log.warn({}, remark),
  })
}

interface Common {
  readonly bus: Bus
  readonly config: Config
  readonly pipelines: Pipelines
  readonly telemetry: Telemetry
  readonly log: Logger
}

function startProcess({
  bus,
  pipelines,
  config,
  telemetry,
  log,
}: Common): ReturnType<typeof startProcessRole> {
  return startProcessRole({
    bus,
    pipelines: pipelines.classes,
    directory: pipelines.directory,
    clock: systemClock,
    telemetry,
    log,
    ...(config.workers === undefined ? {} : { workers: config.workers }),
  })
}

function startShip(
  options: Common & { readonly sources: readonly SourceConfig[] },
): ReturnType<typeof startShipRole> {
  const { sources, config, pipelines, bus, telemetry, log } = options
  return startShipRole({
    sources,
    dataDirectory: layoutOf(resolve(config.dataDir)).root,
    bus,
    clock: systemClock,
    telemetry,
    log,
    cluster: config.cluster,
    node: config.node,
    pipelineVersion: pipelines.version,
    budgets: Object.fromEntries(
      pipelines.classes.map((one) => [one.class, one.budget.shipperMiB * 1024 * 1024]),
    ),
    encode: encodeRawBatch,
  })
}

function greetingOf(
  url: string,
  config: Config,
  sources: readonly SourceConfig[],
  demo: DemoSources | undefined,
): string[] {
  const what = demo
    ? `demo: reading a synthetic cluster with a planted incident, written to ${demo.directory}`
    : `reading ${sources.flatMap((source) => (source.kind === 'pods' ? [source.path] : source.paths)).join(', ')}`
  return [what, `data in ${resolve(config.dataDir)}`, `decklog is ready: ${url}`]
}
