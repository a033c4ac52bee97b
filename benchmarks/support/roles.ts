import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diesWithUs } from './place.ts'
import { cpuSecondsOf } from './proc.ts'

/** What all processes of one deployment have in common. */
export interface Deployment {
  /** Configuration and logs go below it. */
  readonly directory: string
  /** decklog's `main.js`, built. */
  readonly main: string
  /** Also the namespace of the data streams. */
  readonly cluster: string
  readonly broker: string
  readonly elasticsearch: string
  /** Folder of container logs, and a file like auth.log. */
  readonly logs: string
  readonly handOver?: 'memory'
  /** For Node itself, by name of the process. */
  readonly nodeOptions?: (name: string) => readonly string[]
}

/** Value of a counter or gauge, summed over the labels that match. */
export type Metrics = (name: string, labels?: Readonly<Record<string, string>>) => number

/** One process of `decklog run`. */
export interface RoleProcess {
  readonly name: string
  readonly pid: number
  /** Its counters and gauges as they are now. */
  metrics(): Promise<Metrics>
  /** User and system time until now, seconds. */
  cpuSeconds(): number
  /** SIGTERM, and SIGKILL when it has not ended after 30 s. */
  stop(): Promise<void>
}

const READY_MS_MAX = 60_000
const ENDING_MS_MAX = 30_000

export function writeConfig(deployment: Deployment): string {
  const { directory, cluster, broker, elasticsearch, logs, handOver } = deployment
  mkdirSync(join(logs, 'pods'), { recursive: true })
  const path = join(directory, 'decklog.yaml')
  writeFileSync(
    path,
    `cluster: ${cluster}
node: node-1
http: { listen: 127.0.0.1:0 }
sources:
  - { kind: pods, class: pod, path: ${join(logs, 'pods')} }
  - { kind: file, class: ssh, format: syslog, paths: [${join(logs, 'auth.log')}] }
bus: { kind: kafka, brokers: [${broker}] }
store: { kind: elasticsearch, nodes: [${elasticsearch}] }
archive: { kind: none }
setup: { store: { replicas: 0 } }
log: { level: warn }
${handOver === undefined ? '' : `handOver: ${handOver}`}
`,
  )
  return path
}

/** `decklog setup`: topics and templates. */
export function setUp(deployment: Deployment): void {
  const config = writeConfig(deployment)
  execFileSync(process.execPath, [deployment.main, 'setup', '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

/** Resolves when it is ready. */
export async function startRoles(deployment: Deployment, roles: readonly string[]): Promise<RoleProcess> {
  const { directory, main, nodeOptions } = deployment
  const config = writeConfig(deployment)
  const name = roles.join('+')
  const data = join(directory, `data-${name}`)
  const args = ['run', ...roles, '--config', config, '--data', data]
  const child = spawn(process.execPath, [...(nodeOptions?.(name) ?? []), main, ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  diesWithUs(child)
  const logFile = join(directory, `${name}.log`)
  const log = createWriteStream(logFile, { flags: 'a' })
  child.stderr.pipe(log, { end: false })
  child.stdout.pipe(log, { end: false })
  const url = await addressOf(child, name, logFile)
  const pid = child.pid!
  return {
    name,
    pid,
    async metrics() {
      const text = await (await fetch(`${url}/metrics`)).text()
      return (metric, labels) => sumOf(text, metric, labels)
    },
    cpuSeconds: () => cpuSecondsOf(pid),
    stop: () => stop(child),
  }
}

async function addressOf(child: ChildProcess, name: string, logFile: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let text = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-100_000)
    const url = /ready: (http:\S+)/.exec(text)?.[1]
    if (url !== undefined) resolve(url.replace(/\/$/, ''))
  })
  const fail = (what: string): void =>
    reject(new Error(`decklog run ${name} ${what}: ${readFileSync(logFile, 'utf8').slice(-2_000)}`))
  const onClose = (code: number | null): void => fail(`ended with status ${code}`)
  child.once('close', onClose)
  const timer = setTimeout(() => fail('was not ready in time'), READY_MS_MAX)
  try {
    return await promise
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
    child.off('close', onClose)
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), ENDING_MS_MAX)
  await exited
  clearTimeout(timer)
}

/** Of the text format of Prometheus: `name{label="value"} 12`. */
function sumOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  let sum = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue
    if (Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
      sum += Number(line.slice(line.lastIndexOf(' ') + 1))
  }
  return sum
}
