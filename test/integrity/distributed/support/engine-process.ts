import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server of a test's own, which it may kill and stop. Its clients reach it through a proxy, so that their network can fail too. */
export interface Engine extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** After `kill`; resolves when it works. */
  start(): Promise<void>
}

export const noEngines = ['DECKLOG_TEST_KAFKA_PID', 'DECKLOG_TEST_ELASTICSEARCH_PID'].find(
  (name) => process.env[name] === undefined,
)
  ? 'DECKLOG_TEST_KAFKA_PID and DECKLOG_TEST_ELASTICSEARCH_PID name no servers whose programs can be used'
  : undefined

/** How the shared server of that name runs: its program is where ours is taken from. */
export function commandOf(name: 'KAFKA' | 'ELASTICSEARCH'): string[] {
  return readFileSync(`/proc/${process.env[`DECKLOG_TEST_${name}_PID`]}/cmdline`, 'utf8').split('\0')
}

export interface EngineOptions {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly environment?: Readonly<Record<string, string>>
  readonly logFile: string
  /** The server itself, where `command` is only its launcher. */
  readonly pid?: () => number
  readonly works: () => Promise<boolean>
  readonly user?: { readonly uid: number; readonly gid: number }
  /** Before each start. */
  readonly prepare?: () => void
}

const UP_MS_MAX = 180_000

export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { name, command, environment = {}, logFile, works, user = {} } = options
  let pid = 0
  let gone: Promise<unknown> = Promise.resolve()
  const start = async (): Promise<void> => {
    options.prepare?.()
    const log = openSync(logFile, 'a')
    const [program, ...args] = command
    const env = { ...process.env, ...environment }
    const child = spawn(program, args, { ...user, env, stdio: ['ignore', log, log] })
    closeSync(log)
    gone = once(child, 'exit')
    await untilWorks({ name, works, logFile, hasEnded: () => child.exitCode !== null })
    pid = options.pid?.() ?? child.pid!
  }
  const kill = async (): Promise<void> => {
    signal(pid, 'SIGCONT')
    signal(pid, 'SIGKILL')
    await gone
  }
  await start()
  return {
    name,
    get pid() {
      return pid
    },
    kill,
    start,
    [Symbol.asyncDispose]: kill,
  }
}

async function untilWorks(given: {
  readonly name: string
  readonly works: () => Promise<boolean>
  readonly logFile: string
  readonly hasEnded: () => boolean
}): Promise<void> {
  const { name, works, logFile, hasEnded } = given
  for (const endMs = Date.now() + UP_MS_MAX; !(await works()); await sleep(200)) {
    if (hasEnded() || Date.now() > endMs)
      throw new Error(`${name} did not come up:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`)
  }
}

/** False when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
