import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecklogError } from '../../src/core/errors.ts'
import { parseKql, QUERY_LENGTH_MAX } from '../../src/core/kql.ts'
import { printKql } from '../../src/core/kql/print.ts'
import { compileMatcher } from '../../src/core/match-query.ts'
import type { Query } from '../../src/core/query.ts'

const NOW_MS = Date.parse('2026-11-24T10:30:45.678Z')

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...'():<>"*{}\\'.split(''), ' ', '<=', '>=') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('and', 'or', 'not', 'AND', 'now-1h', '10.0.0.0/8', '2026-11-24', '17', 'true'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'message',
      'user.name',
      'source.ip',
      '@timestamp',
      'source.port',
      'a.b',
      'user.*',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 5 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
)
const soup = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''))

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
const quotedText = text.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`)
const bareWord = fc.oneof(
  fc.stringMatching(/^[a-z0-9äñ.*_-]{1,8}$/),
  fc.constantFrom('\\and', '\\OR', 'can\\:not', '10.0.0.*', '日本*', 'ab*cd', '*', 'İx', 'ΑΣ'),
)
const field = fc.constantFrom(
  'user.name',
  'process.name',
  'x',
  '"odd field"',
  '"and"',
  'kubernetes.labels.a/b',
  'message',
)
const leaf = fc.oneof(
  bareWord,
  fc.array(bareWord, { minLength: 2, maxLength: 4 }).map((words) => words.join(' ')),
  quotedText,
  fc.tuple(field, fc.oneof(bareWord, quotedText)).map(([name, value]) => `${name}: ${value}`),
  fc
    .tuple(fc.constantFrom('<', '<=', '>', '>='), fc.oneof(quotedText, fc.integer()))
    .map(([sign, value]) => `x ${sign} ${value}`),
  fc
    .tuple(
      fc.constantFrom(': ', ' > ', ' <= '),
      fc.constantFrom('2026', '"2026-02"', 'now', 'now/w', '"2026-11-24T10:00:00.12Z"', '"2026-11-24 10"'),
    )
    .map(([sign, value]) => `@timestamp${sign}${value}`),
  fc.constantFrom(
    'source.ip: 10.0.0.0/8',
    'source.ip: "::1"',
    'source.ip > 1.2.3.4',
    'source.ip: 10.*',
    'source.port: 22',
    'user.*: a*',
  ),
)
const { query: wellFormed } = fc.letrec<{ query: string }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc
      .tuple(tie('query'), fc.constantFrom('and', 'or', 'OR'), tie('query'))
      .map(([a, operator, b]) => `${a} ${operator} ${b}`),
    tie('query').map((inner) => `not ${inner}`),
    tie('query').map((inner) => `(${inner})`),
    fc.tuple(field, bareWord, quotedText).map(([name, a, b]) => `${name}: (${a} or not ${b})`),
  ),
}))

function tryParse(source: string): Query | undefined {
  try {
    return parseKql(source, { nowMs: NOW_MS }).query
  } catch (error) {
    if (error instanceof DecklogError && error.code === 'query-invalid') return undefined
    throw error
  }
}

/** Shapes on which a careless reader takes quadratic time or worse; one that does hangs here. */
test.each([
  '*'.repeat(10_000),
  'a*'.repeat(5_000),
  '-*'.repeat(5_000),
  '\\\\'.repeat(5_000),
  '"'.repeat(9_999),
  `${'*a'.repeat(2_000)}*: x`,
  `x: ${'*a'.repeat(4_000)}`,
  `@timestamp: "${'/'.repeat(9_900)}"`,
  `@timestamp: "now${'-1d'.repeat(3_000)}"`,
  `source.ip: "${':'.repeat(9_000)}"`,
  `${'a.'.repeat(4_000)}b: x`,
  '\ud800'.repeat(9_000),
])('a long query of one shape is answered: %.20s', (source) => {
  const query = tryParse(source)
  if (query === undefined) return
  expect(compileMatcher(query)({ message: 'a'.repeat(50_000), x: 'a'.repeat(50_000) })).toBeTypeOf('boolean')
})

describe('KQL, whatever the text', () => {
  test('gives a query or a query error whose position lies in the text', () => {
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: 'binary', maxLength: 200 })), (source) => {
        try {
          parseKql(source, { nowMs: NOW_MS })
        } catch (error) {
          expect(error).toBeInstanceOf(DecklogError)
          const { code, position } = error as DecklogError
          expect(code).toBe('query-invalid')
          expect(position).toBeGreaterThanOrEqual(0)
          expect(position).toBeLessThanOrEqual(source.length)
        }
      }),
      { numRuns: 5_000 },
    )
  })

  test('is printed to a text that means the same', () => {
    let read = 0
    fc.assert(
      fc.property(fc.oneof(wellFormed, soup), (source) => {
        const query = tryParse(source)
        if (query === undefined) return
        read++
        const printed = printKql(query)
        // A name with a wildcard is printed as all its fields, which may be longer than a query may be.
        if (printed.length <= QUERY_LENGTH_MAX) expect(tryParse(printed)).toEqual(query)
      }),
      { numRuns: 5_000 },
    )
    expect(read).toBeGreaterThan(1_500)
  })

  test('can be matched on any document', () => {
    fc.assert(
      fc.property(
        fc.oneof(wellFormed, soup),
        fc.object({
          key: fc.constantFrom('message', 'user', 'name', 'x', 'user.name', '@timestamp', 'source', 'ip'),
        }),
        (source, document) => {
          const query = tryParse(source)
          if (query !== undefined)
            expect(typeof compileMatcher(query)(JSON.parse(JSON.stringify(document)))).toBe('boolean')
        },
      ),
      { numRuns: 1_000 },
    )
  })
})
