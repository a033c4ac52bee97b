import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf, type Engines, writtenTo } from './engines.ts'
import type { FleetRun } from './fleet.ts'
import { diesWithUs } from './place.ts'
import { cpuSecondsOf } from './proc.ts'

/** Others that bring lines from files over Kafka to Elasticsearch, two processes each. */

export interface RivalJob {
  readonly engines: Engines
  readonly directory: string
  /** Container logs; they lie there before the clock runs. */
  readonly logs: string
  /** Exists, and is empty. */
  readonly topic: string
  /** Does not exist, and a template makes it. */
  readonly dataStream: string
  readonly lines: number
  readonly timeoutMs: number
}

const BY_HAND = resolve(import.meta.dirname, 'by-hand.ts')
const PLUGINS = ['/usr/lib/x86_64-linux-gnu/rsyslog', '/usr/lib64/rsyslog', '/usr/lib/rsyslog']

/** Undefined when it can run; otherwise what is missing. */
export function whyNoRsyslog(): string | undefined {
  const missing = ['imkafka', 'omkafka', 'omelasticsearch'].filter(
    (name) => !PLUGINS.some((directory) => existsSync(join(directory, `${name}.so`))),
  )
  if (missing.length === 0) return undefined
  return `rsyslog has no ${missing.join(', ')} here: apt-get install rsyslog rsyslog-kafka rsyslog-elasticsearch`
}

export async function runByHand(job: RivalJob): Promise<FleetRun> {
  const { engines, logs, topic, dataStream } = job
  const common = ['--broker', engines.broker, '--topic', topic]
  const index = start(process.execPath, [
    BY_HAND,
    'index',
    ...common,
    '--node',
    engines.elasticsearch,
    '--stream',
    dataStream,
  ])
  await Promise.race([once(index.stdout!, 'data'), once(index, 'exit')])
  return measure(job, index, () => start(process.execPath, [BY_HAND, 'ship', ...common, '--logs', logs]))
}

export async function runRsyslogOverKafka(job: RivalJob): Promise<FleetRun> {
  const { directory } = job
  const conf = (name: string, text: string): string[] => {
    mkdirSync(join(directory, name), { recursive: true })
    const path = join(directory, `${name}.conf`)
    writeFileSync(path, text)
    return ['-n', '-f', path, '-i', join(directory, `${name}.pid`)]
  }
  writeFileSync(
    join(directory, 'cri.rulebase'),
    'version=2\nrule=:%time:word% %stream:word% %tag:word% %log:rest%\n',
  )
  const index = start('rsyslogd', conf('indexer', indexerConf(job)))
  await sleep(2_000)
  return measure(job, index, () => start('rsyslogd', conf('shipper', shipperConf(job))))
}

async function measure(job: RivalJob, index: ChildProcess, startShip: () => ChildProcess): Promise<FleetRun> {
  const { engines, dataStream, lines, timeoutMs } = job
  const before = {
    index: cpuSecondsOf(index.pid!),
    Kafka: cpuOf(engines.kafkaPid),
    Elasticsearch: cpuOf(engines.elasticsearchPid),
  }
  const startMs = performance.now()
  const ship = startShip()
  let shipSeconds = 0
  try {
    for (let written = 0; written < lines; written = await writtenTo(engines, dataStream)) {
      if (performance.now() - startMs > timeoutMs)
        throw new Error(`only ${written} of ${lines} lines were written in ${timeoutMs / 1000} s`)
      if (index.exitCode !== null) throw new Error(`it ended with status ${index.exitCode}`)
      await sleep(100)
      if (ship.exitCode === null) shipSeconds = cpuSecondsOf(ship.pid!)
    }
    const perMillion = (seconds: number): number => (seconds / lines) * 1e6
    return {
      linesPerSecond: (lines * 1000) / (performance.now() - startMs),
      cpuPerMillion: {
        ship: perMillion(shipSeconds),
        index: perMillion(cpuSecondsOf(index.pid!) - before.index),
        Kafka: perMillion(cpuOf(engines.kafkaPid) - before.Kafka),
        Elasticsearch: perMillion(cpuOf(engines.elasticsearchPid) - before.Elasticsearch),
      },
    }
  } finally {
    await Promise.all([end(ship), end(index)])
  }
}

function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  diesWithUs(child)
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

function shipperConf({ engines, directory, logs, topic }: RivalJob): string {
  return `global(workDirectory="${join(directory, 'shipper')}" maxMessageSize="64k")
module(load="imfile" mode="inotify")
module(load="omkafka")
main_queue(queue.type="LinkedList" queue.size="200000" queue.dequeueBatchSize="4096")
template(name="line" type="string" string="%rawmsg%")
template(name="path" type="string" string="%$!metadata!filename%")
ruleset(name="pods") {
  action(type="omkafka" broker="${engines.broker}" topic="${topic}" template="line" dynaKey="on" key="path" partitions.auto="on"
    confParam=["compression.codec=zstd", "queue.buffering.max.messages=200000", "linger.ms=20"])
}
input(type="imfile" file="${logs}/*/*/*.log" tag="pod" ruleset="pods" addMetadata="on" readMode="0")
`
}

function indexerConf({ engines, directory, topic, dataStream }: RivalJob): string {
  const { hostname, port } = new URL(engines.elasticsearch)
  return `global(workDirectory="${join(directory, 'indexer')}" maxMessageSize="64k")
module(load="imkafka")
module(load="mmnormalize")
module(load="omelasticsearch")
main_queue(queue.type="LinkedList" queue.size="200000" queue.dequeueBatchSize="4096")
template(name="id" type="string" string="%uuid%")
template(name="cri" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="$!time" format="jsonf")
  property(outname="stream" name="$!stream" format="jsonf")
  property(outname="message" name="$!log" format="jsonf")
  property(outname="host.name" name="hostname" format="jsonf")
}
ruleset(name="events" queue.type="LinkedList" queue.size="200000" queue.dequeueBatchSize="4096" queue.workerThreads="4") {
  action(type="mmnormalize" ruleBase="${join(directory, 'cri.rulebase')}" useRawMsg="on")
  action(type="omelasticsearch" server="${hostname}" serverport="${port}" searchIndex="${dataStream}" searchType=""
    template="cri" bulkmode="on" maxbytes="5m" writeoperation="create" dynbulkid="on" bulkid="id" esVersion.major="8"
    errorFile="${join(directory, 'rejected.json')}")
}
input(type="imkafka" broker="${engines.broker}" topic="${topic}" consumergroup="rsyslog-${topic}" ruleset="events"
  confParam=["auto.offset.reset=earliest"])
`
}
