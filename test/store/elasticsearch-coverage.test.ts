import { afterEach, describe, expect, test } from 'vitest'
import type { Completeness } from '../../src/ports/store.ts'
import type { EventBatch } from '../../src/core/event-batch.ts'
import { ELASTICSEARCH, type ElasticsearchPlace, elasticsearchPlace } from '../support/elasticsearch-place.ts'
import { type EventBatchOptions, eventBatch, streamName } from '../support/event-batches.ts'

const asking = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const
const LONG_AGO_MS = Date.UTC(2020, 0)

const toClose: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of toClose.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function newPlace(): Promise<ElasticsearchPlace> {
  const place = await elasticsearchPlace()
  toClose.push(place)
  return place
}

function records(first: number, count: number, options: EventBatchOptions = {}): EventBatch {
  const events = Array.from({ length: count }, (_, at) => ({ seq: first + at }))
  return eventBatch({ events, receivedMs: LONG_AGO_MS, ...options })
}

function only({ classes }: Completeness): Completeness['classes'][number] {
  expect(classes).toHaveLength(1)
  return classes[0]!
}

if (ELASTICSEARCH === undefined) {
  test.skip('DECKLOG_TEST_ELASTICSEARCH is not set: no server to ask', () => undefined)
}

describe.skipIf(ELASTICSEARCH === undefined)('completeness, as batches come in', () => {
  test('is kept up to date, in the process that writes and in another', async () => {
    const place = await newPlace()
    const writer = await place.open()
    const reader = await place.open()
    toClose.push(writer, reader)
    for (let round = 0; round < 5; round++) {
      await writer.write([0, 1, 2].map((at) => records(round * 10, 10, { stream: streamName(at) })))
      const sums = { streams: 3, expected: 30 * (round + 1), stored: 30 * (round + 1), undeclaredGaps: 0 }
      expect(only(await writer.completeness(asking))).toMatchObject(sums)
      await expect
        .poll(async () => only(await reader.completeness(asking)), { timeout: 5_000 })
        .toMatchObject(sums)
    }
  })

  test('a batch that comes again, or in other pieces, is counted once', async () => {
    const place = await newPlace()
    const store = await place.open()
    toClose.push(store)
    await store.write([records(0, 20)])
    await store.write([records(0, 20)])
    await store.write([records(5, 10)])
    expect(only(await store.completeness(asking))).toMatchObject({
      expected: 20,
      stored: 20,
      undeclaredGaps: 0,
    })
    await store.write([records(20, 10)])
    expect(only(await store.completeness(asking))).toMatchObject({
      expected: 30,
      stored: 30,
      undeclaredGaps: 0,
    })
    expect(await store.coverage(streamName(1), asking)).toMatchObject({ lowWater: 30, above: [], stored: 30 })
  })

  test('an old hole is a gap until it is filled, a young one is on its way', async () => {
    const place = await newPlace()
    const store = await place.open()
    toClose.push(store)
    await store.write([records(0, 5), records(8, 5)])
    await store.write(
      [0, 8].map((at) => records(at, 5, { stream: streamName(2), class: 'pod', receivedMs: Date.now() })),
    )
    const gaps = async (): Promise<Record<string, number>> => {
      const { classes } = await store.completeness(asking)
      return Object.fromEntries(classes.map((each) => [each.class, each.undeclaredGaps]))
    }
    expect(await gaps()).toEqual({ pod: 0, ssh: 3 })
    expect(await gaps()).toEqual({ pod: 0, ssh: 3 })
    await store.write([records(5, 3)])
    expect(await gaps()).toEqual({ pod: 0, ssh: 0 })
    const later = await place.open()
    toClose.push(later)
    expect((await later.completeness(asking)).classes).toMatchObject([
      { undeclaredGaps: 0 },
      { undeclaredGaps: 0 },
    ])
  })

  test('only streams that were written to in the range are asked about', async () => {
    const place = await newPlace()
    const store = await place.open()
    toClose.push(store)
    const day = 24 * 60 * 60 * 1000
    await store.write([
      records(0, 3),
      records(0, 4, { stream: streamName(2), receivedMs: LONG_AGO_MS + 10 * day }),
    ])
    const at = (ms: number): bigint => BigInt(ms) * 1_000_000n
    const early = { ...asking, toNs: at(LONG_AGO_MS + day) }
    const late = { ...asking, fromNs: at(LONG_AGO_MS + day) }
    expect(only(await store.completeness(early)).stored).toBe(3)
    expect(only(await store.completeness(late)).stored).toBe(4)
    expect(only(await store.completeness(asking)).stored).toBe(7)
  })
})
