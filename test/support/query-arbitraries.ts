import fc from 'fast-check'
import type { Json, JsonObject } from '../../src/core/document.ts'
import type { Query } from '../../src/core/query.ts'
import { cutWords } from '../../src/core/words.ts'

/**
 * Documents and queries for stores that must agree. Known fields hold values of their type, as the parsers write them; what
 * nobody knows, and free-form maps, hold anything.
 */
const TEXTS = [
  '', ' ', 'a', 'A', 'alice', 'Alice', "o'brien", 'x%y_z', '\\', '"', "'; DROP TABLE x; --", '\u001f', 'null', 'true', '1', '1.5', '-1',
  '200', '9007199254740993', '10.0.0.1', '10.0.0.999', '::1', '::ffff:10.0.0.1', '2001:db8::5', 'é', '日本', '😀', 'foo.bar', 'user:name',
  'a b', '*', 'a*b', '?', 'a?b', '{"a":1}', '[1]', '2026-11-24T08:00:00.123456789Z', 'x'.repeat(1100), '\u{10ffff}', '\\*',
] // biome-ignore format: a list of odd texts
const NUMBERS = [0, 1, -1, 1.5, 200, 65535, 9007199254740991]
/** Their text depends on who writes it; only a term, and a range of numbers, is the same everywhere. */
const ODD_NUMBERS = [1e21, 0.00012, 12345678.9, -2.5e-7, 2.5e-310, 1.7976931348623157e308, 1]
const ADDRESSES = [
  '10.0.0.1',
  '10.0.0.2',
  '10.9.0.1',
  '192.168.1.1',
  '::1',
  '2001:db8::5',
  'fe80::1',
  'ff02::1',
  '0.0.0.0',
  '::',
]
const INSTANTS = [
  '2026-11-24T08:00:00.123Z',
  '2026-11-24T10:00:00.000+02:00',
  '1999-12-31T23:59:59Z',
  '2026-11-24T08:00:01Z',
]
const INTEGERS = [0, 1, -1, 42, 200, 65535, 9007199254740991]

const FREE = [
  'labels.a.b', 'labels.x/y~z', 'decklog.payload.user.name', 'own.name', 'own.n', 'odd "key"', "odd'k'", 'list.k', 'list.m.n', 'odd.$', '__proto__', 'nothing.here',
] // biome-ignore format: a list of odd names
const KEYWORDS = [
  'user.name',
  'tags',
  'rule.id',
  'log.level',
  'kubernetes.namespace',
  'decklog.quality',
  'user.id',
]
const IPS = ['source.ip', 'related.ip']
const LONGS = ['process.pid', 'http.response.status_code']
const DATES = ['event.start', 'event.end']
const BOOLEANS = ['decklog.ssh.preauth']
const NAMES = [...FREE, ...KEYWORDS, ...IPS, ...LONGS, ...DATES, ...BOOLEANS]

/** Fields whose most frequent values are compared. */
export const TOP_FIELDS = [
  ...KEYWORDS,
  ...IPS,
  ...LONGS,
  ...BOOLEANS,
  'labels.a.b',
  'list.k',
  'own.name',
  'message',
  'no.such',
]

const scalar = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom(...NUMBERS),
  fc.boolean(),
  fc.constant(null),
)

function listed<T>(one: fc.Arbitrary<T>): fc.Arbitrary<Json> {
  const list = fc.array(one, { maxLength: 3 })
  return fc.oneof({ weight: 4, arbitrary: one }, { weight: 1, arbitrary: list }) as fc.Arbitrary<Json>
}

const anything = fc.oneof(
  { weight: 6, arbitrary: listed(scalar) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Json>({}, [[]], [['a'], [1]]),
  },
)
/** JSON text of numbers in a keyword is kept as it stands, so all of them are like any other text there. */
const VALUES: readonly (readonly [names: readonly string[], value: fc.Arbitrary<Json>])[] = [
  [FREE, anything],
  [KEYWORDS, listed(scalar)],
  [IPS, listed(fc.constantFrom(...ADDRESSES, null))],
  [LONGS, listed(fc.constantFrom(...INTEGERS, null))],
  [DATES, listed(fc.constantFrom(...INSTANTS, null))],
  [['own.big'], listed(fc.constantFrom(...ODD_NUMBERS, 'text', null))],
  [
    ['list'],
    fc.constantFrom<Json>([{ k: 'a' }, { k: 1, m: [{ n: 'a' }, { n: null }] }], { k: ['b', true], m: {} }),
  ],
  [BOOLEANS, listed(fc.constantFrom(true, false, null))],
]

