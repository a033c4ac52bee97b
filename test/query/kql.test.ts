import { describe, expect, test } from 'vitest'
import { DecklogError } from '../../src/core/errors.ts'
import { parseKql } from '../../src/core/kql.ts'
import type { Query } from '../../src/core/query.ts'

const NOW_MS = Date.parse('2026-11-24T10:30:45.678Z')

function parsed(text: string): Query {
  return parseKql(text, { nowMs: NOW_MS }).query
}

function term(field: string, value: string): Query {
  return { kind: 'term', field, value }
}

function any(...words: string[]): Query {
  return { kind: 'words', words, mode: 'any' }
}

describe('words of the message', () => {
  test.each<[string, Query]>([
    ['', { kind: 'all' }],
    [' \n ', { kind: 'all' }],
    ['*', { kind: 'all' }],
    ['failed', any('failed')],
    ['Failed PASSWORD', any('failed', 'password')],
    ['message: failed password', any('failed', 'password')],
    ['"Failed password"', { kind: 'words', words: ['failed', 'password'], mode: 'phrase' }],
    ['message:"Failed password"', { kind: 'words', words: ['failed', 'password'], mode: 'phrase' }],
    ['"failed"', any('failed')],
    ['message: (failed or accepted)', { kind: 'or', of: [any('failed'), any('accepted')] }],
    ['Ärger', any('ärger')],
    ['пароль', any('пароль')],
    ['10.0.0.1', any('10.0.0.1')],
    ['kube-apiserver', any('kube', 'apiserver')],
    ['message: *', { kind: 'exists', field: 'message' }],
    ['---', { kind: 'none' }],
    ['""', { kind: 'none' }],
  ])('%j', (text, query) => {
    expect(parsed(text)).toEqual(query)
  })

  test.each<[string, Query]>([
    ['Fail*', { kind: 'word-wildcard', pattern: 'fail*' }],
    ['*ed', { kind: 'word-wildcard', pattern: '*ed' }],
    ['10.0.0.*', { kind: 'word-wildcard', pattern: '10.0.0.*' }],
    ['foo.*', { kind: 'word-wildcard', pattern: 'foo.*' }],
    ['f**d', { kind: 'word-wildcard', pattern: 'f*d' }],
    ['パス*', { kind: 'word-wildcard', pattern: 'パス*' }],
    ['kube-api*', { kind: 'and', of: [any('kube'), { kind: 'word-wildcard', pattern: 'api*' }] }],
    ['fail* password', { kind: 'or', of: [any('password'), { kind: 'word-wildcard', pattern: 'fail*' }] }],
    ['"fail*"', any('fail')],
    ['message: *-*', { kind: 'exists', field: 'message' }],
  ])('wildcard %j', (text, query) => {
    expect(parsed(text)).toEqual(query)
  })
})

describe('values of other fields', () => {
  test.each<[string, Query]>([
    ['user.name: root', term('user.name', 'root')],
    ['user.name:Root', term('user.name', 'Root')],
    ['user.name: "a b"', term('user.name', 'a b')],
    ['process.title: two  words', term('process.title', 'two  words')],
    ['user.name: ""', term('user.name', '')],
    ['"user.name": x', term('user.name', 'x')],
    ['user.name: *', { kind: 'exists', field: 'user.name' }],
    ['user.name: "*"', term('user.name', '*')],
    ['user.name: \\*', term('user.name', '*')],
    ['user.name: ro*', { kind: 'wildcard', field: 'user.name', pattern: 'ro*' }],
    ['user.name: a\\*b*', { kind: 'wildcard', field: 'user.name', pattern: 'a\\*b*' }],
    ['file.path: "C:\\\\Users"', term('file.path', 'C:\\Users')],
    ['file.path: C\\:\\\\Users\\\\*', { kind: 'wildcard', field: 'file.path', pattern: 'C:\\\\Users\\\\*' }],
    ['user.name: \\(\\)\\:\\<\\>\\"\\*\\{\\}\\\\', term('user.name', '():<>"*{}\\')],
    ['user.name: \\and', term('user.name', 'and')],
    ['user.name: android', term('user.name', 'android')],
    ['user.name: "\\u0041\\t"', term('user.name', 'A\t')],
    ['my\\ field: x', term('my field', 'x')],
    ['kubernetes.labels.app.kubernetes.io/name: x', term('kubernetes.labels.app.kubernetes.io/name', 'x')],
    ['source.port: 022', term('source.port', '22')],
    ['decklog.seq: 9007199254740993', term('decklog.seq', '9007199254740993')],
    ['decklog.ssh.preauth: TRUE', term('decklog.ssh.preauth', 'true')],
    ['unknown: 007', term('unknown', '007')],
  ])('%j', (text, query) => {
    expect(parsed(text)).toEqual(query)
  })

  test('a list in parentheses is the same as the field repeated', () => {
    expect(parsed('user.name: (root or "a b" and not bob)')).toEqual(
      parsed('user.name: root or user.name: "a b" and not user.name: bob'),
    )
  })

  test('a name with a wildcard stands for the known fields that the value fits', () => {
    const query = parsed('source.*: 22')
    const fields = query.kind === 'or' ? query.of.map((part) => ('field' in part ? part.field : '')) : []
    expect(fields).toContain('source.port')
    expect(fields).toContain('source.address')
    expect(fields).not.toContain('source.ip')
    expect(parsed('user.nam*: root')).toEqual(term('user.name', 'root'))
  })
})

