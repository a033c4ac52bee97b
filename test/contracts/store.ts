import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/document.ts'
import type { EventBatch } from '../../src/core/event-batch.ts'
import type { Query } from '../../src/core/query.ts'
import { cutWords } from '../../src/core/words.ts'
import {
  type Claim,
  Outcome,
  type Hit,
  type Scope,
  type Store,
  type WriteResult,
} from '../../src/ports/store.ts'
import { eventBatch, streamName, type EventOptions } from '../support/event-batches.ts'
import { searchable } from '../support/store.ts'

/** A place for one store's data, and how a store is opened on it. Every test gets a place of its own. */
export interface StorePlace extends AsyncDisposable {
  open(): Promise<Store>
  /**
   * A process of its own opens the store, writes the batches one after the other and is killed without warning when it passes
   * the armed step (core/faults.ts). Resolves with how many writes were answered. Undefined where there are no such steps.
   */
  readonly writeAndDie?: (batches: readonly EventBatch[], faults: string) => Promise<number>
  /** What is written after it can expire without what was written before. Undefined where that needs nothing. */
  readonly beginPart?: () => Promise<void>
}

export interface StoreUnderTest {
  /** With `deletes` for a store whose user may do what retention does. */
  place(needs: { readonly deletes: boolean }): Promise<StorePlace>
}

const ALL: Scope = { clusters: '*', classes: '*' }
const asking = { principal: { id: 'test' }, scope: ALL }
const { stored, duplicate, reject } = Outcome

