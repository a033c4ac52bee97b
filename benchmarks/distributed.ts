/**
 * Many machines, on one: log files → Kafka → Elasticsearch by decklog's roles as processes of their own, and its parts; beside it, on
 * the same files and in the same run: ready bodies posted to `_bulk` (the yardstick), the same job written by hand, and rsyslog.
 *
 * `DECKLOG_TEST_KAFKA=host:port DECKLOG_TEST_ELASTICSEARCH=http://… node benchmarks/distributed.ts [--lines 400000] [--rounds 5]
 * [--rival-rounds 2] [--warm-lines 800000] [--stall-seconds 0] [--only ship,events,apart,together,replay] [--json FILE]`
 * The broker and the node are the benchmark's alone while it runs: it makes topics `decklog.*`, and removes what it has made.
 * With DECKLOG_TEST_KAFKA_PID and DECKLOG_TEST_ELASTICSEARCH_PID their CPU is told too. `--cpu-prof DIR` profiles the roles.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildInto } from './support/built.ts'
import { writeClusterFiles } from './support/cluster-files.ts'
import {
  decklogTopics,
  type Engines,
  enginesFromEnvironment,
  makeTopic,
  removeDataStreams,
  removeOwnIndices,
  removeTopics,
  untilIdle,
} from './support/engines.ts'
import { Fleet, type FleetRun } from './support/fleet.ts'
import { measurementsOf, sharesText } from './support/distributed-measurements.ts'
import { type Measurement, report } from './support/measurement.ts'
import { measureOutage } from './support/outage.ts'
import { say, temporaryPlace } from './support/place.ts'
import { PodCopies } from './support/pod-copies.ts'
import { bodiesOfTopic, postBodies } from './support/raw-bulk.ts'
import { type RivalJob, runByHand, runRsyslogOverKafka, whyNoRsyslog } from './support/rivals.ts'

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '400000' },
    /** How often the same lines are shipped where no store slows it down. */
    copies: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    'rival-rounds': { type: 'string', default: '2' },
    'warm-lines': { type: 'string', default: '800000' },
    'stall-seconds': { type: 'string', default: '0' },
    'stall-mib': { type: 'string', default: '1024' },
    only: { type: 'string', default: 'ship,events,apart,together,replay' },
    'take-over': { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
    /** For Node, of all roles: an experiment. */
    'node-options': { type: 'string' },
    json: { type: 'string' },
  },
})
const PODS = 24
const WARM_UP_LINES = 40_000
const RIVAL_LINES_A_SECOND_MIN = 3_000
const ROUNDS = Number(values.rounds)
const only = values.only.split(',')

const engines = enginesOrExit()
using place = temporaryPlace('distributed')
/** Always the same, for a data stream may stay behind, empty. */
const cluster = 'bench'
const streamOf = (name: string): string => `logs-kubernetes.container_logs-${name}.pod`
const bodies = join(place.directory, 'bodies')
const runs = new Map<string, FleetRun[]>()
/** Share of raw bulk, in the same round. */
const shares = new Map<string, number[]>()
const rawRates: number[] = []
const rawAgainRates: number[] = []
const rivals = new Map<string, FleetRun[]>()
const notes: string[] = []
const measurements: Measurement[] = []

await refuseForeignTopics()
say('building, and writing lines')
const main = join(buildInto(place.directory), 'src/cli/main.js')
const warmUp = new PodCopies(await podsOf('warm-up', WARM_UP_LINES))
const input = new PodCopies(await podsOf('input', Number(values.lines)))
const nodeOptions = nodeOptionsOf()
const fleet = new Fleet({
  engines,
  cluster,
  main,
  directory: join(place.directory, 'fleet'),
  warmUp,
  input,
  ...(nodeOptions === undefined ? {} : { nodeOptions }),
})
try {
  await measureAll()
} finally {
  await removeTopics(engines)
  await removeDataStreams(engines, `logs-*-${cluster}*`)
  await removeOwnIndices(engines)
}
report(
  {
    subject: 'Many machines: Kafka and Elasticsearch',
    about:
      'decklog run ship, process and index, each a process, with one broker and one node on the same cores. Files appear at once; the ' +
      'clock stops when each line is safe where it goes. Raw bulk: the same documents as ready bodies of 5 MB, 4 in flight, in the same ' +
      'round. By hand: kafkajs with a message a line and eachMessage, an object a line, the bulk helper of the client. rsyslog: imfile → ' +
      'omkafka, imkafka → mmnormalize → omelasticsearch; it reads four fields of a line. CPU is user and system time of the processes.',
    notes,
    measurements,
  },
  values.json,
)

