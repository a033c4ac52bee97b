import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/document.ts'
import type { Query } from '../../src/core/query.ts'
import { cutWords } from '../../src/core/words.ts'
import type { Hit } from '../../src/ports/store.ts'
import type { EsConnection } from '../../src/store/elasticsearch/connection.ts'
import type { EsContext } from '../../src/store/elasticsearch/context.ts'
import { ask } from '../../src/store/elasticsearch/read/ask.ts'
import { histogram } from '../../src/store/elasticsearch/read/histogram.ts'
import { get, neighbours } from '../../src/store/elasticsearch/read/neighbours.ts'
import { scan } from '../../src/store/elasticsearch/read/scan.ts'
import { search } from '../../src/store/elasticsearch/read/search.ts'
import { top } from '../../src/store/elasticsearch/read/top.ts'
import { ELASTICSEARCH, ReadPlace, type ReadPlaceOptions } from '../support/elasticsearch-read.ts'
import { eventBatch, streamName, type EventOptions } from '../support/event-batches.ts'

const asking = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const
const all = { ...asking, query: { kind: 'all' } as const, limit: 100 }

if (ELASTICSEARCH === undefined) {
  console.log('reading from Elasticsearch is not tested: DECKLOG_TEST_ELASTICSEARCH names no server')
}

