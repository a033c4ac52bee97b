import { execFile } from 'node:child_process'
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DecklogError, isAbort } from '../../core/errors.ts'
import type { Receiver, ReceiverOptions } from '../../ports/receiver.ts'

/** As `config/sources/kube-bench.ts` gives it. Times in milliseconds. */
export interface KubeBenchConfig {
  readonly directory?: string | undefined
  readonly command?: readonly string[] | undefined
  readonly every: number
  readonly trigger?: string | undefined
  readonly timeout: number
}

/** What a report was made for. */
export const MOMENTS = ['provisioning', 'scheduled', 'incident'] as const
export type Moment = (typeof MOMENTS)[number]

const LOOK_MS = 2_000
const REPORT_BYTES_MAX = 16 * 1024 * 1024
/** A file that is being written grows: it is taken once it has been still for so long. */
const STILL_MS = 1_000

/** One record a report, in the stream of its moment. */
export function startKubeBench(options: ReceiverOptions<KubeBenchConfig>): Promise<Receiver> {
  const source = new KubeBench(options)
  return Promise.resolve(source)
}

class KubeBench implements Receiver {
  readonly #options: ReceiverOptions<KubeBenchConfig>
  readonly #stop = new AbortController()
  readonly #problems = new Map<string, string>()
  /** Files that could not be renamed: name, size and time of those that are in the spool. */
  readonly #taken = new Set<string>()
  readonly #running: Promise<void>
  #lastRunNs: bigint | undefined

  constructor(options: ReceiverOptions<KubeBenchConfig>) {
    this.#options = options
    this.#running = this.#work()
  }

  problems(): readonly string[] {
    return [...this.#problems.values()]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #work(): Promise<void> {
    const { clock, config } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      if (config.directory !== undefined)
        await this.#tried('directory', () => this.#pickUp(config.directory!))
      if (config.command !== undefined) await this.#tried('command', () => this.#runWhenDue(config.command!))
      await clock.sleep(LOOK_MS, signal).catch(() => undefined)
    }
  }

  /** What fails is said, until it has worked. `work` says whether there was something to do. */
  async #tried(what: string, work: () => Promise<boolean>): Promise<void> {
    try {
      if (await work()) this.#problems.delete(what)
    } catch (error) {
      if (isAbort(error) || this.#stop.signal.aborted) return
      this.#problems.set(what, `kube-bench: ${error instanceof Error ? error.message : 'unknown'}`)
    }
  }

  async #runWhenDue(command: readonly string[]): Promise<boolean> {
    const { clock, config } = this.#options
    const moment = await this.#due()
    if (moment === undefined) return false
    this.#lastRunNs = clock.monotonicNs()
    const report = oneLine(await run(command, config.timeout, this.#stop.signal))
    if (report === undefined)
      throw new Error(`${command[0]} printed no JSON; it is run again at its next time`)
    await this.#append(moment, report)
    if (moment === 'incident' && config.trigger !== undefined) await rm(config.trigger, { force: true })
    return true
  }

  async #due(): Promise<Moment | undefined> {
    const { clock, config, spool } = this.#options
    if (config.trigger !== undefined && (await exists(config.trigger))) return 'incident'
    const last = this.#lastRunNs
    if (last !== undefined && Number((clock.monotonicNs() - last) / 1_000_000n) < config.every)
      return undefined
    const isKnown = MOMENTS.some((moment) => spool.lastRecord({ moment }) !== undefined)
    return isKnown || last !== undefined ? 'scheduled' : 'provisioning'
  }

  async #pickUp(directory: string): Promise<boolean> {
    const names = (await readdir(directory)).filter((name) => name.endsWith('.json')).sort()
    for (const name of names) {
      const path = join(directory, name)
      const { mtimeMs, size } = await stat(path)
      const key = `${name} ${size} ${mtimeMs}`
      if (this.#taken.has(key) || Math.abs(Date.now() - mtimeMs) < STILL_MS) continue
      if (size > REPORT_BYTES_MAX) throw new Error(`${name} is larger than 16 MiB and is left`)
      const report = oneLine(await readFile(path))
      if (report === undefined) {
        this.#taken.add(key)
        this.#options.telemetry.add('decklog_source_dropped_total', 1, {
          kind: 'kube-bench',
          reason: 'no-json',
        })
        this.#problems.set(name, `kube-bench: ${name} is no JSON and is left`)
        continue
      }
      await this.#append(MOMENTS.find((moment) => name.startsWith(moment)) ?? 'scheduled', report)
      this.#taken.add(key)
      await rename(path, `${path}.taken`).catch(() => undefined)
    }
    return true
  }

  async #append(moment: Moment, report: Buffer): Promise<void> {
    const { spool, telemetry } = this.#options
    await spool.append({ moment }, [report], { signal: this.#stop.signal })
    telemetry.add('decklog_source_records_total', 1, { kind: 'kube-bench' })
    telemetry.add('decklog_source_bytes_total', report.length, { kind: 'kube-bench' })
  }
}

/** Between JSON's tokens a newline is a space; within its strings there is none. Undefined: no JSON. */
function oneLine(report: Buffer): Buffer | undefined {
  const text = report.toString('utf8').trim()
  try {
    const read: unknown = JSON.parse(text)
    return typeof read === 'object' && read !== null ? Buffer.from(text.replace(/[\r\n]+/g, ' ')) : undefined
  } catch {
    return undefined
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** What it printed, whatever it ended with: a failed check may be told by the exit status. */
function run([file = '', ...args]: readonly string[], timeout: number, signal: AbortSignal): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const options = { timeout, signal, maxBuffer: REPORT_BYTES_MAX, encoding: 'buffer' as const }
  execFile(file, args, options, (error, stdout) => {
    if (error === null || (typeof error.code === 'number' && stdout.length > 0)) resolve(stdout)
    else if (error.killed === true)
      reject(new DecklogError('unreachable', `${file} was ended after ${timeout} ms`))
    else
      reject(
        new DecklogError('unreachable', `${file} could not be run (${error.code ?? 'ended by a signal'})`),
      )
  })
  return promise
}
