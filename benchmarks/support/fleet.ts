import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  cpuOf,
  countIn,
  type Engines,
  forgetGroup,
  removeDataStreams,
  removeTopics,
  untilIdle,
} from './engines.ts'
import { say } from './place.ts'
import { cpuByThread } from './proc.ts'
import type { PodCopies } from './pod-copies.ts'
import { type Deployment, type RoleProcess, setUp, startRoles } from './roles.ts'

export interface FleetOptions {
  readonly engines: Engines
  readonly cluster: string
  readonly main: string
  readonly directory: string
  /** Brought through before the clock runs: a role that has just started is slower. */
  readonly warmUp: PodCopies
  readonly input: PodCopies
  readonly nodeOptions?: (name: string) => readonly string[]
}

export interface FleetRun {
  readonly linesPerSecond: number
  /** Seconds of a million lines, by process: ours by their roles, `Kafka`, `Elasticsearch`. */
  readonly cpuPerMillion: Readonly<Record<string, number>>
}

/** Where lines must have come: safe on the raw topic, as events on the next one, in the store. */
export type Goal = 'shipped' | 'events' | 'stored'

const LINES_PER_SECOND_MIN = 2_000
/** Asking costs the role CPU: seldom while much is left, often towards the end. */
const LOOK_MS_MIN = 20
const LOOK_MS_MAX = 300
/** A replay is measured from here on: joining the group and the first, cold batches are no part of a rate. */
const REPLAY_FROM = 0.1
const GROUP_OF_INDEX = 'decklog.index.decklog.events.pod'

/** decklog's roles as processes, on engines of their own; one deployment after the other, each from nothing. */
export class Fleet {
  readonly options: FleetOptions
  #deployment: Deployment | undefined

  constructor(options: FleetOptions) {
    this.options = options
  }

  get lines(): number {
    return this.options.input.lines
  }

  get linesWithWarmUp(): number {
    return this.lines + this.options.warmUp.lines
  }

  /** All of the class: what CoreDNS and ingress-nginx print has data streams of its own. */
  get dataStream(): string {
    return `logs-*-${this.options.cluster}.pod`
  }

  /** Empty topics, no documents, no files, no state. */
  async fresh(
    given: { readonly handOver?: 'memory'; readonly elasticsearch?: string } = {},
  ): Promise<Deployment> {
    const { engines, cluster, main, directory, nodeOptions } = this.options
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    await removeTopics(engines)
    await removeDataStreams(engines, `logs-*-${cluster}.*`)
    const deployment = {
      directory,
      main,
      cluster,
      broker: engines.broker,
      elasticsearch: engines.elasticsearch,
      logs: join(directory, 'logs'),
      ...(nodeOptions === undefined ? {} : { nodeOptions }),
    }
    setUp(deployment)
    this.#deployment = { ...deployment, ...given }
    return this.#deployment
  }