describe('addresses, ranges and dates', () => {
  test.each<[string, Query]>([
    ['source.ip: 10.0.0.5', term('source.ip', '10.0.0.5')],
    ['source.ip: 10.9.8.7/8', { kind: 'cidr', field: 'source.ip', cidr: '10.0.0.0/8' }],
    ['source.ip: 10.1.*', { kind: 'cidr', field: 'source.ip', cidr: '10.1.0.0/16' }],
    ['source.ip: "2001:DB8::/32"', { kind: 'cidr', field: 'source.ip', cidr: '2001:db8::/32' }],
    ['source.ip: "2001:db8:0:0::1"', { kind: 'cidr', field: 'source.ip', cidr: '2001:db8::1/128' }],
    ['source.ip: "::ffff:10.0.0.1"', term('source.ip', '10.0.0.1')],
    ['source.ip >= 10.0.0.9', { kind: 'range', field: 'source.ip', gte: '10.0.0.9' }],
    ['http.response.status_code >= 500', { kind: 'range', field: 'http.response.status_code', gte: '500' }],
    ['a.b < -1.50', { kind: 'range', field: 'a.b', lt: '-1.5' }],
    ['user.name > m', { kind: 'range', field: 'user.name', gt: 'm' }],
    ['@timestamp >= "2026-11-24"', { kind: 'range', field: '@timestamp', gte: '2026-11-24T00:00:00.000Z' }],
    ['@timestamp > "2026-11-24"', { kind: 'range', field: '@timestamp', gte: '2026-11-25T00:00:00.000Z' }],
    ['@timestamp <= 2026-11', { kind: 'range', field: '@timestamp', lt: '2026-12-01T00:00:00.000Z' }],
    ['@timestamp < now-1h', { kind: 'range', field: '@timestamp', lt: '2026-11-24T09:30:45.678Z' }],
    ['@timestamp >= now-1d/d', { kind: 'range', field: '@timestamp', gte: '2026-11-23T00:00:00.000Z' }],
    [
      '@timestamp: 2026-11-24',
      { kind: 'range', field: '@timestamp', gte: '2026-11-24T00:00:00.000Z', lt: '2026-11-25T00:00:00.000Z' },
    ],
    [
      '@timestamp: "2026-11-24T10:00:00.123456789+01:00"',
      {
        kind: 'range',
        field: '@timestamp',
        gte: '2026-11-24T09:00:00.123456789Z',
        lt: '2026-11-24T09:00:00.123456790Z',
      },
    ],
  ])('%j', (text, query) => {
    expect(parsed(text)).toEqual(query)
  })
})

describe('operators', () => {
  const [a, b, c] = [term('a', '1'), term('b', '1'), term('c', '1')]

  test('not binds closest, then and, then or', () => {
    expect(parsed('not a: 1 and b: 1 or c: 1')).toEqual({
      kind: 'or',
      of: [{ kind: 'and', of: [{ kind: 'not', of: a }, b] }, c],
    })
  })

  test('parentheses group, any case is an operator, chains are flat', () => {
    expect(parsed('a: 1 AND (b: 1 Or c: 1)')).toEqual({ kind: 'and', of: [a, { kind: 'or', of: [b, c] }] })
    expect(parsed('(a: 1 and b: 1) and c: 1')).toEqual({ kind: 'and', of: [a, b, c] })
  })

  test('bare words beside each other are one value, also between operators', () => {
    expect(parsed('failed password and a: 1')).toEqual({ kind: 'and', of: [any('failed', 'password'), a] })
  })
})

