import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/app/system-clock.ts'
import type { JsonObject } from '../../src/core/document.ts'
import { compileMatcher } from '../../src/core/match-query.ts'
import type { Query } from '../../src/core/query.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { cutWords } from '../../src/core/words.ts'
import type { Store } from '../../src/ports/store.ts'
import { openDuckdbStore } from '../../src/store/duckdb/duckdb-store.ts'
import { batchOf, streamName } from '../support/event-batches.ts'
import { searchable } from '../support/store.ts'

/** A query means for the store what it means for one document (core/match-query.ts), whatever document and query hold. */
const ALL = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const

const TEXTS = [
  '', ' ', 'a', 'A', 'alice', 'Alice', "o'brien", 'x%y_z', '\\', '"', "'; DROP TABLE x; --", '\u0000', '\u001f', '\u001ea', 'null',
  'true', '1', '1.0', '-1', '200', '9007199254740993', '10.0.0.1', '10.0.0.999', '::1', '::ffff:10.0.0.1', 'fe80::1',
  '2001:db8::5', 'é', '日本', '😀', 'foo.bar', 'user:name', 'a b', '*', 'a*b', '{"a":1}', '[1]', '2026-11-24T08:00:00.123456789Z', '2026-11-24T10:00:00+02:00', 'x'.repeat(1100), '\ud800',
] // biome-ignore format: a list of odd texts
const NUMBERS = [0, 1, -1, 1.5, 200, 65535]
const FIELDS = [
  'user.name', 'source.ip', 'tags', 'rule.id', 'process.pid', 'http.response.status_code', 'labels.a.b', 'labels', 'labels.x/y~z',
  'event.created', 'odd."key"', "odd.'k'", 'odd.*', 'odd.$', 'odd.', '__proto__', 'list.k', 'list.m.n', 'log.level', 'nothing.here', 'decklog.quality',
] // biome-ignore format: a list of odd names

const scalar = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom(...NUMBERS),
  fc.boolean(),
  fc.constant(null),
)
const value = fc.oneof(
  { weight: 5, arbitrary: scalar },
  { weight: 2, arbitrary: fc.array(scalar, { maxLength: 3 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      {},
      { deep: 1 },
      [[]],
      [['a']],
      [{ k: 'a' }, { k: 1, m: [{ n: 'a' }, { n: null }] }],
    ),
  },
)
const messageText = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc
    .array(
      fc.constantFrom('fail', 'failed', 'Failure', 'a.b', 'x', 'ssh2', 'for', 'root', '😀', 'é', '10.0.0.1'),
      { maxLength: 6 },
    )
    .map((words) => words.join(' ')),
)

const document = fc
  .record({
    message: fc.oneof({ weight: 6, arbitrary: messageText }, { weight: 1, arbitrary: value }),
    fields: fc.array(fc.tuple(fc.constantFrom(...FIELDS), value, fc.integer({ min: 0, max: 7 })), {
      maxLength: 6,
    }),
    hasMessage: fc.boolean(),
  })
  .map(({ message, fields, hasMessage }) => {
    const root: JsonObject = Object.create(null) as JsonObject
    if (hasMessage) root['message'] = message as JsonObject[string]
    for (const [name, one, cut] of fields) put(root, cutsOf(name, cut), one as JsonObject[string])
    return root
  })

/** Nested, or with dots in its keys: bit i of `cut` keeps the i-th dot. */
function cutsOf(name: string, cut: number): string[] {
  const parts = name.split('.')
  return parts
    .slice(1)
    .reduce(
      (steps, part, at) =>
        (cut >> at) & 1 ? [...steps.slice(0, -1), `${steps.at(-1)}.${part}`] : [...steps, part],
      [parts[0]!],
    )
}

function put(into: JsonObject, steps: readonly string[], one: JsonObject[string]): void {
  let at = into
  for (const step of steps.slice(0, -1)) {
    const next = Object.hasOwn(at, step) ? at[step] : undefined
    if (next === undefined || next === null || typeof next !== 'object' || Array.isArray(next))
      at[step] = Object.create(null) as JsonObject
    at = at[step] as JsonObject
  }
  at[steps.at(-1)!] = one
}