export const WORDS = ['fail', 'failed', 'Failure', 'a.b', 'x', 'ssh2', 'for', 'root', '😀', 'é', '10.0.0.1', "can't", 'ünïcode', '日本語', 'カタカナ', 'สวัสดี', '한국어', 'user:name', '__', 'foo_bar', '1,000', 'x'.repeat(300), 'İstanbul', 'ΣΊΣΥΦΟΣ', '🇩🇪', '👩‍👧', '-', '...', 'a1.b2', 'e\u0301', '٣٤', 'don’t'] // biome-ignore format: words of many scripts
const messageText = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.array(fc.constantFrom(...WORDS), { maxLength: 6 }).map((words) => words.join(' ')),
  fc
    .array(fc.constantFrom(...WORDS, '/', '=', '"', '[', '.', ':'), { maxLength: 6 })
    .map((words) => words.join('')),
)

const SCRIPTS = [
  [0x20, 0x7e], [0xa0, 0x17f], [0x391, 0x3a1], [0x3a3, 0x3c9], [0x410, 0x44f], [0x621, 0x652], [0x660, 0x669], [0x905, 0x94d], [0x3041, 0x3096],
  [0x30a0, 0x30ff], [0x4e00, 0x4e40], [0xac00, 0xac40], [0xff10, 0xff5a], [0xff66, 0xff9d], [0x2010, 0x2027],
] as const // biome-ignore format: ranges
/** Zero-width ones, marks, letters beyond the basic plane, emoji as they are written: between blanks. */
const ODD_CHARACTERS = ['\u200b', '\u200c', '\u2060', '\ufeff', '\u0301', '\u00ad', '\t', '\u0007', '\u202f', '①', 'ʼ', 'ﬁ', '𝒳', '𐐀', '𠀀', '・', 'ー', '\u1100', '\u0640', 'สวัสดีครับ', 'ภาษาไทย', ' 😀 ', ' 👍🏽 ', ' ❤️ ', ' 🇩🇪 ', ' 👩‍👧 '] // biome-ignore format: characters

/**
 * Texts of the scripts that logs are written in. What is left out is cut otherwise by Lucene, whose Unicode is older: see
 * docs/decisions/elasticsearch-search.md.
 */
export const wordText = fc
  .array(
    fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(..."aaabbB0011..__::,';; -".split('')) },
      {
        weight: 2,
        arbitrary: fc.oneof(
          ...SCRIPTS.map(([min, max]) => fc.integer({ min, max }).map((code) => String.fromCodePoint(code))),
        ),
      },
      { weight: 1, arbitrary: fc.constantFrom(...ODD_CHARACTERS) },
    ),
    { minLength: 1, maxLength: 7 },
  )
  .map((characters) => characters.join(''))

const field = fc.oneof(
  ...VALUES.map(([names, value]) => fc.tuple(fc.constantFrom(...names), value, fc.nat({ max: 7 }))),
)

/** Some of them are such that a store with a mapping refuses them. */
export const document: fc.Arbitrary<JsonObject> = fc
  .record({ message: messageText, fields: fc.array(field, { maxLength: 8 }), hasMessage: fc.boolean() })
  .map(({ message, fields, hasMessage }) => {
    const root = Object.create(null) as JsonObject
    if (hasMessage) root['message'] = message
    for (const [name, value, cut] of fields) put(root, cutsOf(name, cut), value)
    return root
  })

/** Nested, or with dots in its keys: bit i of `cut` keeps the i-th dot. Whether `user.name` has a `user` is not agreed on. */
function cutsOf(name: string, cut: number): string[] {
  if (name.startsWith('user.')) return name.split('.')
  const [first, ...rest] = name.split('.') as [string, ...string[]]
  return rest.reduce(
    (steps, part, at) =>
      (cut >> at) & 1 ? [...steps.slice(0, -1), `${steps.at(-1)}.${part}`] : [...steps, part],
    [first],
  )
}

function put(into: JsonObject, steps: readonly string[], value: Json): void {
  let at = into
  for (const step of steps.slice(0, -1)) {
    const next = Object.hasOwn(at, step) ? at[step] : undefined
    if (next === undefined || next === null || typeof next !== 'object' || Array.isArray(next)) {
      at[step] = Object.create(null) as JsonObject
    }
    at = at[step] as JsonObject
  }
  at[steps.at(-1)!] = value
}

