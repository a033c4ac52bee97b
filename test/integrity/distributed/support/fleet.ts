import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { Deck, sourcesOf } from '../../support/deck.ts'
import { signal } from './engine-process.ts'
import type { Engines } from './engines.ts'

export const ROLES = ['ship', 'process', 'index', 'archive', 'serve'] as const
export type Role = (typeof ROLES)[number]

export interface FleetOptions {
  readonly engines: Engines
  /** Also the namespace of its data streams: one fleet on these engines at a time, each with a name of its own. */
  readonly cluster: string
  /** How many processes of each role. @default one, but two of process and index */
  readonly members?: Readonly<Partial<Record<Role, number>>>
  /** Added to decklog.yaml. */
  readonly config?: Readonly<Record<string, unknown>>
}

/** One process of the fleet, through all its lives. */
export interface Member {
  readonly name: string
  readonly role: Role
  readonly dataDir: string
  deck: Deck
  /** Its end is wanted, and somebody waits for it. */
  isDoomed: boolean
  /** Ends for which nobody here is to blame. */
  readonly failures: string[]
  /** The largest resident memory that was seen, in bytes. */
  rssBytesMax: number
}

const COUNTS: Readonly<Record<Role, number>> = { ship: 1, process: 2, index: 2, archive: 1, serve: 1 }
/** As long as a broker or a node may take to come back on a busy machine. */
const READY_MS_MAX = 180_000
/** Metrics that tell where something waits. */
const STANDING = /^decklog_(bus_(open_bytes|stalled|redelivered)|index_|store_(open|held|requests|retries))/
const DIES_MS_MAX = 90_000

