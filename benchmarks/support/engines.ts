import kafkajs from 'kafkajs'
import { deleteTopics } from '../../src/bus/kafka/admin.ts'
import { mendRequestQueue } from '../../src/bus/kafka/mend-kafkajs.ts'
import { cpuSecondsOf } from './proc.ts'

mendRequestQueue()

const log = { debug() {}, info() {}, warn() {}, error() {} }

/** A broker and a node that nobody else uses meanwhile. Their processes are known when they run on this machine. */
export interface Engines {
  readonly broker: string
  readonly elasticsearch: string
  readonly kafkaPid: number | undefined
  readonly elasticsearchPid: number | undefined
}

/** From the variables that the tests use too. Undefined when there are none: then there is nothing to measure on. */
export function enginesFromEnvironment(): Engines | undefined {
  const { env } = process
  const [broker, elasticsearch] = [env['DECKLOG_TEST_KAFKA'], env['DECKLOG_TEST_ELASTICSEARCH']]
  if (broker === undefined || elasticsearch === undefined) return undefined
  const pid = (name: string): number | undefined => (env[name] === undefined ? undefined : Number(env[name]))
  return {
    broker,
    elasticsearch,
    kafkaPid: pid('DECKLOG_TEST_KAFKA_PID'),
    elasticsearchPid: pid('DECKLOG_TEST_ELASTICSEARCH_PID'),
  }
}

export function cpuOf(pid: number | undefined): number {
  return pid === undefined ? 0 : cpuSecondsOf(pid)
}

export async function decklogTopics({ broker }: Engines): Promise<string[]> {
  const names = await withAdmin(broker, (admin) => admin.listTopics())
  return names.filter((name) => name.startsWith('decklog.'))
}

export async function removeTopics(engines: Engines, names?: readonly string[]): Promise<void> {
  const gone = names ?? (await decklogTopics(engines))
  if (gone.length > 0) await deleteTopics({ brokers: [engines.broker], log }, gone)
}

/** Its members are gone, and it has read nothing. */
export async function forgetGroup({ broker }: Engines, groupId: string): Promise<void> {
  await withAdmin(broker, (admin) => admin.deleteGroups([groupId]))
}

export async function makeTopic({ broker }: Engines, topic: string, partitions: number): Promise<void> {
  await withAdmin(broker, (admin) =>
    admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }],
    }),
  )
}

async function withAdmin<T>(broker: string, ask: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const admin = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await ask(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Asks the node. @throws when the answer is neither 200 nor 404 */
export async function ask<T>(engines: Engines, path: string, init?: RequestInit): Promise<T | undefined> {
  const answer = await fetch(`${engines.elasticsearch}${path}`, init)
  if (answer.status === 404) return undefined
  if (!answer.ok) throw new Error(`${answer.status} ${path}: ${(await answer.text()).slice(0, 500)}`)
  return (await answer.json()) as T
}

/** Exact, after a refresh. */
export async function countIn(engines: Engines, dataStream: string): Promise<number> {
  await ask(engines, `/${dataStream}/_refresh`, { method: 'POST' })
  const answer = await ask<{ count: number }>(engines, `/${dataStream}/_count`)
  return answer?.count ?? 0
}

/** How many documents were written, refreshed or not: cheap to ask. */
export async function writtenTo(engines: Engines, dataStream: string): Promise<number> {
  interface Stats {
    readonly _all: { readonly primaries: { readonly indexing?: { readonly index_total: number } } }
  }
  const stats = await ask<Stats>(engines, `/${dataStream}/_stats/indexing`)
  return stats?._all.primaries.indexing?.index_total ?? 0
}

/**
 * Removes data streams, or at least what is in them: a small build of Elasticsearch has no API that deletes one, so an empty one
 * stays and is used by the next run.
 */
export async function removeDataStreams(engines: Engines, pattern: string): Promise<void> {
  const path = `/_data_stream/${pattern}`
  const { ok } = await fetch(`${engines.elasticsearch}${path}`, { method: 'DELETE' })
  if (ok) return
  for (const stream of new Set((await backingIndices(engines, pattern)).map(streamOfBacking))) {
    await ask(engines, `/${stream}/_rollover`, { method: 'POST' })
    const older = (await backingIndices(engines, stream)).toSorted().slice(0, -1)
    for (const index of older) await ask(engines, `/${index}`, { method: 'DELETE' })
  }
}

async function backingIndices(engines: Engines, pattern: string): Promise<string[]> {
  const path = `/${pattern}/_settings?filter_path=*.settings.index.uuid`
  return Object.keys((await ask<Record<string, unknown>>(engines, path)) ?? {})
}

/** `.ds-<stream>-2026.11.24-000001` */
function streamOfBacking(index: string): string {
  return index.replace(/^\.ds-/, '').replace(/-\d{4}\.\d\d\.\d\d-\d+$/, '')
}

/** What decklog keeps beside the events. */
export async function removeOwnIndices(engines: Engines): Promise<void> {
  for (const index of ['decklog-coverage', 'decklog-records'])
    await ask(engines, `/${index}`, { method: 'DELETE' })
}

/** Waits until the node has done what it does after writes: its next run does not pay for this one's merges. */
export async function untilIdle({ elasticsearchPid: pid, kafkaPid }: Engines, secondsMax = 8): Promise<void> {
  const untilMs = performance.now() + secondsMax * 1000
  for (let before = cpuOf(pid) + cpuOf(kafkaPid); performance.now() < untilMs; ) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const now = cpuOf(pid) + cpuOf(kafkaPid)
    if (now - before < 0.08) return
    before = now
  }
}
