import { rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { DecklogError } from '../core/errors.ts'
import { Cluster, recordsMin, type ClusterOptions, type Step } from './cluster.ts'
import { STORY } from './incident.ts'
import { LogFile } from './log-file.ts'
import { type Stream, TICK_US } from './stream.ts'
import { totalsOf, type StreamTruth, type Truth } from './truth.ts'

export interface WriteOptions {
  readonly directory: string
  readonly cluster: ClusterOptions
  /** Paced by the machine's clock, as the records' own times say; otherwise as fast as the disk takes it. */
  readonly paced: boolean
  /** Ends after the tick in which so many bytes are reached; null: no such end. */
  readonly bytes: number | null
  readonly rotation: 'none' | 'rename' | 'copytruncate'
  readonly rotateBytes: number
  /** Rotated files that stay of each file. */
  readonly keep: number
  /** No rotated file and no vanished pod is deleted before this age. 0 loses what was not read in time. */
  readonly graceMs: number
  readonly quietMs: number
}

/** Time, as `ports/clock.ts` has it. */
export interface WriterClock {
  now(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export interface WriteSurroundings {
  readonly clock: WriterClock
  /** Ends the writing after the tick in hand; the truth stays exact. */
  readonly signal: AbortSignal
  readonly progress?: (state: {
    readonly records: number
    readonly bytes: number
    readonly ticks: number
  }) => void
}

interface Written {
  readonly stream: Stream
  readonly file: LogFile
  readonly path: string
  ended: boolean
  deleted: boolean
}

/** Longest time without a look at timers and signals when writing at full speed. */
const BREATH_MS = 40
const TICK_MS = TICK_US / 1000
/** Up to so many pods their files stay open: a process may often have 1,024. */
const OPEN_PODS_MAX = 300

/** Writes a cluster's logs below a directory until it is complete or the signal fires. */
export class ClusterWriter {
  readonly #options: WriteOptions
  readonly #cluster: Cluster
  readonly #written = new Map<string, Written>()
  /** Not ended, so still to be served. */
  readonly #live = new Set<Written>()
  /** Streams of vanished pods, in order of their end; the pod's directory goes after the grace. */
  readonly #vanished: { readonly written: Written; readonly atMs: number }[] = []
  #bytes = 0
  #records = 0

  /** @throws {DecklogError} `usage` when so few records cannot hold the cluster */
  constructor(options: WriteOptions) {
    const least = recordsMin(options.cluster)
    if (options.cluster.records !== null && options.cluster.records < least) {
      const { pods, nodes } = options.cluster
      throw new DecklogError(
        'usage',
        `${pods} pods on ${nodes} nodes need at least ${least} records; ask for more, or for fewer pods`,
      )
    }
    this.#options = options
    this.#cluster = new Cluster(options.cluster)
  }

  /** Writes the cluster's past at once, without pacing. */
  async writeHistory(surroundings: WriteSurroundings): Promise<void> {
    await this.#run(surroundings, this.#options.cluster.history?.ticks ?? 0, false)
    this.#serve(surroundings.clock.now(), true)
  }

  /** Writes on until the end; closes the files. May be called once. */
  async write(surroundings: WriteSurroundings): Promise<void> {
    try {
      await this.#run(surroundings, Number.POSITIVE_INFINITY, this.#options.paced)
    } finally {
      for (const { file } of this.#live) file.close()
    }
  }

  /** Exact once `write` has ended. */
  truth(): Truth {
    const { directory, cluster } = this.#options
    const streams = [...this.#written.values()].map((written) => truthOf(written, directory))
    const planted = [...this.#written.values()].flatMap(({ stream }) => stream.planted)
    return {
      formatVersion: 1,
      directory,
      options: cluster,
      ticks: this.#cluster.tick,
      totals: totalsOf(streams),
      streams,
      planted,
      story: STORY,
    }
  }

  async #run({ clock, signal, progress }: WriteSurroundings, ticks: number, paced: boolean): Promise<void> {
    const firstTick = this.#cluster.tick
    const beganMs = clock.now()
    let breathMs = beganMs
    while (!signal.aborted && this.#cluster.tick < ticks) {
      const step = this.#cluster.step()
      this.#take(step, clock.now())
      this.#serve(clock.now(), paced)
      progress?.({ records: this.#records, bytes: this.#bytes, ticks: this.#cluster.tick })
      if (step.last || (this.#options.bytes !== null && this.#bytes >= this.#options.bytes)) return
      await this.#waitForQuietFiles(clock, signal)
      const dueMs = beganMs + (this.#cluster.tick - firstTick) * TICK_MS
      if (paced) await sleepUntil(clock, dueMs, signal)
      else if (clock.now() - breathMs >= BREATH_MS) {
        await new Promise((resolve) => setImmediate(resolve))
        breathMs = clock.now()
      }
    }
  }

  #take(step: Step, wallMs: number): void {
    for (const { stream, text, records } of step.emissions) {
      this.#fileOf(stream).file.append(text, records)
      this.#bytes += text.length
      this.#records += records
    }
    for (const { stream, vanishes } of step.ended) this.#end(stream, vanishes ? wallMs : undefined)
  }

  #end(stream: Stream, vanishedMs: number | undefined): void {
    const written = this.#written.get(stream.info.path)
    if (written === undefined) return
    written.file.close()
    written.ended = true
    this.#live.delete(written)
    if (vanishedMs !== undefined) this.#vanished.push({ written, atMs: vanishedMs })
  }

  #serve(wallMs: number, flush: boolean): void {
    const recordMs = this.#options.cluster.startMs + this.#cluster.tick * TICK_MS
    for (const { file } of this.#live) file.service({ wallMs, recordMs }, flush)
    while (this.#vanished.length > 0 && wallMs - this.#vanished[0]!.atMs >= this.#options.graceMs) {
      const { written } = this.#vanished.shift()!
      rmSync(join(written.path, '..', '..'), { recursive: true, force: true })
      written.deleted = true
    }
  }

  async #waitForQuietFiles(clock: WriterClock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && [...this.#live].some(({ file }) => file.full)) {
      await sleepUntil(clock, clock.now() + 20, signal)
      this.#serve(clock.now(), false)
    }
  }

  #fileOf(stream: Stream): Written {
    const known = this.#written.get(stream.info.path)
    if (known !== undefined) return known
    const { directory, cluster, ...rest } = this.#options
    const closeAfterWrite = cluster.pods > OPEN_PODS_MAX
    const path = join(directory, stream.info.path)
    const scheme = ({ pod: 'kubelet', 'control-plane': 'lumberjack', ssh: 'logrotate' } as const)[
      stream.info.class
    ]
    const file = new LogFile({ ...rest, path, scheme, closeAfterWrite })
    const written = { stream, file, path, ended: false, deleted: false }
    this.#written.set(stream.info.path, written)
    this.#live.add(written)
    return written
  }
}

function truthOf({ stream, file, path, ended, deleted }: Written, directory: string): StreamTruth {
  const files = deleted ? [] : [...file.rotated.paths, path].map((each) => relative(directory, each))
  const { records, bytes, partials, rotations } = file
  return { ...stream.info, records, bytes, sha256: file.digest(), partials, files, rotations, ended, deleted }
}

/** Sleeps until a time; returns at once when it is past or the signal fires. */
async function sleepUntil(clock: WriterClock, dueMs: number, signal: AbortSignal): Promise<void> {
  const ms = dueMs - clock.now()
  if (ms <= 0 || signal.aborted) return
  try {
    await clock.sleep(ms, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
