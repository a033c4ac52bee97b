/**
 * Searching ten million events over the HTTP API of `decklog up`, while 10,000 lines/s arrive. The events are put into the store
 * beforehand, through its port.
 *
 * `node benchmarks/search.ts [--events 10000000] [--rounds 15] [--rate 10000] [--data DIR] [--json FILE]`
 * With `--data` the events are kept in that directory, and used again by the next run that asks for as many.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { layoutOf } from '../src/app/places.ts'
import { systemClock } from '../src/app/system-clock.ts'
import { Telemetry } from '../src/core/telemetry.ts'
import type { EventBatch } from '../src/core/event-batch.ts'
import type { Store } from '../src/ports/store.ts'
import { openDuckdbStore } from '../src/store/duckdb/duckdb-store.ts'
import { COMMON_WORD, eventBatches, RARE_WORD } from './store-events.ts'
import { countEvents, type RunningDecklog, searchableEvents, startDecklog } from './support/decklog.ts'
import { type Measurement, median, quantile, report } from './support/measurement.ts'
import { say, temporaryPlace } from './support/place.ts'
import { memoryOf } from './support/proc.ts'
import { startWriter } from './support/writer.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '15' },
    rate: { type: 'string', default: '10000' },
    data: { type: 'string' },
    json: { type: 'string' },
  },
})
const EVENTS = Number(values.events)
const ROUNDS = Number(values.rounds)
const RATE = Number(values.rate)
const EVENTS_A_BATCH = 400
const SPAN_SECONDS = 24 * 3600
const WRITES_OPEN = 8
const WRITER_SECONDS_MAX = 600

interface Question {
  readonly name: string
  readonly path: string
  readonly atMostMs?: number
  readonly check?: (answer: { hits?: unknown[] }) => boolean
}

const QUESTIONS: readonly Question[] = [
  { name: 'newest 50 of all', path: '/api/search?limit=50' },
  {
    name: 'newest 50 of a word that 1 % hold',
    path: `/api/search?limit=50&query=${COMMON_WORD}`,
    atMostMs: 500,
    check: ({ hits }) => hits?.length === 50,
  },
  {
    name: 'a word that 3 events hold',
    path: `/api/search?limit=50&query=${RARE_WORD}`,
    atMostMs: 1_000,
    check: ({ hits }) => hits?.length === 3,
  },
  { name: 'histogram of all, 60 buckets', path: '/api/histogram?buckets=60', atMostMs: 300 },
  { name: 'histogram of the word that 1 % hold', path: `/api/histogram?buckets=60&query=${COMMON_WORD}` },
  { name: 'top 10 of kubernetes.pod.name', path: '/api/top?field=kubernetes.pod.name', atMostMs: 500 },
  { name: 'top 10 of source.ip', path: '/api/top?field=source.ip', atMostMs: 500 },
]

using place = temporaryPlace('search')
const directory = values.data === undefined ? place.directory : resolve(values.data)
await prepare()
const logs = join(place.directory, 'logs')
const decklog = await startDecklog({ directory, logs })
try {
  await measure(decklog)
} finally {
  await decklog.stop()
}

async function measure(running: RunningDecklog): Promise<void> {
  const before = await countEvents(running)
  if (before < EVENTS) throw new Error(`the store has ${before} events, not ${EVENTS}`)
  const writer = startWriter({
    root: join(logs, 'pods'),
    pods: 10,
    rate: RATE,
    seconds: WRITER_SECONDS_MAX,
    name: 'search',
  })
  await untilArriving(running, before)
  const arrivedBefore = await searchableEvents(running)
  const startMs = performance.now()
  const measurements: Measurement[] = []
  for (const question of QUESTIONS) measurements.push(...(await ask(running, question)))
  const arriving =
    ((await searchableEvents(running)) - arrivedBefore) / ((performance.now() - startMs) / 1000)
  writer.end()
  const { lines, wanted } = await writer.done
  report(
    {
      subject: `Search, ${(EVENTS / 1e6).toLocaleString('en')} M events, while lines arrive`,
      about:
        'Warm, one question at a time, over the HTTP API; events lie over 24 hours, no time range is given.',
      notes: [
        `${before.toLocaleString('en')} events when it began, ${ROUNDS} rounds of each question; ` +
          `${lines.toLocaleString('en')} of ${wanted.toLocaleString('en')} lines written meanwhile, ${Math.round(arriving).toLocaleString('en')}/s became searchable; ` +
          `peak ${memoryOf(running.pid).peakMb.toFixed(0)} MB resident`,
      ],
      measurements,
    },
    values.json,
  )
}

/** Questions begin when lines have been arriving for some seconds. */
async function untilArriving(running: RunningDecklog, before: number): Promise<void> {
  for (const untilMs = performance.now() + 60_000; performance.now() < untilMs; await sleep(500))
    if ((await searchableEvents(running)) > before + RATE * 3) return
  throw new Error('no lines arrived within a minute')
}

