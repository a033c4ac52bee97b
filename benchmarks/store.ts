/**
 * The embedded store alone: how fast events become searchable, what they take on disk, and how fast questions are answered
 * while more events come in. `node benchmarks/store.ts [--events N] [--directory DIR]` prints a table and, as its last
 * line, JSON. Questions are the median of five, warm. CPU time stands beside the time that passed, for a machine that has other
 * work makes only the latter longer; it includes the writing that goes on meanwhile.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../src/app/system-clock.ts'
import type { EventBatch } from '../src/core/event-batch.ts'
import type { Query } from '../src/core/query.ts'
import { Telemetry } from '../src/core/telemetry.ts'
import type { Store } from '../src/ports/store.ts'
import { openDuckdbStore } from '../src/store/duckdb/duckdb-store.ts'
import { COMMON_WORD, eventBatches, RARE_WORD } from './store-events.ts'

const { values: given } = parseArgs({
  options: {
    events: { type: 'string', default: '500000' },
    directory: { type: 'string' },
    rate: { type: 'string', default: '10000' },
  },
})
const EVENTS = Number(given.events)
/** While questions are asked. */
const RATE = Number(given.rate)
const EVENTS_A_BATCH = 400
const START_MS = Date.UTC(2026, 10, 24, 6)
const ROUNDS = 5

const asking = { principal: { id: 'benchmark' }, scope: { clusters: '*', classes: '*' } } as const
const results: Record<string, number> = {}
let rssMax = 0
const watch = setInterval(() => {
  rssMax = Math.max(rssMax, process.memoryUsage.rss())
}, 100)

function note(name: string, value: number, unit: string): void {
  if (!name.startsWith(' ')) results[name] = Math.round(value * 100) / 100
  process.stdout.write(
    `${name.padEnd(52)}${value.toLocaleString('en', { maximumFractionDigits: 1 }).padStart(14)} ${unit}\n`,
  )
}

/** Events that are measured; they are made before, and the rest is written in pieces. */
const MEASURED = Math.min(EVENTS, 500_000)

async function load(store: Store, batches: Generator<EventBatch>): Promise<void> {
  for (let done = 0; done < EVENTS; ) {
    const made = take(batches, Math.min(MEASURED, EVENTS - done))
    const start = performance.now()
    const cpu = process.cpuUsage()
    await writeAll(store, made)
    const isFirst = done === 0
    done += made.length * EVENTS_A_BATCH
    await searchableOf(store, done)
    if (!isFirst) continue
    note('write to searchable', (done * 1000) / (performance.now() - start), 'events/s')
    note('write to searchable, CPU', cpuSince(cpu) / done, 'µs/event')
    note('document', made.reduce((sum, batch) => sum + batch.documentBytes, 0) / done, 'B')
  }
}

function take(batches: Generator<EventBatch>, events: number): EventBatch[] {
  return Array.from({ length: Math.ceil(events / EVENTS_A_BATCH) }, () => batches.next().value as EventBatch)
}

/** As the index role does: several writes are open, of a few batches each. */
async function writeAll(store: Store, batches: readonly EventBatch[]): Promise<void> {
  let next = 0
  const writer = async (): Promise<void> => {
    while (next < batches.length) {
      const from = next
      next += 10
      await store.write(batches.slice(from, from + 10))
    }
  }
  await Promise.all([writer(), writer(), writer(), writer()])
}

function cpuSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return user + system
}

async function searchableOf(store: Store, count: number): Promise<void> {
  for (;;) {
    const [use] = await store.usage()
    if ((use?.events ?? 0) >= count) return
    await sleep(20)
  }
}

/** Resolves when no merge has changed the number of segments for a while. */
async function settled(store: Store, telemetry: Telemetry): Promise<void> {
  let last = -1
  for (let same = 0; same < 4; ) {
    await sleep(500)
    const now = telemetry.get('decklog_store_segments', { class: 'pod' })
    same = now === last ? same + 1 : 0
    last = now
  }
  note('segments', last, '')
}

