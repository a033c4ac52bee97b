import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/app/system-clock.ts'
import type { JsonObject } from '../../src/core/document.ts'
import { compileMatcher } from '../../src/core/match-query.ts'
import type { Query } from '../../src/core/query.ts'
import { cutWords } from '../../src/core/words.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Store } from '../../src/ports/store.ts'
import { openDuckdbStore } from '../../src/store/duckdb/duckdb-store.ts'
import { histogram } from '../../src/store/elasticsearch/read/histogram.ts'
import { search } from '../../src/store/elasticsearch/read/search.ts'
import { top } from '../../src/store/elasticsearch/read/top.ts'
import { ELASTICSEARCH, ReadPlace } from '../support/elasticsearch-read.ts'
import { eventBatch, streamName } from '../support/event-batches.ts'
import { document, query, TOP_FIELDS, wordText } from '../support/query-arbitraries.ts'
import { searchable } from '../support/store.ts'

/** Both stores give the same answers, and those that `core/match-query.ts` gives, to generated questions about generated documents. */
const ALL = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const
const RUNS = Number(process.env['QUERY_RUNS'] ?? 100)
const SEED = process.env['QUERY_SEED'] === undefined ? {} : { seed: Number(process.env['QUERY_SEED']) }
const MARK = 'zqzqz'
const NOON = 1_795_507_200_000_000_000n

if (ELASTICSEARCH === undefined) {
  console.log('the stores are not compared: DECKLOG_TEST_ELASTICSEARCH names no server')
}