function enginesOrExit(): Engines {
  const found = enginesFromEnvironment()
  if (found !== undefined) return found
  process.stderr.write('skipped: needs DECKLOG_TEST_KAFKA and DECKLOG_TEST_ELASTICSEARCH\n')
  process.exit(0)
}

/** Undefined when none were asked for: threads are told only then. */
function nodeOptionsOf(): ((name: string) => readonly string[]) | undefined {
  const profiles = values['cpu-prof']
  const given = values['node-options']?.split(' ').filter((one) => one !== '')
  if (profiles === undefined && given === undefined) return undefined
  return (name) => [
    ...(given ?? []),
    ...(profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profiles, name)}`]),
  ]
}

async function refuseForeignTopics(): Promise<void> {
  const there = await decklogTopics(engines)
  if (there.length === 0 || values['take-over']) return
  process.stderr.write(
    `these brokers have topics of a decklog (${there[0]} …): give the benchmark brokers of its own, or --take-over to delete them\n`,
  )
  process.exit(2)
}

async function podsOf(name: string, lines: number): Promise<string> {
  const directory = join(place.directory, name)
  // Of all records 90 % are container lines.
  await writeClusterFiles({ directory, mix: 'plain', records: Math.ceil(lines / 0.9), pods: PODS })
  return join(directory, 'pods')
}

async function measureAll(): Promise<void> {
  const lines = fleet.lines
  notes.push(
    `${lines.toLocaleString('en')} container lines, ${(input.bytes / lines).toFixed(0)} bytes each, ${ROUNDS} rounds; ${values.copies} times as many where Elasticsearch takes no part`,
  )
  if (['apart', 'together', 'replay'].some((name) => only.includes(name))) await prepareYardstick()
  for (let round = 0; round < ROUNDS; round++) {
    await partsAlone()
    await wholeWay()
    if (round < Number(values['rival-rounds'])) await rivalsBeside(round)
  }
  measurements.push(...measurementsOf({ runs, shares, rawRates, rawAgainRates, rivals }))
  for (const [name, some] of [...runs, ...rivals]) notes.push(sharesText(name, some))
  const stallSeconds = Number(values['stall-seconds'])
  if (stallSeconds > 0) {
    const outage = await measureOutage({
      fleet,
      seconds: stallSeconds,
      backlogMiB: Number(values['stall-mib']),
    })
    measurements.push(...outage.measurements)
    notes.push(...outage.notes)
  }
}

/** The documents that all rounds write, as bodies; and a node that is as fast as it gets. */
async function prepareYardstick(): Promise<void> {
  say('making bodies of the same documents')
  await fleet.fresh()
  await using events = await fleet.start([['ship'], ['process']])
  await events.bring('events', 1)
  await bodiesOfTopic(engines, {
    topic: 'decklog.events.pod',
    events: fleet.linesWithWarmUp,
    directory: bodies,
  })
  const rounds = Math.ceil(Number(values['warm-lines']) / fleet.linesWithWarmUp)
  for (let i = 0; i < rounds; i++) {
    say(`warming the node up, ${i + 1} of ${rounds}`)
    await postBodies(engines, bodies, streamOf(`${cluster}_warm`))
    await removeDataStreams(engines, streamOf(`${cluster}_warm`))
  }
}

async function partsAlone(): Promise<void> {
  const copies = Number(values.copies)
  for (const [name, roles] of [
    ['ship', [['ship']]],
    ['events', [['ship'], ['process']]],
  ] as const) {
    if (!only.includes(name)) continue
    await fleet.fresh()
    await using started = await fleet.start(roles)
    keep(name, await started.bring(name === 'ship' ? 'shipped' : 'events', copies))
  }
}

async function wholeWay(): Promise<void> {
  const raw = streamOf(`${cluster}_raw`)
  let rate = 0
  let rateAgain = 0
  const withStore = ['apart', 'together', 'replay'].some((name) => only.includes(name))
  if (withStore) {
    await removeDataStreams(engines, raw)
    await untilIdle(engines)
    rate = fleet.linesWithWarmUp / (await postBodies(engines, bodies, raw))
    await untilIdle(engines)
    rateAgain = fleet.linesWithWarmUp / (await postBodies(engines, bodies, raw))
    rawRates.push(rate)
    rawAgainRates.push(rateAgain)
    say(`raw bulk: ${rate.toFixed(0)} documents/s, again ${rateAgain.toFixed(0)}`)
    await removeDataStreams(engines, raw)
  }
  if (only.includes('together')) {
    await fleet.fresh({ handOver: 'memory' })
    await using started = await fleet.start([['ship'], ['process', 'index']])
    keep('together', await started.bring('stored', 1), rate)
  }
  if (only.includes('apart') || only.includes('replay')) {
    await fleet.fresh()
    {
      await using started = await fleet.start([['ship'], ['process'], ['index']])
      keep('apart', await started.bring('stored', 1), rate)
    }
    if (only.includes('replay')) keep('replay', await fleet.replay(), rateAgain)
  }
  await fleet.fresh()
}

function keep(name: string, run: FleetRun, raw?: number): void {
  runs.set(name, [...(runs.get(name) ?? []), run])
  const share = raw === undefined ? undefined : (100 * run.linesPerSecond) / raw
  if (share !== undefined) shares.set(name, [...(shares.get(name) ?? []), share])
  say(
    `${name}: ${run.linesPerSecond.toFixed(0)} lines/s${share === undefined ? '' : `, ${share.toFixed(0)} % of raw bulk`}; ${cpuText(run.cpuPerMillion)}`,
  )
}

function cpuText(cpu: Readonly<Record<string, number>>): string {
  return Object.entries(cpu)
    .map(([part, seconds]) => `${part} ${seconds.toFixed(2)}`)
    .join(', ')
}

async function rivalsBeside(round: number): Promise<void> {
  const why = whyNoRsyslog()
  if (why !== undefined && round === 0) notes.push(why)
  const ways = [
    ['by hand', runByHand],
    ...(why === undefined ? ([['rsyslog', runRsyslogOverKafka]] as const) : []),
  ] as const
  for (const [name, run] of ways) {
    const job = await rivalJob(name.replace(' ', '-'))
    try {
      const result = await run(job)
      rivals.set(name, [...(rivals.get(name) ?? []), result])
      say(`${name}: ${result.linesPerSecond.toFixed(0)} lines/s; ${cpuText(result.cpuPerMillion)}`)
    } catch (error) {
      // A rival that does not run says nothing about us.
      notes.push(`${name}: ${(error as Error).message}`)
      say(`${name}: ${(error as Error).message}`)
    } finally {
      await removeTopics(engines, [job.topic])
      await removeDataStreams(engines, job.dataStream)
      rmSync(job.directory, { recursive: true, force: true })
    }
  }
}

async function rivalJob(name: string): Promise<RivalJob> {
  const directory = join(place.directory, name)
  const logs = join(directory, 'pods')
  mkdirSync(directory, { recursive: true })
  input.prepare(join(directory, 'staging')).appear(logs)
  const topic = `${cluster}-${name}-${randomBytes(2).toString('hex')}`
  await makeTopic(engines, topic, 12)
  const dataStream = streamOf(`${cluster}_${name.replace('-', '_')}`)
  const timeoutMs = 30_000 + (fleet.lines / RIVAL_LINES_A_SECOND_MIN) * 1000
  return { engines, directory, logs, topic, dataStream, lines: fleet.lines, timeoutMs }
}
