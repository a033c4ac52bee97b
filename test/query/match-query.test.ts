import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json, JsonObject } from '../../src/core/document.ts'
import { escapePattern } from '../../src/core/kql/lexer.ts'
import { compilePattern } from '../../src/core/kql/pattern.ts'
import { parseKql } from '../../src/core/kql.ts'
import { byCodePoint, compileMatcher, fieldValues } from '../../src/core/match-query.ts'
import type { Query } from '../../src/core/query.ts'

const NOW_MS = Date.parse('2026-11-24T10:00:00Z')

const LOGIN: JsonObject = {
  '@timestamp': '2026-11-24T09:59:59.123456789Z',
  message: "Failed password for invalid user Ädmin from 10.0.0.5 port 4022: can't",
  event: { outcome: 'failure', category: ['authentication', 'session'], duration: 1.5 },
  source: { ip: '10.0.0.5', port: 4022 },
  related: { ip: ['192.0.2.1', '2001:db8::5'] },
  'user.name': 'Ädmin',
  user: { id: '0', roles: [], group: null },
  kubernetes: {
    labels: { 'app.kubernetes.io/name': 'api', tier: 'back' },
    audit: { sourceIPs: ['10.1.1.1'] },
  },
  decklog: {
    ssh: { preauth: true },
    ranges: [
      [1, 2],
      [7, 7],
    ],
  },
  containers: [
    { name: 'a', ports: [{ n: 80 }] },
    { name: 'b', ports: [{ n: 443 }, { n: 8080 }] },
  ],
  version: '10',
}

function matches(query: string, document: JsonObject = LOGIN): boolean {
  return compileMatcher(parseKql(query, { nowMs: NOW_MS }).query)(document)
}

function matchesQuery(query: Query, document: JsonObject): boolean {
  return compileMatcher(query)(document)
}

describe('what matches', () => {
  test.each([
    '',
    '*',
    'failed',
    'FAILED nothing',
    '"failed password"',
    '"for INVALID user ädmin"',
    '10.0.0.5',
    "can't",
    'fail*',
    '*word',
    'pass*rd',
    '10.0.*',
    'not accepted',
    'message: (failed and password)',
    'message: *',
    'event.outcome: failure',
    'event.outcome: fail*',
    'event.outcome: *ur*',
    'event.category: session',
    'event.category: sess*',
    'user.name: Ädmin',
    'user: *',
    'user.id: 0',
    'source.port: 4022',
    'source.port > 4000 and source.port <= 4022',
    'event.duration: 1.5',
    'event.duration < 2',
    'source.ip: 10.0.0.5',
    'source.ip: 10.0.0.0/24',
    'source.ip: "::ffff:10.0.0.5"',
    'source.ip >= 10.0.0.1 and source.ip < 10.0.0.6',
    'related.ip: "2001:db8::/32"',
    'related.ip: "2001:db8:0::0:5"',
    'related.ip: 192.0.2.1',
    '@timestamp >= now-1m',
    '@timestamp: "2026-11-24"',
    '@timestamp: "2026-11-24T09:59:59.123456789Z"',
    '@timestamp > "2026-11-24T09:59:59.123456788Z"',
    '@timestamp < "2026-11-24T10:00:00+00:00"',
    'kubernetes.labels.app.kubernetes.io/name: api',
    'kubernetes.labels: *',
    'kubernetes.labels.tier: b*',
    'decklog.ssh.preauth: true',
    'decklog.ranges: 7',
    'containers.name: b',
    'containers.ports.n: 443',
    'containers.ports.n > 8000',
    'version > 9',
    'version > "9"',
    'source.*: 4022',
    'not missing: *',
    'not missing: x and not user.roles: *',
    'missing: x or event.outcome: failure',
  ])('%s', (query) => {
    expect(matches(query)).toBe(true)
  })
})

describe('what does not match', () => {
  test.each([
    'accepted',
    'fail',
    '"password failed"',
    '"failed for"',
    'fail*x',
    '10.0.0.6',
    'not failed',
    'message: (failed and accepted)',
    'event.outcome: Failure',
    'event.outcome: fail',
    'event.outcome: FAIL*',
    'event.category: sessions',
    'missing: x',
    'missing: *',
    'missing > 1',
    'missing < "a"',
    'user.roles: *',
    'user.group: *',
    'user: x',
    'kubernetes.labels.app: api',
    'source.port: 402',
    'source.port > 4022',
    'source.ip: 10.0.1.0/24',
    'source.ip: "2001:db8::/32"',
    'related.ip: "2001:db9::/32"',
    '@timestamp < now-1m',
    '@timestamp: "2026-11-23"',
    '@timestamp > "2026-11-24T09:59:59.123456789Z"',
    '@timestamp > "2026-11-24"',
    'version > "9a"',
    'containers.ports: 443',
    'containers: *x*',
    '---',
  ])('%s', (query) => {
    expect(matches(query)).toBe(false)
  })
})

