/**
 * Writing to Elasticsearch: `Store.write` against ready bytes posted to `_bulk` by the same client, of the same documents,
 * alternated round by round on the same server. First time, and all of it again (a replay: everything is a duplicate).
 * `DECKLOG_TEST_ELASTICSEARCH=http://… node benchmarks/elasticsearch-write.ts [--events N] [--rounds N] [--open N]`
 * `--open`: calls of `write` at the same time, each of 8 MiB as the index role makes them. The ratio is the figure that counts;
 * CPU is that of this process. Leaves an empty data stream behind, which the next run uses again.
 */
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '../src/app/system-clock.ts'
import { type EventBatch, EventIndex } from '../src/core/event-batch.ts'
import { Telemetry } from '../src/core/telemetry.ts'
import type { Store } from '../src/ports/store.ts'
import { connect, type EsConnection } from '../src/store/elasticsearch/connection.ts'
import { openElasticsearchStore } from '../src/store/elasticsearch/elasticsearch-store.ts'
import { installStore } from '../src/store/elasticsearch/manage/plan.ts'
import { median, report } from './support/measurement.ts'
import { eventBatches } from './store-events.ts'
import { zstdDecompressSync } from 'node:zlib'

const { values: given } = parseArgs({
  options: {
    events: { type: 'string', default: '80000' },
    rounds: { type: 'string', default: '5' },
    open: { type: 'string', default: '2' },
    json: { type: 'string' },
  },
})
const [EVENTS, ROUNDS, OPEN] = [given.events, given.rounds, given.open].map(Number) as [
  number,
  number,
  number,
]
const SERVER = process.env['DECKLOG_TEST_ELASTICSEARCH'] ?? 'http://127.0.0.1:9200'
const PREFIX = 'bench_'
const STREAM = `logs-kubernetes.container_logs-${PREFIX}write.pod`
/** About what 256 KiB of log make. */
const EVENTS_A_BATCH = 1350
const BODY_BYTES = 5_000_000
const RAW_IN_FLIGHT = 4

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

interface Cost {
  readonly perSecond: number
  readonly cpuSecondsAMillion: number
}

const connection = connect({ nodes: [SERVER] })
await installStore(connection, {
  kinds: [{ dataset: 'kubernetes.container_logs', class: 'pod' }],
  rules: [],
  prefix: PREFIX,
})
const telemetry = new Telemetry()
const store = await openElasticsearchStore({ nodes: [SERVER], clock: systemClock, telemetry, prefix: PREFIX })

const run = Date.now().toString(16).padStart(12, '0')
const costs: Record<'raw' | 'ours' | 'rawAgain' | 'oursAgain', Cost[]> = {
  raw: [],
  ours: [],
  rawAgain: [],
  oursAgain: [],
}
await measure(() => writeAll(store, batchesOf('warm')))
for (let round = 0; round < ROUNDS; round++) {
  const own = batchesOf(`a${round}`)
  const other = bodiesOf(batchesOf(`b${round}`))
  costs.raw.push(await measure(() => postAll(other)))
  costs.ours.push(await measure(() => writeAll(store, own)))
  costs.rawAgain.push(await measure(() => postAll(other)))
  costs.oursAgain.push(await measure(() => writeAll(store, own)))
}
await tidy(connection)
await store.close()
await connection.close()

const of = (name: keyof typeof costs, part: keyof Cost): number =>
  median(costs[name].map((cost) => cost[part]))
const ratio = (a: keyof typeof costs, b: keyof typeof costs): number =>
  median(costs[a].map((cost, at) => (100 * cost.perSecond) / costs[b][at]!.perSecond))
