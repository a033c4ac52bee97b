import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/document.ts'
import { type EventBatch, EventIndex } from '../../src/core/event-batch.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { Outcome, type Store } from '../../src/ports/store.ts'
import { ELASTICSEARCH, type ElasticsearchPlace, elasticsearchPlace } from '../support/elasticsearch-place.ts'
import { eventBatch, streamName } from '../support/event-batches.ts'
import { searchable } from '../support/store.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'

const { stored, duplicate, retry, reject } = Outcome
const STREAM = 'logs-system.auth-test.ssh'
const asking = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const

const toClose: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of toClose.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function newPlace(): Promise<ElasticsearchPlace> {
  const place = await elasticsearchPlace()
  toClose.push(place)
  return place
}

function records(first: number, count: number, stream = streamName(1)): EventBatch {
  const events = Array.from({ length: count }, (_, at) => ({ seq: first + at }))
  return eventBatch({ events, stream, receivedMs: Date.now(), codec: 'zstd' })
}

/** As the index role does. */
async function writeAll(store: Store, batches: readonly EventBatch[]): Promise<void> {
  for (let left = [...batches]; left.length > 0; ) {
    const results = await store.write(left).catch((error: unknown) => {
      if ((error as { retryable?: boolean }).retryable !== true) throw error
      return undefined
    })
    left = left.filter((_, at) => results?.[at]?.outcomes.includes(retry) ?? true)
    if (left.length > 0) await sleep(20)
  }
}

function eventsOf(batches: readonly EventBatch[]): number {
  return batches.reduce((sum, batch) => sum + new EventIndex(batch).count, 0)
}

if (ELASTICSEARCH === undefined) {
  test.skip('DECKLOG_TEST_ELASTICSEARCH is not set: no server to write to', () => undefined)
}

describe.skipIf(ELASTICSEARCH === undefined)('mapping trouble on a real server', () => {
  const trouble: Readonly<Record<string, JsonObject>> = {
    'text in a number': { process: { pid: 'none' } },
    'an object in a number': { process: { pid: { a: 1 } } },
    'a text where an object is expected': { process: 'sshd' },
    'an object where a text is expected': { user: { name: { first: 'a' } } },
    'a list of objects where a text is expected': { user: { name: [{ first: 'a' }] } },
    'no address': { source: { ip: 'localhost' } },
    'a number too large': { process: { pid: 1e300 } },
    'a time that is none': { event: { created: '9999-99-99' } },
    'a keyword of 33 kB': { user: { name: 'u'.repeat(33_000) } },
    'a key twice in different forms': { 'process.pid': 1, process: { pid: [1, 'x'] } },
    '2,000 new fields': Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`new_${at}`, at])),
  }

  test('the other documents are stored, and those are too, with what was refused as text', async () => {
    const place = await newPlace()
    const store = await place.open()
    const telemetry = new Telemetry()
    const events = Object.entries(trouble).flatMap(([name, document]) => [
      { document: { ...document, message: `trouble ${name}` } },
      ...Array.from({ length: 20 }, () => ({ document: { process: { pid: 1 } } })),
    ])
    const batch = eventBatch({ events, receivedMs: Date.now() })
    const [result] = await store.write([batch])
    expect([...new Set(result!.outcomes)]).toEqual([stored])
    await searchable(store, events.length)
    const { hits } = await store.search({
      ...asking,
      query: { kind: 'words', words: ['trouble'], mode: 'any' },
      limit: 100,
      order: 'oldest',
    })
    expect(hits).toHaveLength(Object.keys(trouble).length)
    const rejected = hits
      .map((hit) => JSON.parse(hit.json) as { decklog?: { rejected?: { field: string; reason: string }[] } })
      .flatMap(({ decklog }) => decklog?.rejected ?? [])
    expect(rejected.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['process.pid', 'process', 'user.name', 'source.ip']),
    )
    expect(rejected.every(({ reason }) => reason.length > 10 && !reason.includes('Preview'))).toBe(true)
    expect(telemetry.get('decklog_store_repaired_total')).toBe(0)
  })

  test('a document that is no JSON is rejected with a reason, and stored once its batch is mended', async () => {
    const place = await newPlace()
    const store = await place.open()
    const batch = records(0, 10)
    const good = eventBatch({ events: Array.from({ length: 10 }, () => ({})), receivedMs: Date.now() })
    const text = Buffer.from(good.documents)
    // The closing brace of the fourth document becomes a quote.
    const index = new EventIndex(good)
    text[index.offset(3) + index.length(3) - 1] = 0x22
    const [result] = await store.write([{ ...good, documents: text }])
    expect([...result!.outcomes]).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((row) => (row === 3 ? reject : stored)),
    )
    expect(result!.reasons.get(3)).toMatch(/^the index refuses it: .{10}/)
    expect(await store.coverage(streamName(1), asking)).toMatchObject({
      stored: 9,
      deadLettered: 1,
      lowWater: 10,
    })
    const [again] = await store.write([batch])
    expect([...again!.outcomes].filter((outcome) => outcome === stored)).toHaveLength(1)
    expect(await store.coverage(streamName(1), asking)).toMatchObject({
      stored: 10,
      deadLettered: 0,
      lowWater: 10,
    })
  })
})

