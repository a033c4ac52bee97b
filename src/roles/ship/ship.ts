import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RawBatch } from '../../core/batch.ts'
import { isAbort } from '../../core/errors.ts'
import type { Telemetry } from '../../core/telemetry.ts'
import type { Bus } from '../../ports/bus.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LogGroup } from '../../sources/log-group.ts'
import type { SourceConfig, SpoolSource } from '../../sources/source-config.ts'
import { UNPACKED_BYTES_MAX } from '../../sources/gunzip-log.ts'
import type { Log } from '../log.ts'
import { ClassLoop } from './class-loop.ts'
import { Complaints } from '../complaints.ts'
import { Descriptors, type Follower } from './follower.ts'
import { Followers } from './followers.ts'
import { type Describe, Ledger } from './ledger.ts'
import { Outbox } from './outbox.ts'
import { SHIP_TIMINGS, type ShipContext, type ShipTimings } from './ship-context.ts'

export interface ShipOptions {
  readonly sources: readonly SourceConfig[]
  /** Its own state goes to `<dataDirectory>/ship`. One process at a time. */
  readonly dataDirectory: string
  readonly bus: Bus
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly log: Log
  readonly cluster: string
  readonly node: string
  readonly pipelineVersion: string
  /** What else is known of a log when its stream begins. */
  readonly describe?: Describe
  /** Raw bytes published and not acknowledged, by class. @default 16 MiB each */
  readonly budgets?: Readonly<Record<string, number>>
  readonly encode: (batch: RawBatch) => Uint8Array
  /** Nobody keeps published batches once they are safe: their memory is given back at once. @default false */
  readonly releaseBatches?: boolean
  /** Descriptors held at most; quiet files give theirs up first. @default 2048 */
  readonly openFilesMax?: number
  /** What one rotated gzip file may unpack to. @default 1 GiB */
  readonly unpackedBytesMax?: number
  readonly timings?: Partial<ShipTimings>
}

export interface ShipStatus {
  readonly ready: boolean
  readonly streams: number
  readonly openFiles: number
  readonly openBytes: Readonly<Record<string, number>>
  /** What does not work right now. */
  readonly troubles: readonly { readonly what: string; readonly message: string }[]
}

export interface ShipRole {
  /** Resolves when the state is on disk and all sources were looked at once, or when it is closed before. */
  readonly ready: Promise<void>
  status(): ShipStatus
  /** Stops reading at once and waits a moment for what is under way; the rest is sent again after the next start. */
  close(): Promise<void>
}

const BUDGET_BYTES = 16 * 1024 * 1024
const OPEN_FILES_MAX = 2_048
const CLOSE_GRACE_MS = 1_000
const LEDGER_EVERY_TICKS = 4

/**
 * Ships the sources until it is closed. It returns at once: a disk that refuses is waited for, with a message, and nothing
 * is published before.
 */
export function startShipRole(options: ShipOptions): Promise<ShipRole> {
  return Promise.resolve(new Shipper(options))
}

class Shipper implements ShipRole {
  readonly ready: Promise<void>
  readonly #options: ShipOptions
  /** Ends the reading; then, a moment later, what is being published. */
  readonly #stopping = new AbortController()
  readonly #closing = new AbortController()
  readonly #complaints: Complaints
  readonly #outbox: Outbox
  readonly #classes = new Map<string, ClassLoop>()
  readonly #running: Promise<void>
  readonly #loops: Promise<void>[] = []
  #ledger: Ledger | undefined
  #followers: Followers | undefined
  #isReady = false
  readonly #spools: readonly SpoolSource[]