async function ask(running: RunningDecklog, question: Question): Promise<Measurement[]> {
  const { name, path, atMostMs, check } = question
  await running.get(path)
  const took: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now()
    const answer = await running.get<{ hits?: unknown[] }>(path)
    took.push(performance.now() - startMs)
    if (check !== undefined && !check(answer)) throw new Error(`${name}: not the answer that was expected`)
  }
  say(`${name}: ${median(took).toFixed(0)} ms`)
  const target = atMostMs === undefined ? {} : { target: { atMost: atMostMs } }
  return [
    { name: `${name}: median`, value: median(took), unit: 'ms', ...target },
    { name: `${name}: p95`, value: quantile(took, 0.95), unit: 'ms' },
  ]
}

/** Fills the store of `directory`, unless an earlier run has. */
async function prepare(): Promise<void> {
  const done = join(directory, `prepared-${EVENTS}`)
  if (existsSync(done)) {
    say(`using the events in ${directory}`)
    return
  }
  const { store: storeDirectory } = layoutOf(join(directory, 'data'))
  if (existsSync(storeDirectory)) throw new Error(`${directory} has other events; give an empty directory`)
  mkdirSync(storeDirectory, { recursive: true })
  const startMs = performance.now()
  say(`writing ${EVENTS} events`)
  const store = await openDuckdbStore({
    directory: storeDirectory,
    clock: systemClock,
    telemetry: new Telemetry(),
    onProblem: (error) => say(String(error)),
  })
  try {
    await fill(store)
    await untilAllSearchable(store)
  } finally {
    await store.close()
  }
  say(`${EVENTS} events in ${((performance.now() - startMs) / 1000).toFixed(0)} s`)
  writeFileSync(done, '')
}

async function fill(store: Store): Promise<void> {
  const rareAt = [0.1, 0.5, 0.9].map((part) => Math.floor(EVENTS * part))
  const batches = eventBatches(
    {
      streams: 300,
      eventsABatch: EVENTS_A_BATCH,
      startMs: Date.now() - SPAN_SECONDS * 1000,
      eventsASecond: EVENTS / SPAN_SECONDS,
    },
    rareAt,
  )
  const open = new Set<Promise<unknown>>()
  for (let made = 0; made < EVENTS; ) {
    const some: EventBatch[] = []
    for (; some.length < 10 && made < EVENTS; made += EVENTS_A_BATCH)
      some.push(batches.next().value as EventBatch)
    const write: Promise<unknown> = store.write(some).finally(() => open.delete(write))
    open.add(write)
    if (open.size >= WRITES_OPEN) await Promise.race(open)
    if (made % 1_000_000 < some.length * EVENTS_A_BATCH) say(`${made} events`)
  }
  await Promise.all(open)
}

async function untilAllSearchable(store: Store): Promise<void> {
  for (;;) {
    const usage = await store.usage()
    if (usage.reduce((sum, { events }) => sum + events, 0) >= EVENTS) return
    await sleep(100)
  }
}
