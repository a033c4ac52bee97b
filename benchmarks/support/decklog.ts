import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { diesWithUs } from './place.ts'

export interface RunOptions {
  /** Configuration, log and data go below it. */
  readonly directory: string
  /** Where `pods`, `kubernetes/audit.log` and `auth.log` are, or come to be. */
  readonly logs: string
  readonly env?: Readonly<Record<string, string>>
  /** For Node itself, e.g. `--cpu-prof`. */
  readonly nodeOptions?: readonly string[]
  /** Another program than the one of this checkout: its `main.js`. */
  readonly main?: string
}

export interface RunningDecklog {
  readonly pid: number
  readonly url: string
  /** Asks the API. @throws when the answer is no 200 */
  get<T>(path: string): Promise<T>
  /** SIGTERM, and SIGKILL when it has not ended after 30 s. */
  stop(): Promise<void>
}

interface Status {
  readonly usage: readonly { readonly class: string; readonly events: number; readonly bytes: number }[]
  readonly lag: readonly { readonly topic: string; readonly bytes: number }[]
}

interface Completeness {
  readonly classes: readonly {
    readonly class: string
    readonly expected: number
    readonly stored: number
    readonly joined: number
    readonly skipped: number
    readonly declaredLost: number
    readonly undeclaredGaps: number
  }[]
}

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
/** What it says before it is ready. */
const READY_TEXT_MAX = 1_000_000
const READY_MS_MAX = 60_000
const ENDING_MS_MAX = 30_000

/** `decklog up` as a user starts it, on a free port; resolves when it says that it is ready. */
export async function startDecklog(options: RunOptions): Promise<RunningDecklog> {
  const { directory, logs, env = {}, nodeOptions = [], main = MAIN } = options
  mkdirSync(directory, { recursive: true })
  for (const name of ['pods', 'kubernetes']) mkdirSync(join(logs, name), { recursive: true })
  const config = join(directory, 'decklog.yaml')
  writeFileSync(config, configOf(logs, join(directory, 'data')))
  const child = spawn(process.execPath, [...nodeOptions, main, 'up', '--config', config], {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  diesWithUs(child)
  const log = createWriteStream(join(directory, 'decklog.log'), { flags: 'a' })
  child.stderr.pipe(log, { end: false })
  child.stdout.pipe(log, { end: false })
  const url = await addressOf(child, join(directory, 'decklog.log'))
  return {
    pid: child.pid!,
    url,
    get: (path) => ask(`${url}${path}`),
    stop: () => stop(child),
  }
}

function configOf(logs: string, dataDir: string): string {
  return `cluster: bench
node: node-1
dataDir: ${dataDir}
http: { listen: 127.0.0.1:0 }
sources:
  - { kind: pods, class: pod, path: ${join(logs, 'pods')} }
  - { kind: file, class: control-plane, format: kube-audit, paths: [${join(logs, 'kubernetes/audit.log')}] }
  - { kind: file, class: ssh, format: syslog, paths: [${join(logs, 'auth.log')}] }
`
}

async function addressOf(child: ChildProcess, log: string): Promise<string> {
  const { promise, resolve: found, reject } = Promise.withResolvers<string>()
  let text = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    if (text.length < READY_TEXT_MAX) text += chunk.toString()
    const url = /ready: (http:\S+)/.exec(text)?.[1]
    if (url !== undefined) found(url.replace(/\/$/, ''))
  })
  const fail = (what: string): void => reject(new Error(`decklog ${what}: ${lastOf(log)}`))
  child.once('exit', (code) => fail(`ended with status ${code}`))
  const timer = setTimeout(() => fail('was not ready in time'), READY_MS_MAX)
  try {
    return await promise
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function lastOf(log: string): string {
  return readFileSync(log, 'utf8').slice(-2_000)
}

async function ask<T>(url: string): Promise<T> {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${answer.status} ${url}: ${await answer.text()}`)
  return (await answer.json()) as T
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), ENDING_MS_MAX)
  await exited
  clearTimeout(timer)
}

/** Searchable events of all classes: cheap to ask. */
export async function searchableEvents(decklog: RunningDecklog): Promise<number> {
  const { usage } = await decklog.get<Status>('/api/status')
  return usage.reduce((sum, { events }) => sum + events, 0)
}

/** Exact, by a search that counts all. */
export async function countEvents(decklog: RunningDecklog, query = ''): Promise<number> {
  const path = `/api/search?limit=0&total=exact&query=${encodeURIComponent(query)}`
  const { total } = await decklog.get<{ total: { value: number; relation: string } }>(path)
  if (total.relation !== 'eq') throw new Error('the count is not exact')
  return total.value
}

export interface Covered {
  /** Records that are covered: as events, joined into one, or skipped. */
  readonly records: number
  readonly events: number
  readonly declaredLost: number
  readonly undeclaredGaps: number
}

/** What the store says that it has of one class, or of all. */
export async function covered(decklog: RunningDecklog, className?: string): Promise<Covered> {
  const answer = await decklog.get<{ completeness: Completeness }>('/api/search?limit=0&completeness=true')
  const classes = answer.completeness.classes.filter(
    (one) => className === undefined || one.class === className,
  )
  const sum = (pick: (one: (typeof classes)[number]) => number): number =>
    classes.reduce((total, one) => total + pick(one), 0)
  return {
    records: sum((one) => one.stored + one.joined + one.skipped),
    events: sum((one) => one.stored),
    declaredLost: sum((one) => one.declaredLost),
    undeclaredGaps: sum((one) => one.undeclaredGaps),
  }
}

/** Waits until every one of so many records is covered and every event is found by search. @throws when that takes too long */
export async function untilSearchable(
  decklog: RunningDecklog,
  { records, timeoutMs, everyMs = 250 }: { records: number; timeoutMs: number; everyMs?: number },
): Promise<{ readonly events: number }> {
  const untilMs = performance.now() + timeoutMs
  for (let events = 0; performance.now() < untilMs; ) {
    const searchable = await searchableEvents(decklog)
    // Counting costs: only once nothing has been added since the last look, or all may be there.
    if (searchable >= records || (searchable === events && searchable > 0)) {
      const state = await covered(decklog)
      if (state.records >= records && (await countEvents(decklog)) === state.events) return state
    }
    events = searchable
    await sleep(everyMs)
  }
  const state = await covered(decklog)
  throw new Error(
    `after ${timeoutMs / 1000} s only ${state.records} of ${records} records are covered, ${await countEvents(decklog)} events found`,
  )
}