describe.skipIf(ELASTICSEARCH === undefined)('reading from Elasticsearch', () => {
  const places: ReadPlace[] = []
  const newPlace = (options?: ReadPlaceOptions): ReadPlace => {
    const place = new ReadPlace(options)
    places.push(place)
    return place
  }
  afterEach(async () => {
    for (const place of places.splice(0)) await place[Symbol.asyncDispose]()
  })

  const written = async (documents: readonly JsonObject[]): Promise<ReadPlace> => {
    const place = newPlace()
    const refused = await place.write([eventBatch({ events: documents.map((document) => ({ document })) })])
    expect(refused).toEqual(new Map())
    return place
  }
  const found = async ({ context }: ReadPlace, query: Query): Promise<number[]> =>
    (await search(context, { ...all, query, order: 'oldest' })).hits.map(seqOf)

  describe('scan', () => {
    const drain = async (
      place: ReadPlace,
      from: string,
      limit: number,
    ): Promise<{ ids: string[]; cursor: string }> => {
      const ids: string[] = []
      let cursor = from
      for (;;) {
        const answer = await scan(place.context, { ...asking, cursor, limit })
        expect(answer.hits.length).toBeLessThanOrEqual(limit)
        ids.push(...answer.hits.map(({ id }) => id))
        cursor = answer.cursor
        if (answer.hits.length === 0) return { ids, cursor }
      }
    }

    test('misses no event and gives none twice while writers run side by side, over a rollover and several shards', async () => {
      const place = newPlace({ shards: 2 })
      await place.write([eventBatch({ events: records(0, 1) })])
      const writer = async (stream: number): Promise<void> => {
        for (let at = 0; at < 40; at++) {
          const events = records(at * 5 + (stream === 1 ? 1 : 0), 5)
          const refused = await place.write([eventBatch({ stream: streamName(stream), events })], {
            refresh: false,
          })
          expect(refused).toEqual(new Map())
        }
      }
      let isWriting = true
      const writing = Promise.all([
        writer(1), writer(2), writer(3), writer(4),
        sleep(150).then(() => place.rollOver('logs-system.auth-test.ssh')),
      ]).then(() => { isWriting = false }) // biome-ignore format: writers
      const seen: string[] = []
      let cursor = ''
      const lasting = async (): Promise<void> => {
        for (let quiet = 0; quiet < 20; ) {
          const answer = await scan(place.context, { ...asking, cursor, limit: 13 })
          seen.push(...answer.hits.map(({ id }) => id))
          cursor = answer.cursor
          quiet = isWriting || answer.hits.length > 0 ? 0 : quiet + 1
          if (answer.hits.length === 0) await sleep(30)
        }
      }
      await Promise.all([writing, lasting()])
      expect(new Set(seen).size).toBe(801)
      expect(seen).toHaveLength(801)
    })

    test('a rolled-over index is read to its end before the next, and one that is deleted is left out', async () => {
      const place = newPlace()
      const dataStream = 'logs-system.auth-test.ssh'
      await place.write([eventBatch({ events: records(0, 5) })])
      const before = await drain(place, '', 2)
      await place.rollOver(dataStream)
      await place.write([eventBatch({ events: records(5, 5) })])
      const { ids, cursor } = await drain(place, before.cursor, 2)
      expect([...before.ids, ...ids].map(numberOf)).toEqual([...Array(10).keys()])
      expect((await drain(place, '', 100)).ids.map(numberOf)).toEqual([...Array(10).keys()])
      await place.deleteIndex(dataStream, 1)
      expect((await drain(place, cursor, 100)).ids).toEqual([])
      expect((await drain(place, '', 100)).ids.map(numberOf)).toEqual([5, 6, 7, 8, 9])
    })

    test('from now on leaves out what is written but not yet searchable', async () => {
      const place = newPlace()
      await place.write([eventBatch({ events: records(0, 3) })])
      await place.write([eventBatch({ events: records(3, 3) })], { refresh: false })
      const { hits, cursor } = await scan(place.context, { ...asking, limit: 10 })
      expect(hits).toEqual([])
      await place.write([eventBatch({ events: records(6, 3) })])
      const { ids } = await drain(place, cursor, 10)
      expect(ids.map(numberOf)).toEqual([6, 7, 8])
    })

    test('a quiet data stream has its turn beside a loud one', async () => {
      const place = newPlace()
      const dataStream = 'logs-kubernetes.container_logs-test.pod'
      await place.write([
        eventBatch({ class: 'pod', stream: streamName(2), dataStream, events: records(0, 500) }),
      ])
      await place.write([eventBatch({ events: records(0, 3) })])
      const { hits } = await scan(place.context, { ...asking, cursor: '', limit: 10 })
      expect(hits).toHaveLength(10)
      expect(hits.filter(({ id }) => id.startsWith(streamName(1)))).toHaveLength(3)
    })

    test('what becomes visible late is given then, once; what never comes is given up after a minute', async () => {
      const place = newPlace()
      await place.write([eventBatch({ events: records(0, 10) })])
      const { context, hide, wait } = hiding(place)
      const given = async (from: string, query?: Query): Promise<{ seqs: number[]; cursor: string }> => {
        const answer = await scan(context, {
          ...asking,
          cursor: from,
          limit: 100,
          ...(query === undefined ? {} : { query }),
        })
        return { seqs: answer.hits.map(seqOf), cursor: answer.cursor }
      }
      hide(3, 4, 7)
      const first = await given('')
      expect(first.seqs).toEqual([0, 1, 2, 5, 6, 8, 9])
      hide(3, 7)
      const second = await given(first.cursor)
      expect(second.seqs).toEqual([4])
      expect((await given(second.cursor)).seqs).toEqual([])
      hide()
      const third = await given(second.cursor)
      expect(third.seqs).toEqual([3, 7])
      expect((await given(third.cursor)).seqs).toEqual([])
      expect((await given(second.cursor, { kind: 'words', words: ['7'], mode: 'any' })).seqs).toEqual([7])
      hide(3, 7)
      wait(61_000)
      const late = await given(second.cursor)
      hide()
      expect((await given(late.cursor)).seqs).toEqual([])
    })

    test('a cursor that is none is an error, and says so', async () => {
      const place = newPlace()
      for (const cursor of ['a5', 'e1.', 'e1.????', `e1.${Buffer.from('[]').toString('base64url')}`]) {
        const answer = scan(place.context, { ...asking, cursor, limit: 10 })
        await expect(answer).rejects.toMatchObject({ code: 'query-invalid' })
      }
    })
  })

  describe('what the mapping does not have', () => {
    const documents = [
      { own: { count: 5, name: 'x', list: [{ k: 'a' }, { k: ['b', 7] }] }, 'odd "name"': 'it' },
      { own: { count: '12', name: 'X' }, 'own.flat': true },
      { own: { count: 1e21, small: 0.00012, address: '10.1.2.3' } },
      { user: { name: `${'x'.repeat(12_000)}end` }, labels: { key: `${'y'.repeat(9_000)}end` } },
    ] as const

    test('is read from the documents, with the same meaning', async () => {
      const place = await written(documents as unknown as JsonObject[])
      const term = (field: string, value: string): Query => ({ kind: 'term', field, value })
      expect(await found(place, term('own.name', 'x'))).toEqual([0])
      expect(await found(place, term('own.list.k', '7'))).toEqual([0])
      expect(await found(place, term('own.flat', 'true'))).toEqual([1])
      expect(await found(place, term('odd "name"', 'it'))).toEqual([0])
      expect(await found(place, term('own.count', '1e+21'))).toEqual([2])
      expect(await found(place, term('own.small', '0.00012'))).toEqual([2])
      expect(await found(place, { kind: 'exists', field: 'own.count' })).toEqual([0, 1, 2])
      expect(await found(place, { kind: 'range', field: 'own.count', gt: '5', lt: '20' })).toEqual([1])
      expect(await found(place, { kind: 'range', field: 'own.name', gte: 'a' })).toEqual([0])
      expect(await found(place, { kind: 'wildcard', field: 'own.name', pattern: '*' })).toEqual([0, 1])
      expect(await found(place, { kind: 'cidr', field: 'own.address', cidr: '10.0.0.0/8' })).toEqual([2])
      const { values, withField } = await top(place.context, { ...all, field: 'own.list.k' })
      expect(values).toEqual([
        { value: '7', count: 1 },
        { value: 'a', count: 1 },
        { value: 'b', count: 1 },
      ])
      expect(withField).toBe(1)
    })

    test('a value that is too long for the index is found all the same', async () => {
      const place = await written(documents as unknown as JsonObject[])
      const ends = (field: string): Query => ({ kind: 'wildcard', field, pattern: '*end' })
      expect(await found(place, ends('user.name'))).toEqual([3])
      expect(await found(place, ends('labels.key'))).toEqual([3])
      expect(await found(place, { kind: 'exists', field: 'user.name' })).toEqual([3])
      expect(await found(place, { kind: 'exists', field: 'user' })).toEqual([3])
      const value = documents[3].user.name
      expect(await found(place, { kind: 'term', field: 'user.name', value })).toEqual([3])
      const { values } = await top(place.context, { ...all, field: 'user.name' })
      expect(values).toEqual([{ value, count: 1 }])
    })

    test('what cannot be asked for is an error that says what to write', async () => {
      const place = await written(documents as unknown as JsonObject[])
      await expect(found(place, { kind: 'exists', field: 'own' })).rejects.toMatchObject({
        code: 'query-invalid',
        message: expect.stringMatching(/own\.count: \*/) as unknown,
      })
      await expect(found(place, { kind: 'exists', field: 'a.*' })).rejects.toMatchObject({
        code: 'query-invalid',
      })
    })

    test('a query that is nested too deeply is one, too', async () => {
      const place = await written([{}])
      const nested = (depth: number): Query =>
        depth === 0
          ? { kind: 'exists', field: 'message' }
          : {
              kind: depth % 2 === 0 ? 'and' : 'or',
              of: [nested(depth - 1), { kind: 'exists', field: '@timestamp' }],
            }
      const negated = Array.from({ length: 200 }).reduce<Query>((of) => ({ kind: 'not', of }), nested(1))
      expect(await found(place, negated)).toEqual([0])
      expect(await found(place, nested(25))).toEqual([0])
      await expect(found(place, nested(60))).rejects.toMatchObject({
        code: 'query-invalid',
        message: expect.stringMatching(/nested/) as unknown,
      })
    })

    test('an index that was made before the mapping had the field is read too', async () => {
      const place = await written([{ user: { name: 'a' } }])
      await place.rollOver('logs-system.auth-test.ssh', ['user.name'])
      await place.write([
        eventBatch({ firstSeq: 1, events: [{ seq: 1, document: { user: { name: 'a' } } }] }),
      ])
      expect(await found(place, { kind: 'term', field: 'user.name', value: 'a' })).toEqual([0, 1])
      expect(await found(place, { kind: 'wildcard', field: 'user.name', pattern: 'a*' })).toEqual([0, 1])
      expect((await top(place.context, { ...all, field: 'user.name' })).values).toEqual([
        { value: 'a', count: 2 },
      ])
    })
  })

  describe('cursors', () => {
    test('belong to one question', async () => {
      const place = await written(Array.from({ length: 5 }, () => ({})))
      const { cursor } = await search(place.context, { ...all, limit: 2 })
      for (const other of [
        { ...all, order: 'oldest' as const },
        { ...all, query: { kind: 'exists' as const, field: 'message' } },
        { ...all, scope: { clusters: ['test'], classes: '*' as const } },
        { ...all, toNs: 5n },
        { ...all, principal: { id: 'another' } },
      ]) {
        const answer = search(place.context, { ...other, cursor: cursor! })
        await expect(answer).rejects.toMatchObject({
          code: 'query-invalid',
          message: expect.stringMatching(/question/) as unknown,
        })
      }
      await expect(search(place.context, { ...all, limit: 3, cursor: cursor! })).resolves.toMatchObject({
        total: { value: 5, relation: 'eq' },
      })
    })

    test('go on in the same order when the point in time is over, or another process had it', async () => {
      const place = await written(Array.from({ length: 9 }, () => ({})))
      const { context, pointsInTime } = watched(place)
      const first = await search(context, { ...all, limit: 3 })
      for (const id of pointsInTime) {
        await context.connection.request({ method: 'DELETE', path: '/_pit', body: { id } })
      }
      expect(pointsInTime).toHaveLength(1)
      const second = await search(context, { ...all, limit: 3, cursor: first.cursor! })
      const third = await search({ ...context }, { ...all, limit: 3, cursor: second.cursor! })
      expect([...first.hits, ...second.hits, ...third.hits].map(seqOf)).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 0])
      expect(third.cursor).toBeUndefined()
    })

    test('hold few points in time open, and give each back at the end', async () => {
      const place = await written(Array.from({ length: 3 }, () => ({})))
      const { context, pointsInTime, given } = watched(place)
      const answers = await Promise.all(
        Array.from({ length: 70 }, () => search(context, { ...all, limit: 2 })),
      )
      expect(pointsInTime).toHaveLength(70)
      expect(given()).toBe(70 - 64)
      for (const { cursor } of answers) {
        const { hits } = await search(context, { ...all, limit: 2, cursor: cursor! })
        expect(hits.map(seqOf)).toEqual([0])
      }
      expect(given()).toBe(70)
    })
  })

  describe('limits', () => {
    const slow: Query = { kind: 'wildcard', field: 'own.text', pattern: '*a*b*c*d*' }
    const large = (): ReadPlace => newPlace({ shards: 2 })
    const filled = async (place: ReadPlace): Promise<void> => {
      const text = 'abc'.repeat(300)
      for (let at = 0; at < 4; at++) {
        const events = Array.from({ length: 5000 }, (_, seq) => ({
          seq: at * 5000 + seq,
          document: { own: { text } },
        }))
        await place.write([eventBatch({ events })])
      }
    }

    test('a question that takes too long is an error, never a part of the answer; one that is given up ends', async () => {
      const place = large()
      await filled(place)
      const question = { signal: undefined, msMax: 1 }
      // Elasticsearch looks at its clock five times a second.
      const patterns = Array.from({ length: 60 }, (_, at) => ({ wildcard: { 'own.text.': `*a*b*c*${at}x` } }))
      const body = { size: 0, track_total_hits: true, query: { bool: { must_not: patterns } } }
      const views = { runtime_mappings: { 'own.text.': { type: 'keyword' } } }
      await expect(ask(place.context, { ...question, body: { ...body, ...views } })).rejects.toMatchObject({
        code: 'unreachable',
        retryable: true,
      })
      const controller = new AbortController()
      const answer = search(place.context, { ...all, query: slow, total: 'exact', signal: controller.signal })
      setTimeout(() => controller.abort(), 20)
      await expect(answer).rejects.toMatchObject({ code: 'aborted' })
    })

    test('documents that are large together come in several answers, and pages', async () => {
      const place = newPlace()
      const text = 'x'.repeat(550_000)
      for (let at = 0; at < 7; at++) {
        const events = Array.from({ length: 20 }, (_, seq) => ({
          seq: at * 20 + seq,
          document: { own: { text } },
        }))
        await place.write([eventBatch({ events })])
      }
      const request = { ...all, limit: 200, order: 'oldest' } as const
      const first = await search(place.context, request)
      expect(first.hits.length).toBeLessThan(140)
      const second = await search(place.context, { ...request, cursor: first.cursor! })
      expect([...first.hits, ...second.hits].map(seqOf)).toEqual([...Array(140).keys()])
      expect(second.cursor).toBeUndefined()
      expect((await scan(place.context, { ...asking, cursor: '', limit: 140 })).hits.map(seqOf)).toEqual([
        ...Array(140).keys(),
      ])
    })

    test('times before 1970 and far ranges are answered', async () => {
      const place = await written([{}, {}])
      const far = { fromNs: -(10n ** 18n), toNs: 2n ** 63n + 10n ** 18n }
      const { hits } = await search(place.context, { ...all, ...far })
      expect(hits.map(seqOf)).toEqual([1, 0])
      const { buckets, total } = await histogram(place.context, { ...all, ...far, buckets: 7 })
      expect([buckets.length, total.value]).toEqual([7, 2])
      const early = { fromNs: -5_000_000_000n, toNs: 1n }
      expect((await search(place.context, { ...all, ...early })).hits).toEqual([])
      expect((await histogram(place.context, { ...all, ...early, buckets: 7 })).total.value).toBe(0)
    })
  })

  test('an answer of more documents than one request gives has all of them', async () => {
    const place = newPlace()
    await place.write([eventBatch({ events: records(0, 2500) })])
    const { hits, cursor, total } = await search(place.context, { ...all, limit: 2400, total: 'exact' })
    expect(hits.map(seqOf)).toEqual(Array.from({ length: 2400 }, (_, at) => 2499 - at))
    expect(total).toEqual({ value: 2500, relation: 'eq' })
    const rest = await search(place.context, { ...all, limit: 2400, total: 'exact', cursor: cursor! })
    expect(rest.hits.map(seqOf)).toEqual(Array.from({ length: 100 }, (_, at) => 99 - at))
    const around = await neighbours(
      place.context,
      `${streamName(1)}:1200`,
      { before: 1100, after: 1100 },
      asking,
    )
    expect(around.map(seqOf)).toEqual(Array.from({ length: 2201 }, (_, at) => at + 100))
  })

  test('top values are exact when their shards do not agree on what is frequent', async () => {
    const place = newPlace({ shards: 3 })
    const users = Array.from({ length: 6000 }, (_, at) => ({
      user: { name: at % 3 === 0 ? `u${at % 50}` : `rare-${at}` },
    }))
    await place.write([eventBatch({ events: users.map((document) => ({ document })) })])
    const { values, total, withField } = await top(place.context, { ...all, field: 'user.name', limit: 3 })
    expect(values).toEqual([
      { value: 'u0', count: 40 },
      { value: 'u1', count: 40 },
      { value: 'u10', count: 40 },
    ])
    expect([total, withField]).toEqual([6000, 6000])
  })

  test('an answer that lacks a shard, or holds none of an error page, is an error', async () => {
    const place = newPlace()
    const answering = (text: string, status = 200): EsContext => ({
      ...place.context,
      connection: { ...place.context.connection, requestText: () => Promise.resolve({ status, text }) },
    })
    const shards = (failed: number): string =>
      `"_shards":{"total":2,"successful":${2 - failed},"failed":${failed}}`
    const hits = '"hits":{"total":{"value":0,"relation":"eq"},"hits":[]}'
    const question = { signal: undefined, body: {} }
    await expect(ask(answering(`{"timed_out":false,${shards(0)},${hits}}`), question)).resolves.toMatchObject(
      { hits: [] },
    )
    for (const [text, status] of [
      [`{"timed_out":false,${shards(1)},${hits}}`, 200],
      [`{"timed_out":true,${shards(0)},${hits}}`, 200],
      ['{}', 200],
      ['', 200],
      ['<html>', 200],
      ['<html>bad gateway', 502],
      ['{"error":{"type":"circuit_breaking_exception"},"status":429}', 429],
    ] as const) {
      const answer = ask(answering(text, status), question)
      await expect(answer).rejects.toMatchObject({ code: 'unreachable', retryable: true })
    }
    const refused = ask(
      answering('{"error":{"root_cause":[{"type":"parsing_exception","reason":"why"}]}}', 400),
      question,
    )
    await expect(refused).rejects.toMatchObject({
      code: 'query-invalid',
      message: expect.stringMatching(/why/) as unknown,
    })
  })

  test('documents of others in a like data stream are not seen', async () => {
    const place = await written([{ user: { name: 'a' } }])
    const name = `logs-other-${place.prefix}x`
    const { connection } = place.context
    const foreign = { '@timestamp': '2026-11-24T09:00:00Z', user: { name: 'a' }, message: 'x' }
    await connection.request({
      method: 'PUT',
      path: `/${name}/_doc/1`,
      query: { refresh: true },
      body: foreign,
    })
    try {
      expect(await found(place, { kind: 'all' })).toEqual([0])
      expect((await histogram(place.context, { ...all, buckets: 3 })).total.value).toBe(1)
      expect((await top(place.context, { ...all, field: 'user.name' })).total).toBe(1)
      expect(await get(place.context, '1', asking)).toBeUndefined()
      expect((await scan(place.context, { ...asking, cursor: '', limit: 10 })).hits).toHaveLength(1)
    } finally {
      await connection.request({ method: 'DELETE', path: `/${name}` })
    }
  })

  test('nothing is there: answers are empty, and none is an error', async () => {
    const place = newPlace()
    expect(await search(place.context, all)).toEqual({ hits: [], total: { value: 0, relation: 'eq' } })
    expect(await histogram(place.context, { ...all, buckets: 3 })).toEqual({
      buckets: [],
      total: { value: 0, relation: 'eq' },
    })
    expect(await top(place.context, { ...all, field: 'user.name' })).toEqual({
      values: [],
      total: 0,
      withField: 0,
    })
    expect((await scan(place.context, { ...asking, cursor: '', limit: 3 })).hits).toEqual([])
    expect(await neighbours(place.context, `${streamName(1)}:1`, { before: 1, after: 1 }, asking)).toEqual([])
    expect(await found(place, { kind: 'words', words: cutWords('a b'), mode: 'phrase' })).toEqual([])
  })
})