test('keys of a hostile document are only keys', () => {
  const document = JSON.parse('{"__proto__":{"x":"1"},"constructor":"c","a":{"__proto__":"p"}}') as JsonObject
  expect(matches('__proto__.x: 1', document)).toBe(true)
  expect(matches('a.__proto__: p', document)).toBe(true)
  expect(matches('constructor: c', document)).toBe(true)
  expect(matches('toString: *', document)).toBe(false)
  expect(matches('a.hasOwnProperty: *', document)).toBe(false)
})

test.each<JsonObject>([
  { a: { b: { c: 'x' } } },
  { 'a.b': { c: 'x' } },
  { a: { 'b.c': 'x' } },
  { 'a.b.c': 'x' },
  { a: [{ b: 'no' }, { b: [{ c: ['y', 'x'] }] }] },
])('a field is found however its name is cut into keys: %j', (document) => {
  expect(fieldValues(document, 'a.b.c')).toContain('x')
  expect(fieldValues(document, 'a.b.c.d')).toEqual([])
})

test('a value that is no date, address or number is out of every range of them', () => {
  for (const value of ['yesterday', '', 'x', '1.2.3', [[]] as Json, {}, null, true]) {
    expect(matches('@timestamp >= "1971-01-01"', { '@timestamp': value })).toBe(false)
    expect(matches('source.ip >= 0.0.0.0', { source: { ip: value } })).toBe(false)
    expect(matches('source.port >= 0', { source: { port: value } })).toBe(false)
  }
  expect(matches('@timestamp >= "2026"', { '@timestamp': NOW_MS })).toBe(true)
  expect(matchesQuery({ kind: 'range', field: '@timestamp', gte: 'nonsense' }, LOGIN)).toBe(false)
  expect(matchesQuery({ kind: 'cidr', field: 'source.ip', cidr: 'nonsense' }, LOGIN)).toBe(false)
})

test('patterns match as a regular expression would, without its cost', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '\\'), maxLength: 8 })
  const subject = fc.string({ unit: fc.constantFrom('a', 'b', '*', '\\'), maxLength: 10 })
  fc.assert(
    fc.property(letters, subject, (pattern, text) => {
      const source = pattern.replace(
        /\\(.)|(\\$)|(\*)/gs,
        (_part, literal?: string, last?: string, star?: string) =>
          star !== undefined ? '[^]*' : `\\u{${(literal ?? last)!.codePointAt(0)!.toString(16)}}`,
      )
      expect(compilePattern(pattern)(text)).toBe(new RegExp(`^(?:${source})$`, 'u').test(text))
      expect(compilePattern(escapePattern(text))(text)).toBe(true)
    }),
    { numRuns: 5_000 },
  )
  expect(compilePattern(`${'*a'.repeat(1_000)}b`)('a'.repeat(100_000))).toBe(false)
})

test('text is ordered by code point, as UTF-8 is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      expect(Math.sign(byCodePoint(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
  )
  expect(byCodePoint('\u{10000}', '\uffff')).toBeGreaterThan(0)
})

test('and, or and not are those of logic', () => {
  const leaf = fc.constantFrom<Query>(
    { kind: 'term', field: 'event.outcome', value: 'failure' },
    { kind: 'term', field: 'event.outcome', value: 'success' },
    { kind: 'exists', field: 'missing' },
    { kind: 'words', words: ['failed'], mode: 'any' },
  )
  fc.assert(
    fc.property(leaf, leaf, (a, b) => {
      const [hasA, hasB] = [matchesQuery(a, LOGIN), matchesQuery(b, LOGIN)]
      expect(matchesQuery({ kind: 'and', of: [a, b] }, LOGIN)).toBe(hasA && hasB)
      expect(matchesQuery({ kind: 'or', of: [a, b] }, LOGIN)).toBe(hasA || hasB)
      expect(matchesQuery({ kind: 'not', of: a }, LOGIN)).toBe(!hasA)
    }),
  )
  expect(matchesQuery({ kind: 'none' }, LOGIN)).toBe(false)
})
