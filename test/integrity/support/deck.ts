import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'

const NODE = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url))
const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))
const READY_MS_MAX = 30_000
const INGESTED_MS_MAX = 120_000
const STDERR_BYTES_MAX = 1024 * 1024

export interface StartOptions {
  /** As DECKLOG_TEST_FAULTS wants it, see src/core/faults.ts. */
  readonly faults?: string
  /** Return as soon as the process runs: it may be meant to die before it is ready. */
  readonly unready?: boolean
}

/** The real program in a process of its own. */
export class Deck {
  readonly child: ChildProcess
  /** Resolves when the process is gone. */
  readonly ended: Promise<{ readonly status: number | null; readonly signal: NodeJS.Signals | null }>
  stderr = ''
  stdout = ''
  url = ''

  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    user: { readonly uid?: number; readonly gid?: number } = {},
  ) {
    this.child = spawn(NODE, [MAIN, ...args], {
      ...user,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.url ||= /decklog (?:[a-z ]+ )?is ready: (\S+)/.exec(this.stdout)?.[1] ?? ''
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-STDERR_BYTES_MAX)
    })
    this.ended = once(this.child, 'close').then(([status, signal]) => ({
      status: status as number | null,
      signal: signal as NodeJS.Signals | null,
    }))
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  async ready(): Promise<void> {
    await this.until(() => this.url !== '', 'it is ready', READY_MS_MAX)
  }

  /** Waits for something that this process does. @throws when it ends before, or does not in time */
  async until(condition: () => boolean | Promise<boolean>, what: string, msMax = 60_000): Promise<void> {
    const isThere = async (): Promise<boolean> => {
      try {
        return await condition()
      } catch (error) {
        // It may die while it is asked.
        await Promise.race([this.ended, sleep(500)])
        if (this.isRunning) throw error
        return false
      }
    }
    for (const endMs = Date.now() + msMax; !(await isThere()); await sleep(20)) {
      if (!this.isRunning) throw new Error(`decklog ended before ${what}:\n${this.stderr.slice(-4000)}`)
      if (Date.now() > endMs) throw new Error(`waited in vain until ${what}:\n${this.stderr.slice(-4000)}`)
    }
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }

  /** Ends it as an operator does. Returns how long that took, in milliseconds. */
  async stop(): Promise<number> {
    const startMs = performance.now()
    this.child.kill('SIGTERM')
    await this.ended
    return performance.now() - startMs
  }

  async get<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.url}${path}`)
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }

  /** Records that the store accounts for, over all streams. */
  async accounted(): Promise<number> {
    const { completeness } = await this.get<Answer>('/api/search?query=&limit=0&completeness=true')
    return completeness.classes.reduce(
      (sum, { stored, joined, skipped, declaredLost }) => sum + stored + joined + skipped + declaredLost,
      0,
    )
  }

  /** Nothing is under way: all that was read is acknowledged by everybody. */
  async isAtRest(): Promise<boolean> {
    const { lag, ship } = await this.get<Status>('/api/status')
    return ship.ready && lag.every(({ messages }) => messages === 0) && sumOf(ship.openBytes) === 0
  }

  /** Waits until so many records are stored and acknowledged by everybody. */
  async ingested(records: number, msMax = INGESTED_MS_MAX): Promise<void> {
    let last = ''
    try {
      await this.until(
        async () => {
          const accounted = await this.accounted()
          last = `${accounted} of ${records} records`
          return accounted >= records && (await this.isAtRest())
        },
        `all ${records} records are stored`,
        msMax,
      )
    } catch (error) {
      throw new Error(`${last} are stored: ${(error as Error).message}`, { cause: error })
    }
  }

  /** Resident memory now, in bytes. */
  rssBytes(): number {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.child.pid}/status`, 'utf8'))
    return Number(kib?.[1] ?? 0) * 1024
  }

  /** Lines of its own log at `warn` and above, as sentences. */
  complaints(): string[] {
    return this.stderr.split('\n').flatMap((line) => {
      if (!line.startsWith('{')) return line === '' ? [] : [line]
      const { level, msg, reason } = JSON.parse(line) as { level: number; msg: string; reason?: string }
      return level >= 40 ? [reason === undefined ? msg : `${msg}: ${reason}`] : []
    })
  }
}

interface Answer {
  readonly completeness: {
    readonly classes: readonly Readonly<Record<'stored' | 'joined' | 'skipped' | 'declaredLost', number>>[]
  }
}

interface Status {
  readonly lag: readonly { readonly topic: string; readonly messages: number }[]
  readonly ship: { readonly ready: boolean; readonly openBytes: Readonly<Record<string, number>> }
}

export interface WorkplaceOptions {
  /** Where the data directory is. @default below the workplace */
  readonly dataDir?: string
  readonly config?: Readonly<Record<string, unknown>>
}

/** A directory with logs, configuration and data of one decklog; removed in the end, with whatever still runs there. */
export class Workplace implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'decklog-integrity-'))
  readonly dataDir: string
  readonly configPath = join(this.directory, 'decklog.yaml')
  readonly decks: Deck[] = []
  /** Leave everything for a person to look at. */
  keep = false

  constructor(options: WorkplaceOptions = {}) {
    this.dataDir = options.dataDir ?? join(this.directory, 'data')
    this.configure(options.config ?? {})
  }

  /** A folder for a generated cluster, with what must be there before decklog starts. */
  logs(name: string): string {
    const directory = join(this.directory, name)
    for (const folder of ['pods', 'kubernetes']) mkdirSync(join(directory, folder), { recursive: true })
    return directory
  }

  configure(config: Readonly<Record<string, unknown>>): void {
    const base = {
      cluster: 'integrity',
      node: 'node-1',
      dataDir: this.dataDir,
      http: { listen: '127.0.0.1:0' },
    }
    writeFileSync(this.configPath, stringify({ ...base, ...config }))
  }

  async up({ faults, unready = false }: StartOptions = {}): Promise<Deck> {
    const environment = faults === undefined ? {} : { DECKLOG_TEST_FAULTS: faults }
    const deck = new Deck(['up', '--config', this.configPath], environment)
    this.decks.push(deck)
    if (!unready) await deck.ready()
    return deck
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const deck of this.decks) if (deck.isRunning) await deck.kill()
    if (this.keep) console.log(`kept for you to look at: ${this.directory}`)
    else rmSync(this.directory, { recursive: true, force: true })
  }
}

/** The sources of a generated cluster of one node. */
export function sourcesOf(directory: string): Record<string, unknown>[] {
  return [
    { kind: 'pods', class: 'pod', path: join(directory, 'pods') },
    {
      kind: 'file',
      class: 'control-plane',
      format: 'kube-audit',
      paths: [join(directory, 'kubernetes/audit.log')],
    },
    { kind: 'file', class: 'ssh', format: 'syslog', paths: [join(directory, 'auth.log')] },
  ]
}

function sumOf(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((sum, value) => sum + value, 0)
}