/** The same context, and the points in time that are opened through it. */
function watched({ context }: ReadPlace): {
  readonly context: EsContext
  readonly pointsInTime: string[]
  readonly given: () => number
} {
  const pointsInTime: string[] = []
  let given = 0
  const { connection } = context
  const watching: EsConnection = {
    ...connection,
    async request(request) {
      const answer = await connection.request(request)
      if (request.path.endsWith('_pit') && request.method === 'POST')
        pointsInTime.push((answer.body as { id: string }).id)
      if (request.path.endsWith('_pit') && request.method === 'DELETE') given++
      return answer
    },
  }
  return { context: { ...context, connection: watching }, pointsInTime, given: () => given }
}

/** A context in which events are not visible, as if their refresh had not come, and a clock that can be moved on. */
function hiding({ context }: ReadPlace): {
  readonly context: EsContext
  readonly hide: (...seqs: number[]) => void
  readonly wait: (ms: number) => void
} {
  let hidden: number[] = []
  let laterMs = 0
  const { connection } = context
  const blind: EsConnection = {
    ...connection,
    requestText: (request) => {
      const body = request.body as { readonly query: object }
      const query = { bool: { filter: [body.query], must_not: [{ terms: { 'decklog.seq': hidden } }] } }
      return connection.requestText({ ...request, body: { ...body, query } })
    },
  }
  return {
    context: {
      ...context,
      connection: blind,
      clock: { ...context.clock, now: () => context.clock.now() + laterMs },
    },
    hide: (...seqs) => {
      hidden = seqs
    },
    wait: (ms) => {
      laterMs += ms
    },
  }
}

function records(first: number, count: number): EventOptions[] {
  return Array.from({ length: count }, (_, at) => ({ seq: first + at }))
}

function seqOf(hit: Hit): number {
  return numberOf(hit.id)
}

function numberOf(id: string): number {
  return Number(id.split(':')[1])
}