/** What a `Store` promises, as tests. See `src/ports/store.ts`. */
export function storeContract(name: string, implementation: StoreUnderTest): void {
  describe(`store contract: ${name}`, () => {
    const toClose: AsyncDisposable[] = []
    const newPlace = async ({ deletes = false } = {}): Promise<StorePlace> => {
      const place = await implementation.place({ deletes })
      toClose.push(place)
      return place
    }
    const openStore = async (place?: StorePlace): Promise<Store> => {
      const store = await (place ?? (await newPlace())).open()
      toClose.push(store)
      return store
    }
    afterEach(async () => {
      for (const one of toClose.splice(0).reverse()) await one[Symbol.asyncDispose]()
    })

    describe('exactly once', () => {
      test('the same batch again is all duplicates', async () => {
        const store = await openStore()
        const batch = eventBatch({ events: records(0, 5) })
        expect(await outcomes(store, batch)).toEqual(Array(5).fill(stored))
        expect(await outcomes(store, batch)).toEqual(Array(5).fill(duplicate))
        expect(await seqs(store, 5)).toEqual([0, 1, 2, 3, 4])
      })

      test('a batch twice in one call, and in calls at the same time, is stored once', async () => {
        const store = await openStore()
        const batch = eventBatch({ events: records(0, 3) })
        const [both, other] = await Promise.all([store.write([batch, batch]), store.write([batch])])
        const all = [...both, ...other].flatMap((result) => [...result.outcomes])
        expect(all.filter((outcome) => outcome === stored)).toHaveLength(3)
        expect(await seqs(store, 3)).toEqual([0, 1, 2])
      })

      test('of a batch that overlaps only what is new is stored', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: records(2, 3) })])
        const result = await outcomes(store, eventBatch({ events: records(0, 7) }))
        expect(result).toEqual([stored, stored, duplicate, duplicate, duplicate, stored, stored])
        expect(await seqs(store, 7)).toEqual([0, 1, 2, 3, 4, 5, 6])
      })

      test('an event that joins records out of a covered range is stored when they come late', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: [...records(0, 3), ...records(4, 3), ...records(8, 2)] })])
        const late = eventBatch({ events: [{ ranges: [[3, 3], [7, 7]] }] }) // biome-ignore format: ranges
        expect(await outcomes(store, late)).toEqual([stored])
        expect(await outcomes(store, late)).toEqual([duplicate])
        const coverage = await store.coverage(streamName(1), asking)
        expect(coverage).toMatchObject({ lowWater: 10, above: [], stored: 9, joined: 1 })
      })

      test('an event whose first record is new is stored though it takes others along', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: records(5, 2) })])
        expect(await outcomes(store, eventBatch({ events: [{ ranges: [[4, 6]] }] }))).toEqual([stored])
      })

      test('a part of an event that is stored as a whole is a duplicate, one that goes beyond it is rejected', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: [{ ranges: [[0, 5]] }, { seq: 6 }] })])
        const part = eventBatch({ events: [{ ranges: [[3, 5]] }, { seq: 7 }] })
        expect(await outcomes(store, part)).toEqual([duplicate, stored])
        expect(await outcomes(store, eventBatch({ events: [{ ranges: [[4, 9]] }] }))).toEqual([reject])
        expect(await seqs(store, 3)).toEqual([0, 6, 7])
        const coverage = await store.coverage(streamName(1), asking)
        expect(coverage).toMatchObject({ stored: 3, joined: 5 })
      })

      test('an event whose first record is another’s is rejected with a reason, and its neighbours are not', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: records(0, 2) })])
        const [result] = await store.write([eventBatch({ events: [{ ranges: [[1, 2]] }, { seq: 3 }] })])
        expect([...result!.outcomes]).toEqual([reject, stored])
        expect(result!.reasons.get(0)).toMatch(/\w/)
        expect(result!.reasons.has(1)).toBe(false)
        expect(await seqs(store, 3)).toEqual([0, 1, 3])
      })

      test('several events of one record are told apart by their number', async () => {
        const store = await openStore()
        const batch = eventBatch({ events: [{ seq: 0 }, { seq: 0, n: 1 }, { seq: 0, n: 2 }, { seq: 1 }] })
        expect(await outcomes(store, batch)).toEqual([stored, stored, stored, stored])
        expect(await outcomes(store, batch)).toEqual([duplicate, duplicate, duplicate, duplicate])
        const more = eventBatch({
          events: [
            { seq: 0, n: 2 },
            { seq: 0, n: 3 },
          ],
        })
        expect(await outcomes(store, more)).toEqual([duplicate, stored])
        await searchable(store, 5)
        const { hits } = await store.search({ ...asking, query: { kind: 'all' }, limit: 10, order: 'oldest' })
        const id = streamName(1)
        expect(hits.map((hit) => hit.id)).toEqual([
          `${id}:0`,
          `${id}:0.1`,
          `${id}:0.2`,
          `${id}:0.3`,
          `${id}:1`,
        ])
      })

      test('the first event of a record may come after the others', async () => {
        const store = await openStore()
        expect(await outcomes(store, eventBatch({ events: [{ seq: 4, n: 1 }] }))).toEqual([stored])
        expect(await outcomes(store, eventBatch({ events: [{ seq: 4 }] }))).toEqual([stored])
        expect(await outcomes(store, eventBatch({ events: [{ seq: 4 }, { seq: 4, n: 1 }] }))).toEqual([
          duplicate,
          duplicate,
        ])
      })

      test('two writers of one stream give each event once', async () => {
        const store = await openStore()
        const writer = async (step: number): Promise<WriteResult[]> => {
          const results: WriteResult[] = []
          for (let first = 0; first < 60; first += step) {
            results.push(
              ...(await store.write([eventBatch({ events: records(first, Math.min(step, 60 - first)) })])),
            )
          }
          return results
        }
        const results = (await Promise.all([writer(7), writer(10)])).flat()
        const counts = results.flatMap((result) => [...result.outcomes])
        expect(counts.filter((outcome) => outcome === stored)).toHaveLength(60)
        expect(counts.filter((outcome) => outcome === duplicate)).toHaveLength(60)
        expect(await seqs(store, 60)).toEqual([...Array(60).keys()])
      })

      test('streams and classes do not cover each other', async () => {
        const store = await openStore()
        const events = records(0, 2)
        await store.write([eventBatch({ events })])
        expect(await outcomes(store, eventBatch({ events, stream: streamName(2) }))).toEqual([stored, stored])
      })

      test('what was stored is a duplicate after a restart', async () => {
        const place = await newPlace()
        const batch = eventBatch({
          events: [{ ranges: [[0, 0], [3, 3]] }, { seq: 1 }, { seq: 1, n: 1 }], // biome-ignore format: ranges
          covers: [{ first: 2, last: 2, reason: 'dead-letter', detail: 'x' }],
        })
        const first = await place.open()
        await first.write([batch])
        const before = await first.coverage(streamName(1), asking)
        await first.close()
        const store = await openStore(place)
        expect(await store.coverage(streamName(1), asking)).toEqual(before)
        expect(await outcomes(store, batch)).toEqual([duplicate, duplicate, duplicate])
        await searchable(store, 3)
      })

      test('an event may still come for a dead letter and for a declared loss, once', async () => {
        const store = await openStore()
        const covers = [
          { first: 1, last: 2, reason: 'dead-letter', detail: 'x' },
          { first: 3, last: 3, reason: 'lost', detail: 'deleted' },
          { first: 4, last: 4, reason: 'skipped', detail: '' },
        ] as const
        await store.write([eventBatch({ events: records(0, 1), covers })])
        const coverage = await store.coverage(streamName(1), asking)
        expect(coverage).toMatchObject({ lowWater: 5, stored: 1, deadLettered: 2, lost: 1, skipped: 1 })
        const replay = eventBatch({ events: records(1, 4) })
        expect(await outcomes(store, replay)).toEqual([stored, stored, stored, duplicate])
        expect(await outcomes(store, replay)).toEqual(Array(4).fill(duplicate))
        const after = await store.coverage(streamName(1), asking)
        expect(after).toMatchObject({ lowWater: 5, stored: 4, deadLettered: 0, lost: 0, skipped: 1 })
      })
    })

    describe('ids of senders', () => {
      const claimOf = (id: string, seq: number, other: Partial<Claim> = {}): Claim => ({
        tenant: 'test',
        class: 'ssh',
        id,
        event: `${streamName(1)}:${seq}`,
        timeMs: Date.now() - 1_000,
        ...other,
      })

      test('the first that claims an id has it, also when it claims it again; nobody else gets it', async () => {
        const place = await newPlace()
        const store = await openStore(place)
        const copy = { event: `${streamName(2)}:7` }
        expect(await store.claim([claimOf('a', 1), claimOf('b', 2), claimOf('a', 3)])).toEqual([
          true,
          true,
          false,
        ])
        expect(await store.claim([claimOf('a', 1), claimOf('b', 2, copy), claimOf('c', 2)])).toEqual([
          true,
          false,
          true,
        ])
        const elsewhere = [claimOf('a', 9, { tenant: 'other' }), claimOf('a', 9, { class: 'pod' })]
        expect(await store.claim(elsewhere)).toEqual([true, true])
        await store.close()
        const opened = await openStore(place)
        expect(await opened.claim([claimOf('a', 1, copy), claimOf('a', 1), claimOf('d', 4)])).toEqual([
          false,
          true,
          true,
        ])
      })

      test('claims at the same time agree on one', async () => {
        const store = await openStore()
        const calls = [1, 2, 3, 4].map((seq) =>
          store.claim([claimOf('same', seq), claimOf(`own-${seq}`, seq)]),
        )
        const answers = await Promise.all(calls)
        expect(answers.filter(([same]) => same)).toHaveLength(1)
        expect(answers.every(([, own]) => own)).toBe(true)
      })

      test('an event of any time can be claimed', async () => {
        const store = await openStore()
        const times = [0, Date.UTC(1999, 0, 1), Date.UTC(2250, 0, 1)]
        const claims = times.map((timeMs) => claimOf(`at-${timeMs}`, 1, { timeMs }))
        expect(await store.claim(claims)).toEqual([true, true, true])
        expect(await store.claim(claims.map((claim) => ({ ...claim, event: 'x' })))).toEqual([
          false,
          false,
          false,
        ])
      })
    })

    describe('crash', () => {
      for (const [faults, answered] of [
        ['store-commit-inside=kill@3', 2],
        ['store-committed=kill@3', 2],
        ['store-commit-inside=kill@1', 0],
        ['store-committed=kill@6', 5],
      ] as const) {
        test(`killed at ${faults}: what was answered is there, and a repeat gives each event once`, async (context) => {
          const place = await newPlace()
          if (place.writeAndDie === undefined) {
            context.skip(`${name} has no step to be killed at`)
            return
          }
          const batches = [0, 1, 2, 3, 4, 5].map((at) =>
            eventBatch({ events: records(at * 10, 10), codec: 'zstd' }),
          )
          expect(await place.writeAndDie(batches, faults)).toBe(answered)
          const store = await openStore(place)
          const again = await store.write(batches)
          for (const result of again.slice(0, answered))
            expect([...result.outcomes]).toEqual(Array(10).fill(duplicate))
          for (const result of again) expect(new Set(result.outcomes).size).toBe(1)
          expect(await seqs(store, 60)).toEqual([...Array(60).keys()])
        })
      }

      test('an answer that is lost is repeated, and the repeat says duplicate', async (context) => {
        const place = await newPlace()
        if (place.writeAndDie === undefined) {
          context.skip(`${name} has no step to be killed at`)
          return
        }
        const batch = eventBatch({ events: records(0, 10) })
        expect(await place.writeAndDie([batch], 'store-committed=kill')).toBe(0)
        const store = await openStore(place)
        expect(await outcomes(store, batch)).toEqual(Array(10).fill(duplicate))
        expect(await seqs(store, 10)).toHaveLength(10)
      })
    })

    describe('search', () => {
      test('gives documents exactly as they were written', async () => {
        const store = await openStore()
        await store.write([
          eventBatch({
            events: [{ document: { message: 'é "x" \\ \u0007', n: 1.5, deep: { a: [null, {}] } } }],
          }),
        ])
        await searchable(store, 1)
        const { hits } = await store.search({ ...asking, query: { kind: 'all' }, limit: 1 })
        expect(hits[0]!.json).toBe(
          '{"message":"é \\"x\\" \\\\ \\u0007","n":1.5,"deep":{"a":[null,{}]},"@timestamp":"2026-11-24T09:00:00.000Z"}',
        )
        expect(hits[0]).toMatchObject({ id: `${streamName(1)}:0`, dataStream: 'logs-system.auth-test.ssh' })
      })

      test('orders by nanosecond, stream, seq and number', async () => {
        const store = await openStore()
        const at = 1_795_507_200_000_000_000n
        await store.write([
          eventBatch({
            stream: streamName(2),
            events: [
              { seq: 0, timeNs: at },
              { seq: 1, timeNs: at },
            ],
          }),
          eventBatch({
            stream: streamName(1),
            events: [
              { seq: 7, timeNs: at },
              { seq: 7, n: 1, timeNs: at },
              { seq: 8, timeNs: at + 1n },
              { seq: 9, timeNs: at - 1n },
            ],
          }),
        ])
        await searchable(store, 6)
        const [a, b] = [streamName(1), streamName(2)]
        const expected = [`${a}:9`, `${a}:7`, `${a}:7.1`, `${b}:0`, `${b}:1`, `${a}:8`]
        const oldest = await store.search({ ...asking, query: { kind: 'all' }, limit: 10, order: 'oldest' })
        expect(oldest.hits.map((hit) => hit.id)).toEqual(expected)
        const newest = await store.search({ ...asking, query: { kind: 'all' }, limit: 10 })
        expect(newest.hits.map((hit) => hit.id)).toEqual(expected.toReversed())
        expect(newest.hits.at(-1)!.timeNs).toBe(at - 1n)
      })

      test('a time range takes its start and leaves its end', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: records(0, 10) })])
        await searchable(store, 10)
        const [fromNs, toNs] = [timeOf(3), timeOf(6)]
        const { hits, total } = await store.search({
          ...asking,
          fromNs,
          toNs,
          query: { kind: 'all' },
          limit: 10,
        })
        expect(hits.map(seqOf)).toEqual([5, 4, 3])
        expect(total).toEqual({ value: 3, relation: 'eq' })
      })

      test('pages by cursor give each event once and end, in both orders', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: records(0, 25) })])
        await searchable(store, 25)
        for (const order of ['newest', 'oldest'] as const) {
          const pages = await allPages(store, { query: { kind: 'all' }, limit: 7, order })
          expect(pages.map((page) => page.length)).toEqual([7, 7, 7, 4])
          const found = pages.flat().map(seqOf)
          expect(found).toEqual(order === 'oldest' ? [...Array(25).keys()] : [...Array(25).keys()].reverse())
        }
      })

      test('a cursor does not see what comes in while one pages', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: records(0, 10) })])
        await searchable(store, 10)
        const first = await store.search({ ...asking, query: { kind: 'all' }, limit: 5 })
        // Newer ones, and late ones whose time lies in the pages to come.
        await store.write([
          eventBatch({ events: records(10, 5) }),
          eventBatch({ stream: streamName(2), events: records(0, 5) }),
        ])
        await searchable(store, 20)
        const second = await store.search({
          ...asking,
          query: { kind: 'all' },
          limit: 5,
          cursor: first.cursor!,
        })
        expect([...first.hits, ...second.hits].map(seqOf)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
        expect(second.hits.every((hit) => hit.id.startsWith(streamName(1)))).toBe(true)
        expect(second.cursor).toBeUndefined()
      })

      test('a cursor that is none is an error, and says so', async () => {
        const store = await openStore()
        const search = store.search({ ...asking, query: { kind: 'all' }, limit: 5, cursor: 'no cursor' })
        await expect(search).rejects.toMatchObject({ code: 'query-invalid' })
      })

      test('the exact total counts all, whatever the limit', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: records(0, 50) })])
        await searchable(store, 50)
        const answer = await store.search({ ...asking, query: words('record'), limit: 0, total: 'exact' })
        expect(answer).toEqual({ hits: [], total: { value: 50, relation: 'eq' } })
      })

      test('becomes searchable within two seconds', async () => {
        const store = await openStore()
        await store.write([eventBatch()])
        await expect(
          Promise.race([searchable(store, 1).then(() => 'found'), sleep(2000, 'late')]),
        ).resolves.toBe('found')
      })
    })

    describe('what a query means', () => {
      const documents: readonly JsonObject[] = [
        {
          message: 'Failed password for invalid user admin from 10.1.2.3',
          source: { ip: '10.1.2.3' },
          user: { name: 'admin' },
        },
        {
          message: 'Accepted publickey for alice',
          source: { ip: '2001:db8::7' },
          user: { name: 'alice' },
          tags: ['ssh', 'ok'],
        },
        {
          message: 'failed',
          user: { name: 'Admin' },
          process: { pid: 42 },
          labels: { 'app.kubernetes.io/name': 'web' },
        },
        {
          message: 'password-failed for root',
          user: { name: 'a*b' },
          process: { pid: 7 },
          'event.action': 'x',
          empty: [],
          nothing: null,
        },
        {
          'odd "name"\'; --': "it's; DROP TABLE",
          message: 'ünïcode 日本',
          list: [{ k: 'a' }, { k: ['b', 'c'] }],
          at: '2026-11-24T08:00:00+02:00',
        },
      ]
      const cases: readonly (readonly [string, Query, readonly number[]])[] = [
        ['a word, in any case', words('failed'), [0, 2, 3]],
        ['no part of a word', words('fail'), []],
        ['any of the words', words('alice root'), [1, 3]],
        ['a phrase', { kind: 'words', words: ['failed', 'password'], mode: 'phrase' }, [0]],
        ['a word that is an address', words('10.1.2.3'), [0]],
        ['a word of other scripts', words('ÜNÏCODE 本'), [4]],
        ['a word with a star', { kind: 'word-wildcard', pattern: 'pass*' }, [0, 3]],
        ['a word with a star before it', { kind: 'word-wildcard', pattern: '*key' }, [1]],
        ['an exact value', { kind: 'term', field: 'user.name', value: 'admin' }, [0]],
        ['one value of a list', { kind: 'term', field: 'tags', value: 'ok' }, [1]],
        ['a number', { kind: 'term', field: 'process.pid', value: '42' }, [2]],
        [
          'a key with dots in it',
          { kind: 'term', field: 'labels.app.kubernetes.io/name', value: 'web' },
          [2],
        ],
        ['a field written as one key', { kind: 'term', field: 'event.action', value: 'x' }, [3]],
        ['a field of the objects of a list', { kind: 'term', field: 'list.k', value: 'c' }, [4]],
        [
          'a field with quotes in its name',
          { kind: 'term', field: 'odd "name"\'; --', value: "it's; DROP TABLE" },
          [4],
        ],
        ['a wildcard', { kind: 'wildcard', field: 'user.name', pattern: 'a*' }, [0, 1, 3]],
        ['an escaped star', { kind: 'wildcard', field: 'user.name', pattern: 'a\\*b' }, [3]],
        [
          'signs of other languages are themselves',
          { kind: 'wildcard', field: 'user.name', pattern: 'a%' },
          [],
        ],
        ['an IPv4 network', { kind: 'cidr', field: 'source.ip', cidr: '10.1.0.0/16' }, [0]],
        ['an IPv6 network', { kind: 'cidr', field: 'source.ip', cidr: '2001:db8::/32' }, [1]],
        ['a range of numbers', { kind: 'range', field: 'process.pid', gte: '7', lt: '42' }, [3]],
        ['a range of text', { kind: 'range', field: 'user.name', gte: 'admin' }, [0, 1]],
        ['a range of time', { kind: 'range', field: '@timestamp', gt: '2026-11-24T09:00:02Z' }, [3, 4]],
        ['that a field is there', { kind: 'exists', field: 'tags' }, [1]],
        ['that an object is there', { kind: 'exists', field: 'user' }, [0, 1, 2, 3]],
        [
          'that null and [] are not',
          {
            kind: 'or',
            of: [
              { kind: 'exists', field: 'empty' },
              { kind: 'exists', field: 'nothing' },
            ],
          },
          [],
        ],
        ['not', { kind: 'not', of: { kind: 'term', field: 'user.name', value: 'admin' } }, [1, 2, 3, 4]],
        ['and', { kind: 'and', of: [words('failed'), { kind: 'exists', field: 'process.pid' }] }, [2, 3]],
        [
          'and not',
          {
            kind: 'and',
            of: [words('failed'), { kind: 'not', of: { kind: 'exists', field: 'process.pid' } }],
          },
          [0],
        ],
        ['all', { kind: 'all' }, [0, 1, 2, 3, 4]],
        ['none', { kind: 'none' }, []],
        ['a field that no document has', { kind: 'term', field: 'a.b.c', value: 'x' }, []],
        ['a name of JavaScript’s own', { kind: 'exists', field: '__proto__' }, []],
      ]
      test('words, exact values, wildcards, networks, ranges, existence and not', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: documents.map((document) => ({ document })) })])
        await searchable(store, documents.length)
        const found: Record<string, readonly number[]> = {}
        for (const [title, query] of cases) {
          const { hits, total } = await store.search({
            ...asking,
            query,
            limit: 10,
            order: 'oldest',
            total: 'exact',
          })
          expect({ title, total: total.value }).toEqual({ title, total: hits.length })
          found[title] = hits.map(seqOf)
        }
        expect(found).toEqual(Object.fromEntries(cases.map(([title, , expected]) => [title, expected])))
      })
    })

    describe('counting', () => {
      test('a histogram has every bucket, and each event in one', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: records(0, 60) })])
        await searchable(store, 60)
        const request = { ...asking, query: { kind: 'all' } as const, fromNs: timeOf(0), toNs: timeOf(60) }
        const { buckets, total } = await store.histogram({ ...request, buckets: 6 })
        expect(buckets.map((bucket) => bucket.count)).toEqual([10, 10, 10, 10, 10, 10])
        expect(buckets[0]!.fromMs).toBe(Number(timeOf(0) / 1_000_000n))
        expect(total).toEqual({ value: 60, relation: 'eq' })
        const some = await store.histogram({ ...request, query: words('17'), buckets: 6 })
        expect(some.buckets.map((bucket) => bucket.count)).toEqual([0, 1, 0, 0, 0, 0])
      })

      test('top values count events, those without the field apart', async () => {
        const store = await openStore()
        const users = ['a', 'b', 'a', ['a', 'b'], undefined, 'a']
        const events = users.map((user) => ({ document: user === undefined ? {} : { user: { name: user } } }))
        await store.write([eventBatch({ events })])
        await searchable(store, 6)
        const request = { ...asking, query: { kind: 'all' } as const, field: 'user.name' }
        const both = [
          { value: 'a', count: 4 },
          { value: 'b', count: 2 },
        ]
        expect(await store.top({ ...request, limit: 10 })).toEqual({ values: both, total: 6, withField: 5 })
        expect((await store.top({ ...request, limit: 1 })).values).toEqual(both.slice(0, 1))
        expect(await store.top({ ...request, field: 'no.such', limit: 5 })).toEqual({
          values: [],
          total: 6,
          withField: 0,
        })
      })

      test('fields are listed with their types', async () => {
        const store = await openStore()
        await store.write([
          eventBatch({ events: [{ document: { source: { ip: '10.0.0.1' }, own: { count: 1 } } }] }),
        ])
        await searchable(store, 1)
        const fields = await store.fields(asking)
        expect(fields).toContainEqual({ name: 'source.ip', type: 'ip' })
        expect(fields).toContainEqual({ name: '@timestamp', type: 'date' })
        expect(fields.map((field) => field.name)).toContain('own.count')
      })
    })

    describe('scope', () => {
      test('every reading call sees only its clusters and classes', async () => {
        const store = await openStore()
        const [pod, ssh, other] = [streamName(1), streamName(2), streamName(3)]
        await store.write([
          eventBatch({ stream: pod, class: 'pod', tenant: 'red', events: records(0, 2) }),
          eventBatch({ stream: ssh, class: 'ssh', tenant: 'red', events: records(0, 3) }),
          eventBatch({ stream: other, class: 'ssh', tenant: 'blue', events: records(0, 4) }),
        ])
        await searchable(store, 9)
        const query = { kind: 'all' } as const
        for (const [scope, expected] of [
          [{ clusters: ['red'], classes: '*' }, 5],
          [{ clusters: '*', classes: ['ssh'] }, 7],
          [{ clusters: ['blue'], classes: ['pod'] }, 0],
          [{ clusters: [], classes: '*' }, 0],
        ] as const) {
          const asked = { ...asking, scope }
          const found = await store.search({ ...asked, query, limit: 10, total: 'exact' })
          expect([found.hits.length, found.total.value]).toEqual([expected, expected])
          expect((await store.histogram({ ...asked, query, buckets: 3 })).total.value).toBe(expected)
          expect((await store.top({ ...asked, query, field: 'message', limit: 1 })).total).toBe(expected)
          expect((await store.scan({ ...asked, cursor: '', limit: 10 })).hits).toHaveLength(expected)
        }
        const blue = { ...asking, scope: { clusters: ['blue'], classes: '*' } } as const
        expect(await store.get(`${pod}:0`, blue)).toBeUndefined()
        expect(await store.get(`${other}:0`, blue)).toMatchObject({ id: `${other}:0` })
        expect(await store.neighbours(`${ssh}:1`, { before: 1, after: 1 }, blue)).toEqual([])
        expect(await store.coverage(pod, blue)).toBeUndefined()
        expect((await store.completeness(blue)).classes.map((each) => [each.class, each.streams])).toEqual([
          ['ssh', 1],
        ])
        expect(await store.fields({ ...asking, scope: { clusters: ['green'], classes: '*' } })).toEqual([])
      })
    })

    describe('context and arrival', () => {
      test('neighbours are those of the stream, by seq, across batches and whatever their time', async () => {
        const store = await openStore()
        const mixed = (seq: number): EventOptions => ({ seq, timeNs: timeOf(100 - seq) })
        await store.write([
          eventBatch({ events: [mixed(4), mixed(5)] }),
          eventBatch({ stream: streamName(2), events: records(0, 9) }),
        ])
        await store.write([eventBatch({ events: [mixed(0), mixed(1), mixed(2), mixed(3)] })])
        await store.write([
          eventBatch({ events: [mixed(6), { ...mixed(7), ranges: [[7, 9]] }, { seq: 7, n: 1 }, mixed(10)] }),
        ])
        await searchable(store, 19)
        const id = streamName(1)
        const hits = await store.neighbours(`${id}:5`, { before: 2, after: 4 }, asking)
        expect(hits.map((hit) => hit.id)).toEqual([
          `${id}:3`,
          `${id}:4`,
          `${id}:5`,
          `${id}:6`,
          `${id}:7`,
          `${id}:7.1`,
          `${id}:10`,
        ])
        expect(
          (await store.neighbours(`${id}:0`, { before: 5, after: 0 }, asking)).map((hit) => hit.id),
        ).toEqual([`${id}:0`])
        expect(await store.neighbours(`${id}:99`, { before: 5, after: 5 }, asking)).toEqual([])
        expect(await store.get('no id', asking)).toBeUndefined()
      })

      test('a scan resumes by its cursor and gives each event once, while writes go on', async () => {
        const store = await openStore()
        const seen: string[] = []
        let cursor = ''
        const writing = (async () => {
          for (let at = 0; at < 10; at++) {
            await store.write([
              eventBatch({ events: records(at * 5, 5) }),
              eventBatch({ class: 'pod', stream: streamName(2), events: records(at * 5, 5) }),
            ])
            await sleep(10)
          }
        })()
        for (let attempt = 0; attempt < 500 && seen.length < 100; attempt++) {
          const { hits, cursor: next } = await store.scan({ ...asking, cursor, limit: 7 })
          expect(hits.length).toBeLessThanOrEqual(7)
          seen.push(...hits.map((hit) => hit.id))
          cursor = next
          if (hits.length === 0) await sleep(10)
        }
        await writing
        expect(new Set(seen).size).toBe(100)
        expect(seen).toHaveLength(100)
        const own = seen.filter((id) => id.startsWith(streamName(1))).map((id) => Number(id.split(':')[1]))
        expect(own).toEqual([...Array(50).keys()])
      })

      test('a scan from now on gives what comes after it, and filters', async () => {
        const store = await openStore()
        await store.write([eventBatch({ events: records(0, 3) })])
        const { hits, cursor } = await store.scan({ ...asking, limit: 10 })
        expect(hits).toEqual([])
        await store.write([eventBatch({ events: records(3, 4) })])
        await searchable(store, 7)
        const later = await store.scan({ ...asking, cursor, limit: 10, query: words('5') })
        expect(later.hits.map(seqOf)).toEqual([5])
        expect((await store.scan({ ...asking, cursor: later.cursor, limit: 10 })).hits).toEqual([])
      })

      test('completeness says what is expected, stored, joined, skipped, lost and missing', async () => {
        const store = await openStore()
        // A hole is a gap when it is a minute old.
        const longAgoMs = Date.UTC(2020, 10, 24, 10)
        await store.write([
          eventBatch({
            class: 'pod',
            events: [{ ranges: [[0, 2]] }, { seq: 3 }, { seq: 7 }],
            covers: [
              { first: 4, last: 4, reason: 'skipped', detail: '' },
              { first: 5, last: 5, reason: 'lost', detail: 'deleted' },
            ],
            losses: [{ atSeq: 8, bytes: 100, reason: 'truncated', detail: '' }],
            receivedMs: longAgoMs,
          }),
        ])
        const { classes } = await store.completeness(asking)
        const ingest = { 'worker-1': longAgoMs }
        const sums = {
          streams: 1,
          expected: 8,
          stored: 3,
          joined: 2,
          skipped: 1,
          declaredLost: 1,
          lossesWithoutSeq: 1,
          undeclaredGaps: 1,
        }
        expect(classes).toEqual([{ class: 'pod', ...sums, newestIngestByNode: ingest }])
        expect(await store.coverage(streamName(1), asking)).toMatchObject({
          lossesWithoutSeq: 1,
          lowWater: 6,
          above: [[7, 7]],
        })
      })
    })

    describe('records', () => {
      const record = (
        version: number,
        body: JsonObject = {},
        id = 'a',
      ): { kind: string; id: string; version: number; updatedMs: number; body: JsonObject } => ({
        kind: 'alert',
        id,
        version,
        updatedMs: version * 1000,
        body,
      })

      test('a record changes by its next version only, and survives a restart', async () => {
        const place = await newPlace()
        const store = await place.open()
        await store.putRecord(record(1, { state: 'open' }))
        await expect(store.putRecord(record(1, { state: 'again' }))).rejects.toMatchObject({
          retryable: true,
        })
        await expect(store.putRecord(record(3))).rejects.toMatchObject({ retryable: true })
        const changes = await Promise.allSettled([
          store.putRecord(record(2, { by: 1 })),
          store.putRecord(record(2, { by: 2 })),
        ])
        expect(changes.map((change) => change.status).sort()).toEqual(['fulfilled', 'rejected'])
        await store.close()
        const next = await openStore(place)
        expect(await next.getRecord('alert', 'a', asking)).toMatchObject({ version: 2, updatedMs: 2000 })
        await next.deleteRecord('alert', 'a')
        await next.deleteRecord('alert', 'a')
        expect(await next.getRecord('alert', 'a', asking)).toBeUndefined()
        await next.putRecord(record(1))
      })

      test('records are listed by kind, newest change first, page by page and by scope', async () => {
        const store = await openStore()
        for (let at = 0; at < 5; at++)
          await store.putRecord({
            ...record(1, { class: at < 3 ? 'ssh' : 'pod', tenant: 'red' }, `id-${at}`),
            updatedMs: at * 10,
          })
        await store.putRecord({ kind: 'session', id: 'x', version: 1, updatedMs: 1, body: {} })
        const ids: string[] = []
        let cursor: string | undefined
        do {
          const page = await store.listRecords('alert', {
            ...asking,
            limit: 2,
            ...(cursor === undefined ? {} : { cursor }),
          })
          ids.push(...page.records.map((each) => each.id))
          cursor = page.cursor
        } while (cursor !== undefined)
        expect(ids).toEqual(['id-4', 'id-3', 'id-2', 'id-1', 'id-0'])
        const pods = await store.listRecords('alert', {
          ...asking,
          scope: { clusters: ['red'], classes: ['pod'] },
          limit: 9,
        })
        expect(pods.records.map((each) => each.id)).toEqual(['id-4', 'id-3'])
        expect(
          await store.getRecord('alert', 'id-0', { ...asking, scope: { clusters: '*', classes: ['pod'] } }),
        ).toBeUndefined()
      })
    })

    describe('retention', () => {
      const day = 24 * 60 * 60 * 1000
      const nowMs = Date.UTC(2026, 10, 24)
      const old = eventBatch({
        class: 'pod',
        stream: streamName(1),
        events: records(0, 4),
        receivedMs: nowMs - 10 * day,
      })
      const fresh = eventBatch({
        class: 'pod',
        stream: streamName(2),
        events: records(0, 3),
        receivedMs: nowMs - day,
      })
      const unruled = eventBatch({
        class: 'node',
        stream: streamName(3),
        events: records(0, 2),
        receivedMs: nowMs - 900 * day,
      })
      const filled = async (given?: StorePlace): Promise<Store> => {
        const place = given ?? (await newPlace({ deletes: true }))
        const store = await openStore(place)
        await store.write([old, unruled])
        await searchable(store, 6)
        await place.beginPart?.()
        await store.write([fresh])
        await searchable(store, 9)
        return store
      }
      /** A store may add events of its own about what it deletes. */
      const written = { ...asking, scope: { clusters: '*', classes: ['pod', 'node'] } } as const
      const yes = async (): Promise<boolean> => true

      test('what is older than its class allows is deleted, its space returned; a class without a rule is kept', async () => {
        const store = await filled()
        const before = await store.usage()
        const report = await store.expire([{ class: 'pod', hotMs: 7 * day, whenFull: 'refuse' }], nowMs, yes)
        expect(report.deleted).toMatchObject([{ class: 'pod', tenant: 'test', events: 4, why: 'age' }])
        expect(report.kept).toEqual([])
        const after = await store.usage()
        const bytes = (uses: typeof before, of: string): number =>
          uses.find((use) => use.class === of)?.bytes ?? 0
        expect(bytes(after, 'pod')).toBeLessThan(bytes(before, 'pod'))
        expect(after.find((use) => use.class === 'node')).toMatchObject({ events: 2 })
        const { total } = await store.search({ ...written, query: { kind: 'all' }, limit: 0, total: 'exact' })
        expect(total.value).toBe(5)
        expect(await outcomes(store, old)).toEqual(Array(4).fill(duplicate))
      })

      test('what may not be deleted is kept, and said', async () => {
        const store = await filled()
        const asked: string[] = []
        const report = await store.expire(
          [{ class: 'pod', hotMs: 7 * day, whenFull: 'refuse' }],
          nowMs,
          async (range) => {
            asked.push(`${range.class} ${range.tenant} ${range.events}`)
            return false
          },
        )
        expect(asked).toEqual(['pod test 4'])
        expect(report.deleted).toEqual([])
        expect(report.kept).toMatchObject([{ class: 'pod', events: 4 }])
        expect(report.kept[0]!.why).toMatch(/age/)
        await searchable(store, 9)
      })

      test('a full class that refuses answers writes with a retryable disk-full that names it, and goes on when there is room', async () => {
        const store = await filled()
        await store.expire([{ class: 'pod', maxBytes: 1, whenFull: 'refuse' }], nowMs, yes)
        const next = eventBatch({ class: 'pod', stream: streamName(9) })
        await expect(store.write([next])).rejects.toMatchObject({
          code: 'disk-full',
          retryable: true,
          message: expect.stringMatching(/pod.*refuse/) as unknown,
        })
        expect(await outcomes(store, eventBatch({ class: 'ssh', stream: streamName(8) }))).toEqual([stored])
        await store.expire([{ class: 'pod', maxBytes: 1e9, whenFull: 'refuse' }], nowMs, yes)
        expect(await outcomes(store, next)).toEqual([stored])
      })

      test('a full class that expires its oldest does so, and goes on', async () => {
        const store = await filled()
        const { bytes } = (await store.usage()).find((use) => use.class === 'pod')!
        const report = await store.expire(
          [{ class: 'pod', maxBytes: bytes - 1, whenFull: 'expire-oldest' }],
          nowMs,
          yes,
        )
        expect(report.deleted).toMatchObject([{ class: 'pod', events: 4, why: 'maxBytes' }])
        expect(await outcomes(store, eventBatch({ class: 'pod', stream: streamName(9) }))).toEqual([stored])
      })

      test('what is deleted stays deleted, and covered, after a restart', async () => {
        const place = await newPlace({ deletes: true })
        const first = await filled(place)
        await first.expire([{ class: 'pod', hotMs: 7 * day, whenFull: 'refuse' }], nowMs, yes)
        await first.close()
        const store = await openStore(place)
        await searchable(store, 5)
        expect(await outcomes(store, old)).toEqual(Array(4).fill(duplicate))
        const { total } = await store.search({ ...written, query: { kind: 'all' }, limit: 0, total: 'exact' })
        expect(total.value).toBe(5)
      })
    })

    describe('closing', () => {
      test('a write in flight is answered or rejected, and what was answered is there', async () => {
        const place = await newPlace()
        const store = await place.open()
        const batches = [...Array(20).keys()].map((at) => eventBatch({ events: records(at * 5, 5) }))
        const writes = batches.map((batch) => store.write([batch]))
        const [settled] = await Promise.all([Promise.allSettled(writes), store.close()])
        const reasons = settled
          .filter((each) => each.status === 'rejected')
          .map((each) => each.reason as unknown)
        for (const reason of reasons) expect(reason).toMatchObject({ code: 'closed' })
        const next = await openStore(place)
        const again = await next.write(batches)
        for (const [at, result] of again.entries()) {
          if (settled[at]!.status === 'fulfilled')
            expect([...result.outcomes]).toEqual(Array(5).fill(duplicate))
        }
        expect(await seqs(next, 100)).toEqual([...Array(100).keys()])
      })

      test('a closed store says so, and may be closed again', async () => {
        const store = await (await newPlace()).open()
        await store.close()
        await store.close()
        await expect(store.write([eventBatch()])).rejects.toMatchObject({ code: 'closed' })
        await expect(store.search({ ...asking, query: { kind: 'all' }, limit: 1 })).rejects.toMatchObject({
          code: 'closed',
        })
      })

      test('a call that is given up ends with aborted', async () => {
        const store = await openStore()
        const signal = AbortSignal.abort()
        await expect(
          store.search({ ...asking, signal, query: { kind: 'all' }, limit: 1 }),
        ).rejects.toMatchObject({ code: 'aborted' })
        await expect(store.write([eventBatch()], { signal })).rejects.toMatchObject({ code: 'aborted' })
      })
    })
  })
}