  /** A process for each list of roles. Those that read are ready before those that write. */
  async start(groups: readonly (readonly string[])[]): Promise<StartedFleet> {
    const processes: RoleProcess[] = []
    for (const roles of groups.toReversed()) processes.unshift(await startRoles(this.#deployment!, roles))
    return new StartedFleet(this, this.#deployment!, processes)
  }

  /** All events once more, from the first offset on, to a store that has them. */
  async replay(): Promise<FleetRun> {
    for (let attempt = 0; attempt < 5; attempt++) {
      const run = await this.#replay()
      if (run !== undefined) return run
    }
    throw new Error('a replay is over before it can be measured: give more --lines')
  }

  /** Undefined: it was over before the clock could run. */
  async #replay(): Promise<FleetRun | undefined> {
    const { engines } = this.options
    await untilIdle(engines)
    await forgetGroup(engines, GROUP_OF_INDEX)
    const lines = this.linesWithWarmUp
    await using started = await this.start([['index']])
    await started.until('stored', lines * REPLAY_FROM)
    const first = await started.reached('stored')
    if (first >= lines) return undefined
    const meter = started.meter()
    await started.until('stored', lines)
    const run = meter(lines - first)
    const stored = await countIn(engines, this.dataStream)
    if (stored !== lines) throw new Error(`after a replay of ${lines} events there are ${stored}`)
    return run
  }
}

export class StartedFleet implements AsyncDisposable {
  readonly processes: readonly RoleProcess[]
  readonly #fleet: Fleet
  readonly #deployment: Deployment

  constructor(fleet: Fleet, deployment: Deployment, processes: readonly RoleProcess[]) {
    this.#fleet = fleet
    this.#deployment = deployment
    this.processes = processes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.processes) await one.stop()
  }

  of(role: string): RoleProcess {
    return this.processes.find(({ name }) => name.split('+').includes(role))!
  }

  /** Brings the warm-up through, and then, timed, so many copies of the input. */
  async bring(goal: Goal, copies: number): Promise<FleetRun> {
    const { warmUp, input, directory, engines } = this.#fleet.options
    const pods = join(this.#deployment.logs, 'pods')
    const staging = join(directory, 'staging')
    warmUp.prepare(staging).appear(pods)
    await this.until(goal, warmUp.lines)
    const prepared = Array.from({ length: copies }, () => input.prepare(staging))
    await untilIdle(engines)
    const meter = this.meter()
    for (const copy of prepared) copy.appear(pods)
    const lines = input.lines * copies
    await this.until(goal, warmUp.lines + lines)
    const run = meter(lines)
    if (this.#fleet.options.nodeOptions !== undefined) for (const one of this.processes) say(threadsText(one))
    if (goal === 'stored') {
      const stored = await countIn(engines, this.#fleet.dataStream)
      if (stored !== warmUp.lines + lines)
        throw new Error(`of ${warmUp.lines + lines} lines ${stored} are in Elasticsearch`)
    }
    return run
  }

  /** Waits until so many lines have come so far. */
  async until(goal: Goal, lines: number): Promise<void> {
    const timeoutMs = 60_000 + (lines / LINES_PER_SECOND_MIN) * 1000
    const startMs = performance.now()
    for (let reached = 0; reached < lines; ) {
      reached = await this.reached(goal)
      if (reached >= lines) return
      if (performance.now() - startMs > timeoutMs)
        throw new Error(`${goal}: only ${reached} of ${lines} lines after ${timeoutMs / 1000} s`)
      const leftMs = ((lines - reached) / Math.max(1, reached)) * (performance.now() - startMs)
      await sleep(Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, leftMs / 3)))
    }
  }

  async reached(goal: Goal): Promise<number> {
    if (goal === 'shipped') {
      const metrics = await this.of('ship').metrics()
      return lessOpen(
        metrics('decklog_ship_records_total', { class: 'pod' }),
        metrics('decklog_ship_open_bytes'),
      )
    }
    if (goal === 'events') {
      const metrics = await this.of('process').metrics()
      return lessOpen(
        metrics('decklog_process_events_total', { class: 'pod' }),
        metrics('decklog_bus_queued_bytes', { topic: 'decklog.events.pod' }),
      )
    }
    const metrics = await this.of('index').metrics()
    const written = (outcome: string): number =>
      metrics('decklog_index_events_total', { class: 'pod', outcome })
    return written('stored') + written('duplicate')
  }

  /** Starts time and CPU; the function that it returns ends them. */
  meter(): (lines: number) => FleetRun {
    const { kafkaPid, elasticsearchPid } = this.#fleet.options.engines
    const parts: [string, () => number][] = [
      ...this.processes.map((one): [string, () => number] => [one.name, () => one.cpuSeconds()]),
      ['Kafka', () => cpuOf(kafkaPid)],
      ['Elasticsearch', () => cpuOf(elasticsearchPid)],
    ]
    const before = parts.map(([, seconds]) => seconds())
    const startMs = performance.now()
    return (lines) => ({
      linesPerSecond: (lines * 1000) / (performance.now() - startMs),
      cpuPerMillion: Object.fromEntries(
        parts.map(([name, seconds], i) => [name, ((seconds() - before[i]!) / lines) * 1e6]),
      ),
    })
  }
}

/** At least one is missing while something is on its way. */
function lessOpen(count: number, openBytes: number): number {
  return openBytes > 0 ? count - 1 : count
}

/** For tuning: which threads the CPU of a process goes to. */
function threadsText({ name, pid }: RoleProcess): string {
  const threads = cpuByThread(pid).slice(0, 9)
  return `${name} by thread: ${threads.map((one) => `${one.name.split('/')[0]} ${one.seconds.toFixed(2)}`).join(', ')}`
}
