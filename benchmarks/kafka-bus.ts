/**
 * What the bus on Kafka costs beside plain kafkajs, on the same broker in turns: publishing log lines in chunks of 256 KiB, packed with
 * zstd level 1 inside the measured time, reading them back (unpacked and counted), and many small messages. One process, one thread;
 * CPU is this process' own.
 *
 * `node benchmarks/kafka-bus.ts --broker HOST:PORT [--mib 150] [--rounds 3] [--json FILE]`; the broker of the tests when absent.
 */
import { parseArgs } from 'node:util'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import kafkajs from 'kafkajs'
import { systemClock } from '../src/app/system-clock.ts'
import { openKafkaBus } from '../src/bus/kafka.ts'
import { applyTopics, deleteTopics } from '../src/bus/kafka/admin.ts'
import { mendRequestQueue } from '../src/bus/kafka/mend-kafkajs.ts'
import { BATCH_BYTES_MAX } from '../src/core/limits.ts'
import { type Measurement, median, report } from './support/measurement.ts'

const { values } = parseArgs({
  options: {
    broker: { type: 'string' },
    mib: { type: 'string', default: '150' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
})
const ROUNDS = Number(values.rounds)
const PARTITIONS = 3
/** What a publisher keeps open, as the shipper does. */
const OPEN_BYTES_MAX = 8 * 1024 * 1024
const SMALL = 60_000
const log = { debug() {}, info() {}, warn() {}, error() {} }
const connection = { brokers: [values.broker ?? process.env['DECKLOG_TEST_KAFKA'] ?? '127.0.0.1:9092'], log }

interface Chunk {
  readonly key: string
  readonly raw: Buffer
  readonly lines: number
}

interface Run {
  readonly kPerSecond: number
  readonly cpuPerMillion: number
}

const chunks = makeChunks(Number(values.mib))
const LINES = chunks.reduce((sum, { lines }) => sum + lines, 0)
const topics: string[] = []
const runs = new Map<string, Run[]>()

for (let round = 0; round <= ROUNDS; round++) {
  const isWarmUp = round === 0
  const [a, b, c, d] = [await freshTopic(), await freshTopic(), await freshTopic(), await freshTopic()]
  await measure('publish: bus', LINES, isWarmUp, () => publishByBus(a))
  await measure('publish: kafkajs', LINES, isWarmUp, () => publishByKafkajs(b))
  await measure('read: bus', LINES, isWarmUp, (watch) => readByBus(a, watch))
  await measure('read: kafkajs', LINES, isWarmUp, (watch) => readByKafkajs(b, watch))
  await measure('small: bus', SMALL, isWarmUp, () => smallByBus(c))
  await measure('small: kafkajs', SMALL, isWarmUp, () => smallByKafkajs(d))
}
await deleteTopics(connection, topics)

report(
  {
    subject: 'The bus on Kafka',
    about:
      `${LINES} log lines in chunks of 256 KiB, packed with zstd level 1 in the measured time, to ${PARTITIONS} partitions of one broker ` +
      'on the same machine; 8 MiB open. Beside it plain kafkajs: idempotent, one send at a time, a commit for each batch that is read. Reading is timed from the first message. Small: messages of 200 bytes, as facts and signals are; ' +
      'kafkajs sends a thousand at a time.',
    measurements: [
      ...pair('publish', 'publish', 'k lines/s'),
      ...pair('read and acknowledge', 'read', 'k lines/s'),
      ...pair('publish small messages', 'small', 'k messages/s'),
    ],
  },
  values.json,
)

function pair(name: string, way: string, unit: string): Measurement[] {
  const of = (by: string, figure: keyof Run): number =>
    median(runs.get(`${way}: ${by}`)!.map((run) => run[figure]))
  return [
    {
      name,
      value: of('bus', 'kPerSecond'),
      unit,
      beside: [{ name: 'kafkajs', value: of('kafkajs', 'kPerSecond') }],
    },
    {
      name: `${name}, CPU`,
      value: of('bus', 'cpuPerMillion'),
      unit: 's/M',
      beside: [{ name: 'kafkajs', value: of('kafkajs', 'cpuPerMillion') }],
    },
  ]
}

/** A way may leave out joining and leaving its group, which take as long as they take, however much is read. */
interface Stopwatch {
  begin(): void
  end(): void
}

async function measure(
  name: string,
  count: number,
  isWarmUp: boolean,
  way: (watch: Stopwatch) => Promise<void>,
): Promise<void> {
  const now = (): { ms: number; cpu: number } => {
    const { user, system } = process.cpuUsage()
    return { ms: performance.now(), cpu: user + system }
  }
  let [start, end] = [now(), undefined as ReturnType<typeof now> | undefined]
  await way({ begin: () => void (start = now()), end: () => void (end = now()) })
  end ??= now()
  if (isWarmUp) return
  const run = { kPerSecond: count / (end.ms - start.ms), cpuPerMillion: (end.cpu - start.cpu) / count }
  runs.set(name, [...(runs.get(name) ?? []), run])
}

async function publishByBus(topic: string): Promise<void> {
  await using bus = await openKafkaBus({ ...connection, clock: systemClock })
  const open = new Set<Promise<void>>()
  let openBytes = 0
  for (const { key, raw } of chunks) {
    const value = pack(raw)
    while (openBytes > OPEN_BYTES_MAX) await Promise.race(open)
    openBytes += value.byteLength
    const publish: Promise<void> = bus.publish(topic, [{ key, value }]).finally(() => {
      open.delete(publish)
      openBytes -= value.byteLength
    })
    open.add(publish)
    // A shipper reads a file between two chunks: its sockets get their turn.
    await new Promise(setImmediate)
  }
  await Promise.all(open)
}

async function publishByKafkajs(topic: string): Promise<void> {
  const producer = client().producer({
    idempotent: true,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  for (const { key, raw } of chunks) await producer.send({ topic, messages: [{ key, value: pack(raw) }] })
  await producer.disconnect()
}

async function readByBus(topic: string, watch: Stopwatch): Promise<void> {
  await using bus = await openKafkaBus({ ...connection, clock: systemClock })
  const { promise, resolve } = Promise.withResolvers<void>()
  let left = LINES
  await bus.subscribe({
    group: 'bench',
    topics: [topic],
    bytesMax: 32 * 1024 * 1024,
    handle(delivery) {
      if (left === LINES) watch.begin()
      left -= newlinesIn(zstdDecompressSync(delivery.value))
      delivery.ack()
      if (left === 0) resolve()
    },
  })
  await promise
  watch.end()
}

async function readByKafkajs(topic: string, watch: Stopwatch): Promise<void> {
  const consumer = client().consumer({
    groupId: `bench-${topic}`,
    maxBytesPerPartition: 4 * 1024 * 1024,
    maxWaitTimeInMs: 250,
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const { promise, resolve } = Promise.withResolvers<void>()
  let left = LINES
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      if (left === LINES) watch.begin()
      for (const { value } of batch.messages) left -= newlinesIn(zstdDecompressSync(value!))
      const offset = String(BigInt(batch.lastOffset()) + 1n)
      await consumer.commitOffsets([{ topic, partition: batch.partition, offset }])
      if (left === 0) resolve()
    },
  })
  await promise
  watch.end()
  await consumer.disconnect()
}

async function smallByBus(topic: string): Promise<void> {
  await using bus = await openKafkaBus({ ...connection, clock: systemClock })
  const value = Buffer.alloc(200, 'x')
  for (let sent = 0; sent < SMALL; sent += 3_000) {
    await Promise.all(
      Array.from({ length: 3_000 }, (_, i) => bus.publish(topic, [{ key: `rule-${i % 50}`, value }])),
    )
  }
}

async function smallByKafkajs(topic: string): Promise<void> {
  const producer = client().producer({
    idempotent: true,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  const value = Buffer.alloc(200, 'x')
  for (let sent = 0; sent < SMALL; sent += 1_000) {
    const messages = Array.from({ length: 1_000 }, (_, i) => ({ key: `rule-${i % 50}`, value }))
    await producer.send({ topic, messages })
  }
  await producer.disconnect()
}

function client(): kafkajs.Kafka {
  mendRequestQueue()
  return new kafkajs.Kafka({ brokers: connection.brokers, logLevel: kafkajs.logLevel.NOTHING })
}

async function freshTopic(): Promise<string> {
  const name = `bench.${process.pid}.${topics.length}`
  await applyTopics(connection, [{ name, partitions: PARTITIONS, replication: 1 }])
  topics.push(name)
  return name
}

function pack(raw: Buffer): Buffer {
  return zstdCompressSync(raw, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
}

function newlinesIn(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++
  return count
}

/** Container lines of three kinds, about 190 bytes each; the keys are twelve streams. */
function makeChunks(mib: number): Chunk[] {
  const made: Chunk[] = []
  let [n, bytes] = [0, 0]
  while (bytes < mib * 1024 * 1024) {
    const lines: string[] = []
    for (let size = 0; size < BATCH_BYTES_MAX - 400; size += lines.at(-1)!.length) lines.push(lineOf(n++))
    const raw = Buffer.from(lines.join(''))
    bytes += raw.byteLength
    made.push({ key: `stream-${made.length % 12}`, raw, lines: lines.length })
  }
  return made
}

function lineOf(n: number): string {
  const random = (n * 2654435761) >>> 0
  const head = `2026-11-24T08:${String(n % 60).padStart(2, '0')}:17.${String(random % 1e9).padStart(9, '0')}Z stdout F `
  if (n % 3 === 0)
    return `${head}{"level":"info","msg":"request served","path":"/api/v1/items/${random % 9973}","status":200,"ms":${random % 97},"user":"u-${random % 4099}","trace_id":"${random.toString(16)}${n.toString(16)}"}\n`
  if (n % 3 === 1)
    return `${head}10.0.${random % 256}.${n % 256} - - [24/Nov/2026:08:00:00 +0000] "GET /api/v1/orders/${random % 99991}?page=${n % 17} HTTP/1.1" 200 ${random % 65536} "-" "okhttp/4.12.0" rt=0.0${n % 97}\n`
  return `${head}INFO  worker-${n % 12} handled request for customer ${random % 100003} in ${n % 97}ms, ${n % 5} retries, connection reused, cache ${n % 3 ? 'hit' : 'miss'}, waiting for the next one\n`
}