function records(first: number, count: number): EventOptions[] {
  return Array.from({ length: count }, (_, at) => ({ seq: first + at }))
}

function timeOf(seq: number): bigint {
  return BigInt(Date.UTC(2026, 10, 24, 9) + seq * 1000) * 1_000_000n
}

function words(text: string): Query {
  return { kind: 'words', words: cutWords(text), mode: 'any' }
}

function seqOf(hit: Hit): number {
  return Number(hit.id.split(':')[1])
}

async function outcomes(store: Store, batch: EventBatch): Promise<number[]> {
  const [result] = await store.write([batch])
  return [...result!.outcomes]
}

/** Record numbers in order of time, once so many are searchable. */
async function seqs(store: Store, count: number): Promise<number[]> {
  await searchable(store, count)
  const { hits } = await store.search({ ...asking, query: { kind: 'all' }, limit: 1000, order: 'oldest' })
  return hits.map(seqOf)
}

async function allPages(
  store: Store,
  request: { readonly query: Query; readonly limit: number; readonly order: 'newest' | 'oldest' },
): Promise<Hit[][]> {
  const pages: Hit[][] = []
  let cursor: string | undefined
  do {
    const answer = await store.search({ ...asking, ...request, ...(cursor === undefined ? {} : { cursor }) })
    pages.push([...answer.hits])
    cursor = answer.cursor
  } while (cursor !== undefined && pages.length < 100)
  return pages
}
