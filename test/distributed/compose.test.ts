import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { StatusReport } from '../../src/app/status/report.ts'
import { type OwnBroker, startBroker } from '../support/kafka-broker.ts'
import { noKafka, until } from '../support/kafka.ts'
import { leaveNothing } from '../support/leave-nothing.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const NODE = join(ROOT, 'node_modules/.bin/node')
const MAIN = join(ROOT, 'src/cli/main.ts')
const CONFIG = join(ROOT, 'deploy/compose/decklog.yaml')
const ELASTICSEARCH = process.env['DECKLOG_TEST_ELASTICSEARCH']
const WAIT_MS = 90_000
const CLUSTER = 'test-compose'

interface Service {
  readonly image: string
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly profiles?: readonly string[]
  readonly deploy?: { readonly replicas: number }
}

const { services } = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Readonly<Record<string, Service>>
}

/** One container of docker-compose.yml as a process: the same command, the same configuration file. */
class Running {
  readonly name: string
  readonly child: ChildProcess
  readonly ended: Promise<unknown>
  output = ''

  constructor(name: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.name = name
    this.child = spawn(NODE, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.ended = once(this.child, 'close')
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text))
  }

  get url(): string | undefined {
    return /is ready: (\S+)/.exec(this.output)?.[1]
  }

  async ready(): Promise<void> {
    await until(() => {
      if (this.child.exitCode !== null) throw new Error(`${this.name} ended:\n${this.output}`)
      return this.url !== undefined
    }, WAIT_MS)
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM')
    await this.ended
    return this.child.exitCode
  }
}