describe.skipIf(ELASTICSEARCH === undefined)('Elasticsearch and DuckDB', () => {
  let directory: string
  let embedded: Store
  let place: ReadPlace
  const kept: { readonly id: string; readonly document: JsonObject }[] = []

  beforeAll(async () => {
    place = new ReadPlace()
    const events = fc.sample(document, { numRuns: 500, ...SEED }).map((one, at) => ({
      seq: at,
      // Two and more at one instant, some a nanosecond apart.
      timeNs: NOON + BigInt(Math.floor(at / 2)) * 500_000_000n + BigInt(at % 3),
      document: one,
    }))
    const streams = [0, 1, 2].map((of) => events.filter((_, at) => at % 3 === of))
    const batches = (all: typeof streams): ReturnType<typeof eventBatch>[] =>
      all.map((own, at) => eventBatch({ stream: streamName(at + 1), events: own }))
    const refused = await place.write(batches(streams))
    const stored = streams.map((own, at) =>
      own.filter(({ seq }) => !refused.has(`${streamName(at + 1)}:${seq}`)),
    )
    directory = await mkdtemp(join(tmpdir(), 'decklog-store-'))
    embedded = await openDuckdbStore({
      directory,
      clock: systemClock,
      telemetry: new Telemetry(),
      indexIntervalMs: 20,
    })
    await embedded.write(batches(stored))
    await searchable(embedded, stored.flat().length)
    const { hits } = await embedded.search({ ...ALL, query: { kind: 'all' }, limit: 1000 })
    for (const { id, json } of hits) kept.push({ id, document: JSON.parse(json) as JsonObject })
    expect(kept.length).toBeGreaterThan(300)
  }, 60_000)
  afterAll(async () => {
    await place[Symbol.asyncDispose]()
    await embedded.close()
    await rm(directory, { recursive: true, force: true })
  })

  const matching = (one: Query): string[] => {
    const matches = compileMatcher(one)
    return kept.filter((each) => matches(each.document)).map(({ id }) => id)
  }

  test('find the same events in the same order, with the same bytes and the same total', async () => {
    await fc.assert(
      fc.asyncProperty(query, fc.constantFrom('newest' as const, 'oldest' as const), async (one, order) => {
        const request = { ...ALL, query: one, limit: 1000, order, total: 'exact' } as const
        const [left, right] = await Promise.all([embedded.search(request), search(place.context, request)])
        expect(right.hits.map(({ id }) => id).sort()).toEqual(matching(one).sort())
        const { prefix } = place
        const named = right.hits.map((hit) => ({ ...hit, dataStream: hit.dataStream.replace(prefix, '') }))
        expect(named).toEqual(left.hits)
        expect(right.total).toEqual(left.total)
      }),
      { numRuns: RUNS, ...SEED },
    )
  }, 600_000)

  test('count the same over time, in buckets with the same edges', async () => {
    const edge = fc.option(
      fc.nat({ max: 300_000 }).map((ms) => NOON + BigInt(ms) * 1_000_001n),
      { nil: undefined },
    )
    await fc.assert(
      fc.asyncProperty(
        query,
        edge,
        edge,
        fc.integer({ min: 1, max: 50 }),
        async (one, fromNs, toNs, buckets) => {
          const range = {
            ...(fromNs === undefined ? {} : { fromNs }),
            ...(toNs === undefined ? {} : { toNs }),
          }
          const request = { ...ALL, ...range, query: one, buckets }
          const [left, right] = await Promise.all([
            embedded.histogram(request),
            histogram(place.context, request),
          ])
          // Where the range is that of the data, the embedded store takes whole blocks: the edges are those of all documents.
          if (
            left.buckets.length === 0 ||
            right.buckets.length === 0 ||
            fromNs === undefined ||
            toNs === undefined
          ) {
            expect(right.total).toEqual(left.total)
          } else expect(right).toEqual(left)
        },
      ),
      { numRuns: Math.ceil(RUNS / 2), ...SEED },
    )
  }, 600_000)

  test('without a range, the buckets are those of the data', async () => {
    const request = { ...ALL, query: { kind: 'all' } as const, buckets: 17 }
    expect(await histogram(place.context, request)).toEqual(await embedded.histogram(request))
  })

  test('name the same most frequent values, and how many events have the field', async () => {
    await fc.assert(
      fc.asyncProperty(
        query,
        fc.constantFrom(...TOP_FIELDS),
        fc.constantFrom(1, 3, 1000),
        async (one, field, limit) => {
          const request = { ...ALL, query: one, field, limit }
          if (matching(one).length === 0) {
            expect(await top(place.context, request)).toEqual({ values: [], total: 0, withField: 0 })
            return
          }
          const [left, right] = await Promise.all([embedded.top(request), top(place.context, request)])
          expect(right).toEqual(left)
        },
      ),
      { numRuns: RUNS, ...SEED },
    )
  }, 600_000)

  test('words are cut as the server cuts them', async () => {
    const cuts = async (texts: readonly string[]): Promise<string[][]> => {
      const body = { analyzer: 'standard', text: texts.join(`\n${MARK}\n`) }
      const answer = await place.context.connection.request({ method: 'POST', path: '/_analyze', body })
      const groups: string[][] = [[]]
      for (const { token } of (answer.body as { tokens: readonly { token: string }[] }).tokens) {
        if (token === MARK) groups.push([])
        else groups.at(-1)!.push(token)
      }
      return groups
    }
    for (let round = 0; round < Math.ceil(RUNS / 50); round++) {
      const texts = fc.sample(wordText, 400)
      const cut = await cuts(texts)
      for (const [at, text] of texts.entries())
        expect({ text, words: cutWords(text) }).toEqual({ text, words: cut[at] })
    }
  })

  test('page by page the order is the same', async () => {
    const ids: string[] = []
    let cursor: string | undefined
    do {
      const request = {
        ...ALL,
        query: { kind: 'all' } as const,
        limit: 37,
        ...(cursor === undefined ? {} : { cursor }),
      }
      const answer = await search(place.context, request)
      ids.push(...answer.hits.map(({ id }) => id))
      cursor = answer.cursor
    } while (cursor !== undefined)
    expect(ids).toEqual(kept.map(({ id }) => id))
  })
})
