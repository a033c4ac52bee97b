import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Hit, Store } from '../../src/ports/store.ts'
import { nextMerge } from '../../src/store/duckdb/compactor.ts'
import type { Segment } from '../../src/store/duckdb/segments.ts'
import { duckdbPlace, type DuckdbPlace } from '../support/duckdb-place.ts'
import { eventBatch, streamName } from '../support/event-batches.ts'
import { searchable } from '../support/store.ts'

const asking = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const

const toClose: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of toClose.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function files(place: DuckdbPlace): Promise<string[]> {
  const names = await readdir(join(place.directory, 'segments'), { recursive: true })
  return names.filter((name) => name.endsWith('.parquet'))
}

/** `batches` of `size` events each, made searchable one by one, so that each is a segment of its own at first. */
async function fill(store: Store, { batches, size }: { batches: number; size: number }): Promise<void> {
  for (let at = 0; at < batches; at++) {
    const events = Array.from({ length: size }, (_, row) => {
      const seq = at * size + row
      const document = {
        message: `word${seq % 10} only${seq} x`,
        user: { name: seq % 3 === 0 ? ['a', `u${seq % 7}`] : `u${seq % 7}` },
        n: seq,
      }
      return { seq, document }
    })
    await store.write([eventBatch({ events, stream: streamName(at % 3), codec: 'zstd' })])
    await searchable(store, (at + 1) * size)
  }
}

async function quiet(place: DuckdbPlace, telemetry: Telemetry, most: number): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const count = (await files(place)).length
    if (count <= most && telemetry.get('decklog_store_segments', { class: 'ssh' }) === count) return
    await sleep(25)
  }
  throw new Error(`${(await files(place)).length} segments are left`)
}

function seqsOf(hits: readonly Hit[]): number[] {
  return hits.map((hit) => Number(hit.id.split(':')[1]))
}

/** Every way of reading gives each event once. `size`: events a batch, `count`: in all. */
async function readsAll(store: Store, count: number): Promise<void> {
  const { hits, total } = await store.search({
    ...asking,
    query: { kind: 'all' },
    limit: count + 1,
    order: 'oldest',
    total: 'exact',
  })
  expect(seqsOf(hits)).toEqual([...Array(count).keys()])
  expect(total.value).toBe(count)
  for (const hit of hits) expect((JSON.parse(hit.json) as { n: number }).n).toBe(Number(hit.id.split(':')[1]))
  for (const seq of [0, 1, Math.floor(count / 2), count - 1]) {
    const query = { kind: 'words', words: [`only${seq}`], mode: 'any' } as const
    expect(seqsOf((await store.search({ ...asking, query, limit: 9 })).hits)).toEqual([seq])
  }
  const term = await store.search({
    ...asking,
    query: { kind: 'term', field: 'user.name', value: 'u2' },
    limit: 0,
    total: 'exact',
  })
  expect(term.total.value).toBe([...Array(count).keys()].filter((seq) => seq % 7 === 2).length)
  const scanned = await store.scan({ ...asking, cursor: '', limit: count + 1 })
  expect(seqsOf(scanned.hits)).toEqual([...Array(count).keys()])
  const top = await store.top({ ...asking, query: { kind: 'all' }, field: 'user.name', limit: 1 })
  expect(top.values).toEqual([{ value: 'a', count: Math.ceil(count / 3) }])
  const near = await store.neighbours(`${streamName(0)}:1`, { before: 1, after: 0 }, asking)
  expect(seqsOf(near)).toEqual([0, 1])
}

test('small segments are merged, and every way of reading gives each event once', async () => {
  const place = await duckdbPlace()
  toClose.push(place)
  const telemetry = new Telemetry()
  const store = await place.open({ telemetry })
  toClose.push(store)
  await fill(store, { batches: 20, size: 30 })
  await quiet(place, telemetry, 8)
  await readsAll(store, 600)
}, 60_000)

test('segments with full blocks are put together as they are, those that were merged before too', async () => {
  const place = await duckdbPlace()
  toClose.push(place)
  const telemetry = new Telemetry()
  const store = await place.open({ telemetry, fullSegmentRows: 62_000 })
  toClose.push(store)
  // 8 of 3,000 are merged by DuckDB; then 20,000 and 9,000 are full as they are written.
  await fill(store, { batches: 8, size: 3000 })
  const big = (first: number, size: number): Promise<unknown> =>
    store.write([
      eventBatch({
        events: Array.from({ length: size }, (_, row) => ({
          seq: first + row,
          document: {
            message: `word only${first + row} x`,
            user: {
              name: (first + row) % 3 === 0 ? ['a', `u${(first + row) % 7}`] : `u${(first + row) % 7}`,
            },
            n: first + row,
          },
        })),
      }),
    ])
  await big(24_000, 20_000)
  await searchable(store, 44_000)
  await big(44_000, 18_000)
  await searchable(store, 62_000)
  await quiet(place, telemetry, 1)
  await readsAll(store, 62_000)
}, 120_000)

test('killed while segments are merged: the old ones are used, the half-made one is gone', async () => {
  const place = await duckdbPlace()
  toClose.push(place)
  const batches = Array.from({ length: 12 }, (_, at) =>
    eventBatch({
      events: Array.from({ length: 20 }, (_, row) => ({
        seq: at * 20 + row,
        document: { n: at * 20 + row },
      })),
    }),
  )
  // Each batch waits to be a segment of its own before the next one is written.
  await place.writeAndDie(batches, 'store-merge-inside=kill', { searchableBetween: true })
  const store = await place.open()
  toClose.push(store)
  await store.write(batches)
  await searchable(store, 240)
  const { hits } = await store.search({ ...asking, query: { kind: 'all' }, limit: 1000, order: 'oldest' })
  expect(seqsOf(hits)).toEqual([...Array(240).keys()])
}, 60_000)

test('only neighbours are merged, small ones first', () => {
  const segments = (rows: readonly number[]): Segment[] =>
    rows.map(
      (count, at) =>
        ({
          entry: {
            layout: 1,
            day: 'd',
            class: 'c',
            rows: count,
            documentBytes: count * 100,
            arrivalFirst: at,
          },
        }) as Segment,
    )
  const rowsOf = (rows: readonly number[]): unknown => {
    const merge = nextMerge(segments(rows), 1_000_000)
    return merge && { kind: merge.kind, rows: merge.inputs.map(({ entry }) => entry.rows) }
  }
  const eight = Array(8).fill(10) as number[]
  expect(rowsOf(eight)).toEqual({ kind: 'rewrite', rows: eight })
  expect(rowsOf(eight.slice(1))).toBeUndefined()
  expect(rowsOf([10, 10, 10, 60_000, 10, 10, 10, 10, 10])).toEqual({ kind: 'rewrite', rows: [10, 10, 10] })
  expect(rowsOf([400_000, 10, 300_000, 400_000])).toEqual({ kind: 'concat', rows: [400_000, 10, 300_000] })
  expect(rowsOf([600_000, 600_000])).toBeUndefined()
})