describe.skipIf(noKafka !== undefined || ELASTICSEARCH === undefined)(
  'the topology of docker-compose.yml, on real engines',
  () => {
    let broker: OwnBroker
    let room: string
    const running: Running[] = []
    const environment = (): NodeJS.ProcessEnv => ({
      ...process.env,
      ...services['process']!.environment,
      DECKLOG_CLUSTER: CLUSTER,
      DECKLOG_NODE: 'compose-1',
      DECKLOG_LOGS: join(room, 'logs'),
      DECKLOG_KAFKA: broker.plaintext,
      DECKLOG_ELASTICSEARCH: ELASTICSEARCH,
    })
    const argsOf = (name: string): string[] =>
      services[name]!.command.map((word) => (word === '/etc/decklog/decklog.yaml' ? CONFIG : word))
    const ofRole = (role: string): Running[] => running.filter(({ name }) => name.startsWith(role))
    const start = (role: string, copy: number): Running => {
      const args = [...argsOf(role), '--data', join(room, `${role}-${copy}`), '--listen', '127.0.0.1:0']
      const one = new Running(`${role}-${copy}`, args, environment())
      running.push(one)
      return one
    }
    const status = async (): Promise<{ exit: number | null; report: StatusReport }> => {
      const running = new Running('status', [...argsOf('status'), '--json'], environment())
      await running.ended
      return { exit: running.child.exitCode, report: JSON.parse(running.output) as StatusReport }
    }

    beforeAll(async () => {
      room = mkdtempSync(join(tmpdir(), 'decklog-compose-'))
      for (const folder of ['pods', 'kubernetes']) mkdirSync(join(room, 'logs', folder), { recursive: true })
      writeFileSync(join(room, 'logs/auth.log'), '')
      broker = await startBroker()
    }, 120_000)
    afterAll(async () => {
      await Promise.all(running.map((one) => one.stop()))
      await leaveNothing({ nodes: [ELASTICSEARCH!] }, CLUSTER)
      await broker[Symbol.asyncDispose]()
      rmSync(room, { recursive: true, force: true })
    }, 120_000)

    test('setup, then every role: all are ready', { timeout: 240_000 }, async () => {
      await promisify(execFile)(NODE, [MAIN, ...argsOf('setup')], { env: environment() })
      const roles = Object.entries(services).filter(([, { command }]) => command?.[0] === 'run')
      expect(roles.map(([name]) => name).sort()).toEqual(['archive', 'index', 'process', 'serve', 'ship'])
      const started = roles.flatMap(([name, { deploy }]) =>
        Array.from({ length: deploy?.replicas ?? 1 }, (_, copy) => start(name, copy)),
      )
      await Promise.all(started.map((one) => one.ready()))
      await until(async () => {
        const answers = await Promise.all(started.map(({ url }) => fetch(`${url}/ready`)))
        return answers.every(({ ok }) => ok)
      }, WAIT_MS)
    })

    test('a line that is written is searchable, once', { timeout: 120_000 }, async () => {
      const word = `w${Date.now().toString(36)}${process.pid}`
      const time = new Date().toISOString().replace('Z', '+00:00')
      appendFileSync(
        join(room, 'logs/auth.log'),
        `${time} compose-1 sshd[4242]: Failed password for ${word} from 203.0.113.9 port 5050 ssh2\n`,
      )
      const [serve] = ofRole('serve')
      const found = async (): Promise<{ hits: { user?: { name?: string } }[]; total: { value: number } }> =>
        (await (await fetch(`${serve!.url}/api/search?query=${word}`)).json()) as never
      await until(async () => (await found()).total.value > 0, WAIT_MS)
      const { hits, total } = await found()
      expect(total.value).toBe(1)
      expect(hits[0]).toMatchObject({ user: { name: word }, event: { outcome: 'failure' } })
    })

    test('decklog status sees the members of each role, and nothing wrong with them', {
      timeout: 120_000,
    }, async () => {
      const { report } = await status()
      expect(report.unreachable).toEqual([])
      // The records of the shared cluster may hold dead letters of others.
      expect(report.problems.filter((one) => !one.includes('dead letter'))).toEqual([])
      const ssh = report.steps.filter((one) => one.class === 'ssh')
      expect(ssh.map(({ role, members }) => [role, members.length])).toEqual([
        ['process', 2],
        ['archive', 1],
        ['index', 2],
      ])
      for (const one of ssh) {
        expect(one.members.reduce((sum, { partitions }) => sum + partitions, 0)).toBe(one.partitions)
        expect(one).toMatchObject({ state: 'stable', lag: { messages: 0 }, retentionMs: 7 * 864e5 })
      }
      expect(report.nodes.map(({ node }) => node)).toContain('compose-1')
      expect(report.store.find((one) => one.class === 'ssh')!.events).toBeGreaterThan(0)
    })

    test('a role that has ended everywhere is said, with what waits; exit status 1', {
      timeout: 180_000,
    }, async () => {
      for (const one of ofRole('index')) expect(await one.stop(), one.output).toBe(0)
      appendFileSync(join(room, 'logs/auth.log'), 'Nov 24 10:00:00 compose-1 sshd[1]: Connection closed\n')
      await until(async () => {
        const { report } = await status()
        return report.steps.some(({ role, lag }) => role === 'index' && lag.messages > 0)
      }, WAIT_MS)
      const { exit, report } = await status()
      expect(exit).toBe(1)
      expect(report.problems).toContainEqual(
        expect.stringMatching(/^nobody runs index for .*ssh.*; 1 message wait/),
      )
    })

    test('it goes on when the role is back', { timeout: 180_000 }, async () => {
      await start('index', 2).ready()
      await until(async () => {
        const { report } = await status()
        return report.steps.every(({ lag }) => lag.messages === 0)
      }, WAIT_MS)
    })

    test('brokers that are away are said; exit status 3, and the store is told all the same', {
      timeout: 180_000,
    }, async () => {
      await Promise.all(running.map((one) => one.stop()))
      await broker.kill()
      const { exit, report } = await status()
      expect(exit).toBe(3)
      expect(report.unreachable).toEqual([
        expect.stringMatching(/^cannot look up the topics: Kafka at .* cannot be reached/),
      ])
      expect(report.store.length).toBeGreaterThan(0)
    })
  },
)