/** All roles, each in processes of its own, on engines of a test's own. */
export class Fleet implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'decklog-fleet-'))
  readonly logs: readonly string[]
  readonly members: Member[] = []
  readonly cluster: string
  readonly #configPath = join(this.directory, 'decklog.yaml')
  /** Complaints of lives that are over, by member. */
  readonly #said: string[] = []
  keep = false

  constructor(options: FleetOptions & { readonly logs?: readonly string[] }) {
    const { engines, cluster, logs = ['logs'], config = {} } = options
    this.cluster = cluster
    this.logs = logs.map((name) => this.#logs(name))
    const yaml = {
      cluster,
      node: 'node-1',
      http: { listen: '127.0.0.1:0' },
      bus: { kind: 'kafka', brokers: [engines.kafka.address] },
      store: { kind: 'elasticsearch', nodes: [engines.elasticsearch.url] },
      archive: { kind: 'local' },
      sources: this.logs.flatMap(sourcesOf),
      workers: 1,
      setup: { topics: { partitions: { default: 4 } }, store: { replicas: 0 } },
      ...config,
    }
    writeFileSync(this.#configPath, stringify(yaml))
  }

  /** Topics and templates, as an operator makes them. */
  async setup(): Promise<void> {
    const deck = new Deck(['setup', '--config', this.#configPath])
    const { status } = await deck.ended
    if (status !== 0) throw new Error(`decklog setup ended with ${status}:\n${deck.stdout}${deck.stderr}`)
  }

  async start(members: FleetOptions['members'] = {}): Promise<void> {
    for (const role of ROLES)
      for (let number = 1; number <= (members[role] ?? COUNTS[role]); number++) this.#add(role, number)
    await Promise.all(this.members.map((member) => this.ready(member)))
  }

  of(role: Role): Member[] {
    return this.members.filter((member) => member.role === role)
  }

  /** One more process of a role. */
  join(role: Role): Member {
    return this.#add(role, 1 + Math.max(0, ...this.of(role).map(({ name }) => Number(name.split('-')[1]))))
  }

  /** SIGKILL, and a new life at once. */
  async killAndRestart(member: Member): Promise<void> {
    await this.kill(member)
    this.restart(member)
  }

  /** SIGKILL. */
  async kill(member: Member): Promise<void> {
    signal(member.deck.child.pid!, 'SIGCONT')
    const wasDoomed = member.isDoomed
    member.isDoomed = true
    await member.deck.kill()
    member.isDoomed = wasDoomed
  }

  /** The next life of a member that has ended. */
  restart(member: Member, faults?: string): void {
    this.#note(member)
    member.deck = this.#spawn(member, faults)
  }

  /** Its next life ends by SIGKILL at a step; then it has another. @throws when it does not come to that step */
  async dieAt(member: Member, faults: string): Promise<void> {
    member.isDoomed = true
    try {
      await this.kill(member)
      this.restart(member, faults)
      const ended = await Promise.race([member.deck.ended, sleep(DIES_MS_MAX, undefined, { ref: false })])
      if (ended?.signal !== 'SIGKILL')
        throw new Error(`${member.name} did not come to ${faults}:\n${member.deck.stderr.slice(-2_000)}`)
      this.restart(member)
    } finally {
      member.isDoomed = false
    }
  }

  async ready(member: Member): Promise<void> {
    await member.deck.until(() => member.deck.url !== '', `${member.name} is ready`, READY_MS_MAX)
  }

  /** SIGTERM; the member is one no more. Returns how long it took, in milliseconds. */
  async leave(member: Member): Promise<number> {
    member.isDoomed = true
    const tookMs = await member.deck.stop()
    this.#forget(member)
    return tookMs
  }

  /** SIGKILL; the member is one no more. */
  async vanish(member: Member): Promise<void> {
    await this.kill(member)
    this.#forget(member)
  }

  /** Starts again whoever has ended without having been told to, as an orchestrator would, and remembers it. */
  tend(): void {
    for (const member of this.members) {
      const { deck } = member
      if (member.isDoomed) continue
      if (deck.isRunning) {
        member.rssBytesMax = Math.max(member.rssBytesMax, deck.rssBytes())
        continue
      }
      member.failures.push(`${member.name} ended by itself: ${deck.stderr.slice(-600)}`)
      this.restart(member)
    }
  }

  /** Everything at `warn` and above that any member ever said, with how often. */
  complaints(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const text of [...this.#said, ...this.members.flatMap((member) => saidBy(member))])
      counts.set(text, (counts.get(text) ?? 0) + 1)
    return counts
  }

  /** What each member says of itself now, and where it stands: for a person to whom something has not arrived. */
  async describe(): Promise<string[]> {
    const ask = async ({ url }: Deck, path: string): Promise<string> => {
      const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000) })
      return (await answer.text()).trim()
    }
    return Promise.all(
      this.members.map(async ({ name, deck }) => {
        const ready = await ask(deck, '/ready').catch((error: unknown) => String(error))
        const metrics = await ask(deck, '/metrics').catch(() => '')
        const counts = metrics.split('\n').filter((line) => STANDING.test(line))
        return [`${name}: ${ready}`, ...counts, deck.stderr.slice(-1_500)].join('\n')
      }),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(({ deck }) => deck.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) if (member.deck.isRunning) await this.kill(member)
    if (this.keep) console.log(`kept for you to look at: ${this.directory}`)
    else rmSync(this.directory, { recursive: true, force: true })
  }

  #logs(name: string): string {
    const directory = join(this.directory, name)
    for (const folder of ['pods', 'kubernetes']) mkdirSync(join(directory, folder), { recursive: true })
    return directory
  }

  #add(role: Role, number: number): Member {
    const name = `${role}-${number}`
    const rest = {
      name,
      role,
      dataDir: join(this.directory, name),
      isDoomed: false,
      failures: [],
      rssBytesMax: 0,
    }
    const member: Member = { ...rest, deck: this.#spawn(rest) }
    this.members.push(member)
    return member
  }

  #spawn({ role, dataDir }: Pick<Member, 'role' | 'dataDir'>, faults?: string): Deck {
    const args = ['run', role, '--config', this.#configPath, '--data', dataDir]
    return new Deck(args, faults === undefined ? {} : { DECKLOG_TEST_FAULTS: faults })
  }

  #forget(member: Member): void {
    this.#note(member)
    this.members.splice(this.members.indexOf(member), 1)
  }

  #note(member: Member): void {
    this.#said.push(...saidBy(member))
  }
}

function saidBy({ role, deck }: Member): string[] {
  return deck.complaints().map((text) => `${role}: ${text}`)
}