const text = fc.oneof(
  fc.constantFrom(...TEXTS.map((one) => one.toWellFormed())),
  fc.constantFrom(...NUMBERS.map(String)),
)
const field = fc.constantFrom(...FIELDS)
const escaped = text.map((one) => one.replace(/[*\\]/g, '\\$&'))
const pattern = fc
  .array(
    fc.oneof(
      escaped.map((one) => one.slice(0, 6)),
      fc.constant('*'),
      fc.constantFrom('a', '1'),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join('').replace(/\\$/, '\\\\'))
const bound = fc.oneof(text, fc.constantFrom('0', '1', '100.5', '2026-11-24T08:00:00Z', '10.0.0.0', 'b'))
const leaf: fc.Arbitrary<Query> = fc.oneof(
  fc.constant<Query>({ kind: 'all' }),
  fc.record({ kind: fc.constant('term' as const), field, value: text }),
  fc.record({ kind: fc.constant('wildcard' as const), field, pattern }),
  fc.record({
    kind: fc.constant('exists' as const),
    field: fc.oneof(field, fc.constantFrom('message', 'odd', 'list', 'user')),
  }),
  fc.record({
    kind: fc.constant('cidr' as const),
    field,
    cidr: fc.constantFrom(
      '10.0.0.0/8',
      '10.0.0.1/32',
      '10.0.0.0/9',
      '0.0.0.0/0',
      '::/0',
      'fe80::/10',
      '::1/128',
      'no network',
    ),
  }),
  fc.record({ kind: fc.constant('range' as const), field, gte: bound }),
  fc.record({ kind: fc.constant('range' as const), field, gt: bound, lt: bound }),
  fc.record({
    kind: fc.constant('range' as const),
    field: fc.constant('@timestamp'),
    gte: fc.constantFrom('2026-11-24T09:00:05Z', '2026-11-24T09:01:00Z'),
    lt: fc.constant('2026-11-24T09:01:30Z'),
  }),
  fc
    .oneof(messageText, text)
    .map((one): Query => ({ kind: 'words', words: cutWords(one), mode: 'phrase' }))
    .filter((query) => query.kind === 'words' && query.words.length > 0),
  fc
    .oneof(messageText, text)
    .map((one): Query => ({ kind: 'words', words: cutWords(one), mode: 'any' }))
    .filter((query) => query.kind === 'words' && query.words.length > 0),
  fc.record({
    kind: fc.constant('word-wildcard' as const),
    pattern: fc.constantFrom(
      'fail*',
      '*ed',
      '*ail*',
      'f*d',
      'f*i*',
      '*',
      '1*.1',
      'root',
      'é*',
      'a.*',
      '\\**',
    ),
  }),
)
const query: fc.Arbitrary<Query> = fc.oneof(
  { weight: 4, arbitrary: leaf },
  { weight: 1, arbitrary: leaf.map((of): Query => ({ kind: 'not', of })) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      of: fc.array(leaf, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      of: fc.array(
        leaf.map((of): Query => ({ kind: 'not', of })),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  },
)

const DOCUMENTS = fc.sample(document, { numRuns: 400, seed: 7 })
let directory: string
let store: Store

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'decklog-store-'))
  store = await openDuckdbStore({
    directory,
    clock: systemClock,
    telemetry: new Telemetry(),
    indexIntervalMs: 20,
  })
  for (let at = 0; at < DOCUMENTS.length; at += 100) {
    await store.write([
      batchOf(
        DOCUMENTS.slice(at, at + 100).map((one) => ({ ...one })),
        { firstSeq: at },
      ),
    ])
    await searchable(store, Math.min(at + 100, DOCUMENTS.length))
  }
})
afterAll(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

test('any query finds the documents that it matches one by one, and no other', async () => {
  const documents = await storedDocuments()
  expect(documents.length).toBe(DOCUMENTS.length)
  await fc.assert(
    fc.asyncProperty(query, async (one) => {
      const matches = compileMatcher(one)
      const expected = documents.filter(({ document: each }) => matches(each)).map(({ id }) => id)
      const found = await store.search({ ...ALL, query: one, limit: 1000, total: 'exact' })
      expect(found.hits.map(({ id }) => id).sort()).toEqual(expected.sort())
      expect(found.total).toEqual({ value: expected.length, relation: 'eq' })
    }),
    { numRuns: Number(process.env['QUERY_RUNS'] ?? 100) },
  )
}, 120_000)

/** As the store reads them: a lone surrogate, which no UTF-8 holds, is U+FFFD. */
async function storedDocuments(): Promise<{ id: string; document: JsonObject }[]> {
  const { hits } = await store.search({ ...ALL, query: { kind: 'all' }, limit: 1000 })
  const wellFormed = (_key: string, one: unknown): unknown =>
    typeof one === 'string' ? one.toWellFormed() : one
  return hits.map(({ id, json }) => ({ id, document: JSON.parse(json, wellFormed) as JsonObject }))
}

test('top values count what the documents hold', async () => {
  const documents = await storedDocuments()
  for (const name of ['user.name', 'tags', 'list.k', 'labels.a.b', 'odd."key"']) {
    const found = await store.top({ ...ALL, query: { kind: 'all' }, field: name, limit: 1000 })
    expect(found.total).toBe(documents.length)
    for (const { value: one, count } of found.values) {
      const matches = compileMatcher({ kind: 'term', field: name, value: one })
      const expected = documents.filter(({ document: each }) => matches(each)).length
      expect({ one, count }).toEqual({ one, count: expected })
    }
  }
})

test('a number is one number however it was written', async () => {
  const documents = [
    '{"message":"n","num":1.0,"other":2}',
    '{"message":"n","num":1e0}',
    '{"message":"n","num":"1.0"}',
    '{"message":"n","num":1e21}',
  ]
  await store.write([batchOf(documents, { stream: streamName(98), class: 'numbers' })])
  await searchable(store, documents.length, 'numbers')
  const find = async (term: string): Promise<string[]> => {
    const scope = { clusters: '*' as const, classes: ['numbers'] }
    const { hits } = await store.search({
      ...ALL,
      scope,
      query: { kind: 'term', field: 'num', value: term },
      limit: 10,
      order: 'oldest',
    })
    return hits.map(({ id }) => id.split(':')[1]!)
  }
  expect(await find('1')).toEqual(['0', '1'])
  expect(await find('1.0')).toEqual(['2'])
  expect(await find('1e+21')).toEqual(['3'])
})

test('a document is given back exactly as it was written', async () => {
  const odd =
    '{ "message" : "caf\\u00e9 \\/ x" , "number": 1.0, "big": 12345678901234567890, "@timestamp":"2026-11-24T09:00:00Z" }'
  await store.write([batchOf([odd], { stream: streamName(99), class: 'odd' })])
  await searchable(store, 1, 'odd')
  const hit = await store.get(`${streamName(99)}:0`, ALL)
  expect(hit?.json).toBe(odd)
})
