import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { stringify } from 'yaml'
import { type Distributed, startDistributed } from '../../../src/app/distributed.ts'
import { PIPELINES_DIRECTORY } from '../../../src/app/places.ts'
import type { RoleName } from '../../../src/app/role-names.ts'
import { setUp } from '../../../src/app/setup.ts'
import { topicsOf } from '../../../src/app/setup/topics.ts'
import { systemClock } from '../../../src/app/system-clock.ts'
import { applyTopics, type WantedTopic } from '../../../src/bus/kafka/admin.ts'
import { loadConfig } from '../../../src/config/config.ts'
import { loadPipelines } from '../../../src/config/pipelines.ts'
import { setupSchema } from '../../../src/config/setup.ts'
import { connect, type ElasticsearchOptions } from '../../../src/store/elasticsearch/connection.ts'
import { recordingLog, type Said, silentLog, until } from '../../support/kafka.ts'

/** Its data streams stay in the shared cluster, which cannot delete them: the name is always the same. */
export const CLUSTER = 'test-surroundings'
const ROLES: readonly RoleName[] = ['ship', 'process', 'index']
const pipelines = loadPipelines(PIPELINES_DIRECTORY)
const settings = setupSchema.parse({ topics: { partitions: 2 } })

export interface Connections {
  readonly bus: Readonly<Record<string, unknown>>
  readonly store: Readonly<Record<string, unknown>>
}

/** A node with one log file, its roles in this process, and what they say. */
export class Surroundings {
  readonly directory = mkdtempSync(join(tmpdir(), 'decklog-surroundings-'))
  readonly word = `w${Date.now().toString(36)}${process.pid}`
  readonly said: Said[] = []
  #running: Distributed | undefined
  #lines = 0

  constructor() {
    mkdirSync(join(this.directory, 'logs'))
    this.write(0)
  }

  get lines(): number {
    return this.#lines
  }

  /** Appends lines that all have the word of this place. */
  write(count: number, padding = ''): void {
    const time = new Date().toISOString()
    const lines = Array.from(
      { length: count },
      () =>
        `${time} node-1 sshd[${++this.#lines}]: Failed password for ${this.word} from 192.0.2.1 port 5 ssh2${padding}\n`,
    )
    appendFileSync(join(this.directory, 'logs/auth.log'), lines.join(''))
  }

  /** @throws what keeps it from starting */
  async start({ bus, store }: Connections, roles = ROLES): Promise<void> {
    const path = join(this.directory, 'decklog.yaml')
    writeFileSync(
      path,
      stringify({
        cluster: CLUSTER,
        node: 'node-1',
        dataDir: join(this.directory, 'data'),
        http: { listen: '127.0.0.1:0' },
        sources: [
          { kind: 'file', class: 'ssh', format: 'syslog', paths: [join(this.directory, 'logs/auth.log')] },
        ],
        drainTimeout: '1s',
        bus: { kind: 'kafka', ...bus },
        store: { kind: 'elasticsearch', requestTimeout: '5s', ...store },
      }),
    )
    const log = recordingLog()
    this.said.length = 0
    const { said } = this
    Object.assign(log, {
      warn: (fields: object, message: string) => said.push({ level: 'warn', fields: { ...fields }, message }),
      error: (fields: object, message: string) =>
        said.push({ level: 'error', fields: { ...fields }, message }),
    })
    this.#running = await startDistributed({ config: loadConfig(path), roles, log: log as unknown as Logger })
  }

  async stop(): Promise<void> {
    await this.#running?.close()
    this.#running = undefined
  }

  /** Why it is not ready; undefined when it is. */
  async reason(): Promise<string | undefined> {
    const answer = await fetch(`${this.#running!.url}/ready`)
    return ((await answer.json()) as { reason?: string }).reason
  }

  /** Waits until `/ready` says it. */
  async notReady(why: RegExp, ms = 45_000): Promise<void> {
    let last: string | undefined
    await until(async () => why.test((last = await this.reason()) ?? ''), ms).catch(() => {
      throw new Error(
        `/ready says ${JSON.stringify(last)}, and the log: ${JSON.stringify(this.complaints())}`,
      )
    })
  }

  /** Waits until every line is in Elasticsearch, once each, and it is ready. */
  async complete(elasticsearch: ElasticsearchOptions, ms = 60_000): Promise<void> {
    await until(async () => (await this.#count(elasticsearch)) >= this.#lines, ms).catch(async () => {
      const found = await this.#count(elasticsearch)
      throw new Error(
        `${found} of ${this.#lines} lines are there; /ready says ${await this.reason()}; the log: ${JSON.stringify(this.complaints())}`,
      )
    })
    const found = await this.#count(elasticsearch)
    if (found !== this.#lines) throw new Error(`${found} events of ${this.#lines} lines`)
    await until(async () => (await this.reason()) === undefined, ms).catch(async () => {
      throw new Error(`all is there, but /ready says ${await this.reason()}`)
    })
  }

  /** Sentences at warn and above, each with how often it was said. */
  complaints(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { message } of this.said) counts[message] = (counts[message] ?? 0) + 1
    return counts
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }

  async #count(options: ElasticsearchOptions): Promise<number> {
    const connection = connect(options)
    try {
      const pattern = `logs-*-${CLUSTER.replaceAll('-', '_')}.*`
      await connection.request({ method: 'POST', path: `/${pattern}/_refresh` })
      const { body } = await connection.request({
        method: 'POST',
        path: `/${pattern}/_count`,
        body: { query: { match: { message: this.word } } },
      })
      return (body as { count?: number }).count ?? 0
    } finally {
      await connection.close()
    }
  }
}

/** The index of the data stream that the lines go to, as it is written to. */
export async function writeIndexOf(options: ElasticsearchOptions): Promise<string> {
  const connection = connect(options)
  try {
    const stream = `logs-system.auth-${CLUSTER.replaceAll('-', '_')}.ssh`
    const { body } = await connection.request({ method: 'GET', path: `/${stream}/_settings/index.uuid` })
    return Object.keys(body as object)
      .sort()
      .at(-1)!
  } finally {
    await connection.close()
  }
}

export function topics(more: Partial<WantedTopic> = {}): WantedTopic[] {
  return topicsOf(pipelines.classes, settings, { brokers: 1 }).map((topic) => ({ ...topic, ...more }))
}

export async function makeTopics(broker: string, wanted: readonly WantedTopic[] = topics()): Promise<void> {
  await applyTopics({ brokers: [broker], log: silentLog }, wanted)
}

export async function installTemplates(elasticsearch: ElasticsearchOptions): Promise<void> {
  await setUp({
    kafka: undefined,
    elasticsearch,
    pipelines,
    settings,
    clock: systemClock,
    dryRun: false,
    rollOver: false,
    progress: () => undefined,
  })
}