  constructor(options: ShipOptions) {
    this.#options = options
    this.#spools = options.sources.filter((source) => source.kind === 'spool')
    const { bus, clock, log, telemetry } = options
    const { signal } = this.#closing
    this.#complaints = new Complaints(log, clock)
    const onFailure = (): void => telemetry.add('decklog_ship_errors_total', 1, { reason: 'publish' })
    this.#outbox = new Outbox({
      bus,
      clock,
      complaints: this.#complaints,
      onFailure,
      signal,
      releases: options.releaseBatches ?? false,
    })
    const ready = Promise.withResolvers<void>()
    this.ready = ready.promise
    this.#running = this.#run(ready.resolve)
      .catch((error: unknown) => {
        if (!isAbort(error)) throw error
      })
      .finally(ready.resolve)
  }

  status(): ShipStatus {
    return {
      ready: this.#isReady,
      streams: this.#followers?.count ?? 0,
      openFiles: this.#followers?.openFiles ?? 0,
      openBytes: Object.fromEntries([...this.#classes].map(([name, loop]) => [name, loop.openBytes])),
      troubles: this.#complaints.current(),
    }
  }

  async close(): Promise<void> {
    this.#followers?.stop()
    this.#stopping.abort()
    await this.#running
    await Promise.all(this.#loops)
    const { clock } = this.#options
    for (let waitedMs = 0; this.#outbox.open > 0 && waitedMs < CLOSE_GRACE_MS; waitedMs += 20) {
      await clock.sleep(20)
    }
    this.#closing.abort()
    this.#followers?.close()
    await this.#ledger?.close()
  }

  async #run(onReady: () => void): Promise<void> {
    const { dataDirectory, clock, sources } = this.#options
    const { signal } = this.#stopping
    const directory = join(dataDirectory, 'ship')
    const unpackDirectory = join(directory, 'unpacked')
    this.#ledger = await this.#openLedger(directory)
    await rm(unpackDirectory, { recursive: true, force: true }).catch(() => undefined)
    const context = this.#contextFor(this.#ledger, unpackDirectory)
    const followers = new Followers({
      sources,
      context,
      enqueue: (follower) => this.#loopOf(follower).enqueue(follower),
    })
    this.#followers = followers
    followers.start()
    followers.tick()
    this.#isReady = true
    onReady()
    for (let tick = 1; !signal.aborted; tick++) {
      await clock.sleep(context.timings.gatherMs, signal)
      followers.tick()
      if (tick % LEDGER_EVERY_TICKS === 0) this.#ledger.tick()
    }
  }

  #openLedger(directory: string): Promise<Ledger> {
    const { cluster, node, pipelineVersion, describe, clock, telemetry } = this.#options
    const { signal } = this.#stopping
    const onFailure = (code: string): void => telemetry.add('decklog_ship_errors_total', 1, { reason: code })
    const complaints = this.#complaints
    return Ledger.open({
      directory,
      cluster,
      node,
      pipelineVersion,
      describe,
      clock,
      complaints,
      onFailure,
      signal,
    })
  }

  #contextFor(ledger: Ledger, unpackDirectory: string): ShipContext {
    const {
      clock,
      telemetry,
      openFilesMax = OPEN_FILES_MAX,
      unpackedBytesMax = UNPACKED_BYTES_MAX,
    } = this.#options
    return {
      ledger,
      clock,
      telemetry,
      complaints: this.#complaints,
      descriptors: new Descriptors(openFilesMax),
      timings: { ...SHIP_TIMINGS, ...this.#options.timings },
      unpackDirectory,
      unpackedBytesMax,
      safeBytes: (group, file) =>
        this.#spoolOf(group)?.safeBytes(group.key, file) ?? Number.POSITIVE_INFINITY,
      removeSpooled: async (group, paths) => this.#spoolOf(group)?.remove(group.key, paths),
      signal: this.#stopping.signal,
      wake: (follower) => this.#followers?.wake(follower),
    }
  }

  #spoolOf(group: LogGroup): SpoolSource | undefined {
    if (group.spooled === undefined) return undefined
    return this.#spools.find(({ directory }) => group.livePath.startsWith(`${directory}/`))
  }

  #loopOf(follower: Follower): ClassLoop {
    const className = follower.group.class
    const known = this.#classes.get(className)
    if (known !== undefined) return known
    const { budgets, node, encode } = this.#options
    const ledger = this.#ledger!
    const loop = new ClassLoop({
      class: className,
      budgetBytes: budgets?.[className] ?? BUDGET_BYTES,
      context: this.#followers!.context,
      outbox: this.#outbox,
      sender: { id: node, lineage: ledger.state.lineage },
      encode,
      onOver: (over) => this.#followers!.over(over),
      afterTurn: (done) => this.#followers!.afterTurn(done),
    })
    this.#classes.set(className, loop)
    this.#loops.push(loop.run())
    return loop
  }
}