describe.skipIf(ELASTICSEARCH === undefined)('a rollover on a real server', () => {
  test('replays and new batches across rollovers are stored once', async () => {
    const place = await newPlace()
    const first = await place.open()
    const old = [records(0, 50), records(50, 50)]
    await first.write(old)
    await place.rollOver(STREAM)
    const second = await place.open()
    const results = await second.write([...old, records(100, 50)])
    expect(results.map((result) => [...new Set(result.outcomes)])).toEqual([
      [duplicate],
      [duplicate],
      [stored],
    ])
    // The first process has not seen the rollover.
    const [late] = await first.write([records(100, 50)])
    expect([...new Set(late!.outcomes)]).toEqual([duplicate])
    await place.rollOver(STREAM)
    await place.rollOver(STREAM)
    await first.write([records(150, 50), records(100, 50)])
    expect(await place.count()).toEqual({ documents: 200, ids: 200 })
  })

  test('in the middle of it all, with lost answers, by two writers: each event is there once', async () => {
    const place = await newPlace()
    const url = new URL(ELASTICSEARCH!)
    const proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
    toClose.push(proxy)
    const nodes = [`http://127.0.0.1:${proxy.port}`]
    const quick = { retryForMs: 500, writeTimeoutMs: 3_000, bodyBytesMax: 60_000 }
    const a = await place.open({ nodes, ...quick })
    const b = await place.open({ nodes, ...quick })
    toClose.push(a, b)
    const batches = Array.from({ length: 30 }, (_, at) =>
      records(Math.floor(at / 3) * 100, 100, streamName(at % 3)),
    )
    const disturb = (async () => {
      for (let times = 0; times < 4; times++) {
        const cut = proxy.cutBeforeResponse({ requestBytesMin: 5_000 })
        await Promise.race([cut, sleep(2_000)])
        await place.rollOver(STREAM)
        await sleep(150)
      }
    })()
    const half = async (store: Store, own: readonly EventBatch[]): Promise<void> => {
      for (let from = 0; from < own.length; from += 3) await writeAll(store, own.slice(from, from + 3))
    }
    await Promise.all([half(a, batches.slice(0, 21)), half(b, batches.slice(9)), disturb])
    expect(await place.count()).toEqual({ documents: 3000, ids: 3000 })
    for (const stream of [0, 1, 2].map(streamName)) {
      expect(await a.coverage(stream, asking)).toMatchObject({ lowWater: 1000, above: [], stored: 1000 })
    }
    expect(eventsOf(batches)).toBe(3000)
  })
})

describe.skipIf(ELASTICSEARCH === undefined)('an index that a person has closed to writing', () => {
  test('is held and said, and goes on when it is opened', async () => {
    const place = await newPlace()
    const store = await place.open({ retryForMs: 300 })
    await store.write([records(0, 5)])
    const path = `/${place.named(STREAM)}/_settings`
    await place.connection.request({ method: 'PUT', path, body: { 'index.blocks.write': true } })
    const [result] = await store.write([records(5, 5)])
    expect([...new Set(result!.outcomes)]).toEqual([retry])
    expect(store.problems()).toEqual([expect.stringMatching(/refuses to write to .*FORBIDDEN/)])
    await place.connection.request({ method: 'PUT', path, body: { 'index.blocks.write': false } })
    await writeAll(store, [records(5, 5)])
    expect(store.problems()).toEqual([])
    expect(await place.count()).toEqual({ documents: 10, ids: 10 })
  })
})