const text = fc.oneof(fc.constantFrom(...TEXTS), fc.constantFrom(...[...NUMBERS, ...INTEGERS].map(String)))
const escaped = text.map((one) => one.slice(0, 6).replace(/[*\\]/g, '\\$&'))
const pattern = fc
  .array(fc.oneof(escaped, fc.constant('*'), fc.constantFrom('a', '1')), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(''))

/** Values that a person can ask for of a field of each type: KQL refuses others. */
const term = (names: readonly string[], values: readonly unknown[]): fc.Arbitrary<Query> =>
  fc.record({
    kind: fc.constant('term' as const),
    field: fc.constantFrom(...names),
    value: fc.constantFrom(...values.map(String)),
  })
const range = (names: readonly string[], values: readonly unknown[]): fc.Arbitrary<Query> => {
  const bound = fc.constantFrom(...values.map(String))
  const name = fc.constantFrom(...names)
  return fc.oneof(
    fc.record({ kind: fc.constant('range' as const), field: name, gte: bound }),
    fc.record({ kind: fc.constant('range' as const), field: name, gt: bound, lt: bound }),
    fc.record({ kind: fc.constant('range' as const), field: name, lte: bound }),
  )
}

const words = (mode: 'any' | 'phrase'): fc.Arbitrary<Query> =>
  messageText
    .map((one) => cutWords(one))
    .filter((cut) => cut.length > 0)
    .map((cut) => ({ kind: 'words', words: cut, mode: cut.length === 1 ? 'any' : mode }))

const leaf: fc.Arbitrary<Query> = fc.oneof(
  fc.constantFrom<Query>({ kind: 'all' }, { kind: 'none' }),
  term([...KEYWORDS, ...FREE, ...FREE], [...TEXTS, ...NUMBERS]),
  term(['own.big'], ODD_NUMBERS),
  range(['own.big'], [...ODD_NUMBERS, '-1e400', '1e400', '0.0001']),
  term(IPS, ADDRESSES),
  term(LONGS, INTEGERS),
  term(BOOLEANS, [true, false]),
  fc.record({
    kind: fc.constant('wildcard' as const),
    field: fc.constantFrom(...KEYWORDS, ...FREE),
    pattern,
  }),
  fc.record({ kind: fc.constant('exists' as const), field: fc.constantFrom('message', 'user', ...NAMES) }),
  fc.record({
    kind: fc.constant('cidr' as const),
    field: fc.constantFrom(...IPS, 'own.name'),
    cidr: fc.constantFrom(
      '10.0.0.0/8',
      '10.0.0.1/32',
      '0.0.0.0/0',
      '::/0',
      'fe80::/10',
      '::1/128',
      'no network',
    ),
  }),
  range([...KEYWORDS, ...FREE], [...TEXTS, ...NUMBERS, '0', '100.5', 'b']),
  range(IPS, ADDRESSES),
  range(LONGS, [...INTEGERS, '1.5', '-0.5', '1e30', '-1e30', '41.999']),
  range(DATES, [...INSTANTS, '2026-11-24', '1900-01-01T00:00:00Z', '2261-01-01T00:00:00Z']),
  range(['@timestamp'], ['2026-11-24T09:00:05Z', '2026-11-24T09:01:00.000000001Z', '2026-11-24T09:01:30Z']),
  words('any'),
  words('phrase'),
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
      'x*x',
      '日*',
      '*?*',
    ),
  }),
)

const several = (of: fc.Arbitrary<Query>): fc.Arbitrary<Query> =>
  fc.record({
    kind: fc.constantFrom('and' as const, 'or' as const),
    of: fc.array(of, { minLength: 1, maxLength: 3 }),
  })
const negated = (of: fc.Arbitrary<Query>): fc.Arbitrary<Query> => of.map((one) => ({ kind: 'not', of: one }))

export const query: fc.Arbitrary<Query> = fc.oneof(
  { weight: 6, arbitrary: leaf },
  { weight: 1, arbitrary: negated(leaf) },
  { weight: 1, arbitrary: several(leaf) },
  { weight: 1, arbitrary: several(fc.oneof(negated(leaf), several(leaf))) },
)