describe('a wrong query is answered at the character', () => {
  test.each<[string, number, RegExp]>([
    ['user.name:', 10, /expected a value for "user.name", found the end/],
    ['user.name: (a', 11, /never closed/],
    ['a b)', 3, /never opened/],
    ['()', 1, /something between/],
    ['and', 0, /found the operator "and"/],
    ['a: 1 or', 7, /found the end/],
    ['foo "bar"', 4, /between a quoted phrase/],
    ['foo user.name: root', 4, /before "user.name:"/],
    ['source.ip: fe80::1', 15, /needs quotes/],
    ['source.ip: (fe80::1)', 16, /needs quotes/],
    ['source.ip: host', 11, /expected an address/],
    ['source.ip: 10.0.0.0/33', 11, /expected an address/],
    ['source.port: ssh', 13, /expected a number/],
    ['source.port: 22*', 13, /takes no wildcard/],
    ['@timestamp >= "2026-02-30"', 14, /expected a date/],
    ['@timestamp >= yesterday', 14, /expected a date/],
    ['message > a', 10, /has no order/],
    ['kubernetes.labels: x', 19, /name what is in it/],
    ['nope.*: x', 0, /no known field/],
    ['user.name: not root', 11, /not user.name/],
    ['user.name: { first: x }', 11, /nested groups/],
    ['"abc', 0, /never closed/],
    ['a\\qb', 1, /backslash/],
    ['a: b > c', 5, /before a further field/],
    ['x: "a" "b"', 7, /quoted phrase/],
  ])('%j at %i', (text, position, expected) => {
    const error = failure(text)
    expect(error.code).toBe('query-invalid')
    expect(error.position).toBe(position)
    expect(error.message).toMatch(expected)
    const [, line, caret] = error.message.split('\n')
    expect(caret!.indexOf('^')).toBe(line!.indexOf(text) + position)
  })

  test('of a long query only what is around the fault is shown', () => {
    const error = failure(`${'word '.repeat(400)}(`)
    expect(error.message.split('\n')[1]!.length).toBeLessThan(100)
    expect(error.message.split('\n')[2]!.length).toBeLessThanOrEqual(error.message.split('\n')[1]!.length + 1)
  })

  test('control and direction characters of the query are not repeated', () => {
    const { message } = failure('\u001b[31m \u202e x: (')
    expect(message).not.toMatch(/[\p{Cf}]|\p{Cc}(?<!\n)/u)
  })
})

describe('limits are said plainly', () => {
  test.each<[string, string, RegExp]>([
    ['too long', 'a'.repeat(10_001), /10000 characters at most, this one has 10001/],
    ['too many terms', Array.from({ length: 1_001 }, () => 'a:b').join(' or '), /1000 terms at most/],
    ['too many words', 'a '.repeat(1_001), /1000 terms at most/],
    ['too deep', `${'('.repeat(101)}a${')'.repeat(101)}`, /100 deep at most/],
    ['too many not', `${'not '.repeat(101)}a`, /100 deep at most/],
    ['deepest possible', '('.repeat(10_000), /100 deep at most/],
  ])('%s', (_, text, expected) => {
    expect(failure(text).message).toMatch(expected)
  })

  test('what is just within the limits is read', () => {
    expect(parsed(Array.from({ length: 1_000 }, () => 'a:b').join(' or ')).kind).toBe('or')
    expect(parsed(`${'('.repeat(100)}a${')'.repeat(100)}`)).toEqual(any('a'))
    expect(parsed('a'.repeat(10_000)).kind).toBe('words')
  })

  test.each([
    ['user.name = root', 10, 'user.name: root'],
    ['user.name=root', 0, 'user.name: root'],
    ['user.name != root', 10, 'user.name: root'],
    ['root && sudo', 5, 'write and'],
    ['root || sudo', 5, 'write or'],
    ["user.name: 'root'", 11, '"double quotes"'],
  ])('%s is noted: another language is meant', (text, position, said) => {
    expect(parseKql(text, { nowMs: NOW_MS }).notes).toEqual([
      { position, message: expect.stringContaining(said) as string },
    ])
  })

  test.each(['"a = b"', "it's", "user.name: o'brien", 'a-b', 'event.duration >= 5'])(
    '%s holds nothing of another language',
    (text) => expect(parseKql(text, { nowMs: NOW_MS }).notes).toEqual([]),
  )

  test('a wildcard in front is allowed and noted', () => {
    const { notes } = parseKql('user.name: root and process.name: *shadow', { nowMs: NOW_MS })
    expect(notes).toEqual([{ position: 34, message: expect.stringContaining('dear') as string }])
    expect(parseKql('user.name: "*x"', { nowMs: NOW_MS }).notes).toEqual([])
    expect(parseKql('---', { nowMs: NOW_MS }).notes).toEqual([
      { position: 0, message: expect.stringContaining('no word') as string },
    ])
  })
})

function failure(text: string): DecklogError {
  try {
    parsed(text)
  } catch (error) {
    if (error instanceof DecklogError) return error
    throw error
  }
  throw new Error(`was read: ${text}`)
}