async function disk(store: Store): Promise<void> {
  const [use] = await store.usage()
  note('disk', use!.bytes / use!.events, 'B/event')
}

async function trickle(store: Store, batches: Generator<EventBatch>, signal: AbortSignal): Promise<void> {
  const start = performance.now()
  for (let written = 0; !signal.aborted; written += EVENTS_A_BATCH) {
    const dueMs = (written * 1000) / RATE - (performance.now() - start)
    if (dueMs > 0) await sleep(dueMs)
    await store.write([batches.next().value as EventBatch])
  }
}

async function median(name: string, ask: () => Promise<unknown>): Promise<void> {
  await ask()
  const times: number[] = []
  const cpuTimes: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    const cpu = process.cpuUsage()
    await ask()
    times.push(performance.now() - start)
    cpuTimes.push(cpuSince(cpu) / 1000)
  }
  const middle = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!
  note(name, middle(times), 'ms')
  note('  CPU', middle(cpuTimes), 'ms')
  results[`${name}, CPU`] = Math.round(middle(cpuTimes) * 100) / 100
}

function word(text: string): Query {
  return { kind: 'words', words: [text], mode: 'any' }
}

async function questions(store: Store): Promise<void> {
  const all = { kind: 'all' } as const
  await median('newest 50', () => store.search({ ...asking, query: all, limit: 50 }))
  await median('newest 50 of a word in 1 %', () =>
    store.search({ ...asking, query: word(COMMON_WORD), limit: 50 }),
  )
  await median('a word that three events hold', async () => {
    const { hits, total } = await store.search({ ...asking, query: word(RARE_WORD), limit: 50 })
    if (hits.length !== 3 || total.value !== 3) throw new Error(`the rare word has ${hits.length} hits`)
  })
  await median('all of an address (exact field)', () =>
    store.search({ ...asking, query: { kind: 'term', field: 'source.ip', value: '10.1.7.77' }, limit: 50 }),
  )
  await median('histogram, 60 buckets, all', () => store.histogram({ ...asking, query: all, buckets: 60 }))
  await median('histogram, 60 buckets, of the word in 1 %', () =>
    store.histogram({ ...asking, query: word(COMMON_WORD), buckets: 60 }),
  )
  await median('top 10 of source.ip', () =>
    store.top({ ...asking, query: all, field: 'source.ip', limit: 10 }),
  )
  await median('top 10 of kubernetes.pod.name', () =>
    store.top({ ...asking, query: all, field: 'kubernetes.pod.name', limit: 10 }),
  )
  const { hits } = await store.search({ ...asking, query: word(RARE_WORD), limit: 1 })
  await median('10 before and 10 after', () =>
    store.neighbours(hits[0]!.id, { before: 10, after: 10 }, asking),
  )
}

const directory = given.directory ?? (await mkdtemp(join(tmpdir(), 'decklog-benchmark-')))
const telemetry = new Telemetry()
const store = await openDuckdbStore({
  directory,
  clock: systemClock,
  telemetry,
  onProblem: (error) => process.stderr.write(`${String(error)}\n`),
})
try {
  const rareAt = [0.1, 0.5, 0.9].map((part) => Math.floor(EVENTS * part))
  const batches = eventBatches(
    { streams: 300, eventsABatch: EVENTS_A_BATCH, startMs: START_MS, eventsASecond: 10_000 },
    rareAt,
  )
  note('events', EVENTS, '')
  await load(store, batches)
  note('peak memory while writing', rssMax / 1e6, 'MB')
  await settled(store, telemetry)
  await disk(store)
  const end = new AbortController()
  const writing = trickle(store, batches, end.signal)
  rssMax = 0
  try {
    await questions(store)
  } finally {
    end.abort()
    await writing
  }
  note('peak memory while asking', rssMax / 1e6, 'MB')
} finally {
  clearInterval(watch)
  await store.close()
  if (given.directory === undefined) await rm(directory, { recursive: true, force: true })
}
process.stdout.write(`${JSON.stringify({ benchmark: 'store', results })}\n`)