report(
  {
    subject: 'elasticsearch-write',
    about: `${ROUNDS} rounds of ${EVENTS} events, ${OPEN} writes open, against ready bytes in ${RAW_IN_FLIGHT} requests of 5 MB.`,
    notes: [`requests in flight at the end: ${telemetry.get('decklog_store_requests_max')}`],
    measurements: [
      {
        name: 'first time, share of raw bulk',
        value: ratio('ours', 'raw'),
        unit: '%',
        beside: [{ name: 'raw bulk, events/s', value: of('raw', 'perSecond') }],
      },
      {
        name: 'first time, own CPU',
        value: of('ours', 'cpuSecondsAMillion'),
        unit: 's/M events',
        target: { atMost: 2.5 },
        beside: [{ name: 'raw bulk', value: of('raw', 'cpuSecondsAMillion') }],
      },
      {
        name: 'all of it again, share of raw bulk',
        value: ratio('oursAgain', 'rawAgain'),
        unit: '%',
        target: { atLeast: 85 },
        beside: [{ name: 'raw bulk, events/s', value: of('rawAgain', 'perSecond') }],
      },
      {
        name: 'all of it again, own CPU',
        value: of('oursAgain', 'cpuSecondsAMillion'),
        unit: 's/M events',
        beside: [{ name: 'raw bulk', value: of('rawAgain', 'cpuSecondsAMillion') }],
      },
    ],
  },
  given.json,
)

function batchesOf(name: string): EventBatch[] {
  const made = eventBatches(
    { streams: 20, eventsABatch: EVENTS_A_BATCH, startMs: Date.now() - 60_000, eventsASecond: 50_000 },
    [],
  )
  const suffix = Buffer.from(name).toString('hex').padStart(10, '0').slice(-10)
  return Array.from({ length: Math.ceil(EVENTS / EVENTS_A_BATCH) }, () => {
    const batch = made.next().value as EventBatch
    const stream = `${run}${suffix}${batch.stream.slice(-2)}`
    return { ...batch, stream, dataStream: STREAM, receivedMs: Date.now() }
  })
}

/** As ready as can be: bodies of the bulk API, in memory. */
function bodiesOf(batches: readonly EventBatch[]): Buffer[] {
  const bodies: Buffer[] = []
  let parts: Buffer[] = []
  let bytes = 0
  const end = (): void => {
    if (parts.length > 0) bodies.push(Buffer.concat(parts))
    parts = []
    bytes = 0
  }
  for (const batch of batches) {
    const index = new EventIndex(batch)
    const documents = zstdDecompressSync(batch.documents)
    for (let row = 0; row < index.count; row++) {
      const document = documents.subarray(index.offset(row), index.offset(row) + index.length(row) + 1)
      const action = Buffer.from(`{"create":{"_id":"${index.id(row)}"}}\n`)
      if (bytes + action.length + document.length > BODY_BYTES) end()
      parts.push(action, document)
      bytes += action.length + document.length
    }
  }
  end()
  return bodies
}

async function postAll(bodies: readonly Buffer[]): Promise<void> {
  const waiting = [...bodies]
  const post = async (): Promise<void> => {
    for (let body = waiting.shift(); body !== undefined; body = waiting.shift()) {
      const { status } = await connection.requestText({
        method: 'POST',
        path: `/${STREAM}/_bulk`,
        query: { require_data_stream: true, filter_path: 'errors,items.*.status,items.*.error.type' },
        body,
      })
      if (status !== 200) throw new Error(`the server answered ${status}`)
    }
  }
  await Promise.all(Array.from({ length: RAW_IN_FLIGHT }, post))
}

async function writeAll(to: Store, batches: readonly EventBatch[]): Promise<void> {
  const waiting = [...batches]
  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group: EventBatch[] = []
      for (let bytes = 0; waiting.length > 0 && bytes < 8 * 1024 * 1024; ) {
        const next = waiting.shift()!
        group.push(next)
        bytes += next.documentBytes
      }
      await to.write(group)
    }
  }
  await Promise.all(Array.from({ length: OPEN }, write))
}

async function measure(work: () => Promise<void>): Promise<Cost> {
  // What made the batches is not what is measured.
  collectGarbage()
  const [start, cpu] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return {
    perSecond: (EVENTS * 1000) / (performance.now() - start),
    cpuSecondsAMillion: (user + system) / EVENTS,
  }
}

async function tidy(server: EsConnection): Promise<void> {
  const request: EsConnection['request'] = (asked) => server.request(asked)
  await request({ method: 'POST', path: `/${STREAM}/_rollover` })
  const { body } = await request({
    method: 'GET',
    path: `/${STREAM}/_settings`,
    query: { filter_path: '*.settings.index.uuid' },
  })
  for (const index of Object.keys(body ?? {})
    .sort()
    .slice(0, -1))
    await request({ method: 'DELETE', path: `/${index}` })
  await request({ method: 'DELETE', path: `/decklog-${PREFIX}coverage` })
}
