import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseKql } from '../../src/core/kql.ts'
import { summarise } from '../../src/web/completeness.ts'
import { type EventDocument, flatten, listOf, pretty, signalOf, valueOf } from '../../src/web/event.ts'
import { highlights } from '../../src/web/highlight.ts'
import { parseExactly } from '../../src/web/json.ts'
import {
  condition,
  conjuncts,
  hasClause,
  quoted,
  typingAt,
  withCondition,
  withoutClause,
} from '../../src/web/kql-text.ts'
import { toRow } from '../../src/web/rows.ts'
import { pieces, plain } from '../../src/web/safe-text.ts'
import { readRange, readTime, showDuration, showRange, showStamp } from '../../src/web/time.ts'
import { DEFAULT_VIEW, readView, shareable, type View, writeView } from '../../src/web/view.ts'

const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 })

describe('a condition written into the query', () => {
  test('means exactly the field and the value that it was made of', () => {
    fc.assert(
      fc.property(anyText, anyText, (name, value) => {
        const field = `labels.${name}`
        const { query } = parseKql(condition(field, value), { nowMs: 0 })
        expect(query).toEqual({ kind: 'term', field, value })
      }),
    )
  })

  test('holds nothing that cannot be seen', () => {
    // oxlint-disable-next-line no-control-regex
    const unseen = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/u
    fc.assert(
      fc.property(anyText, (value) => {
        expect(quoted(value)).not.toMatch(unseen)
      }),
    )
  })

  test('is added beside what is there, whatever binds it', () => {
    expect(withCondition('', 'a: "1"', false)).toBe('a: "1"')
    expect(withCondition('x y', 'a: "1"', false)).toBe('x y and a: "1"')
    expect(withCondition('x or y', 'a: "1"', true)).toBe('(x or y) and not a: "1"')
    expect(withCondition('b: "x or y"', 'a: "1"', false)).toBe('b: "x or y" and a: "1"')
    expect(withCondition('(x or y)', 'a: "1"', false)).toBe('(x or y) and a: "1"')
  })

  test('takes its opposite out and is not repeated', () => {
    expect(withCondition('x and a: "1"', 'a: "1"', true)).toBe('x and not a: "1"')
    expect(withCondition('x and not a: "1"', 'a: "1"', false)).toBe('x and a: "1"')
    expect(withCondition('x and a: "1"', 'a: "1"', false)).toBe('x and a: "1"')
  })

  test('is found and taken out again', () => {
    expect(hasClause('x and rule.name: *', 'rule.name: *')).toBe(true)
    expect(hasClause('x or rule.name: *', 'rule.name: *')).toBe(false)
    expect(withoutClause('x and rule.name: * and y', 'rule.name: *')).toBe('x and y')
    expect(conjuncts('a: "x and y" and (b and c) and not d')).toEqual(['a: "x and y"', '(b and c)', 'not d'])
  })
})

test.each([
  ['user.na|', { kind: 'field', field: '', prefix: 'user.na' }],
  ['user.name: ro|', { kind: 'value', field: 'user.name', prefix: 'ro' }],
  ['user.name: |', { kind: 'value', field: 'user.name', prefix: '' }],
  ['user.name: (root or ad|', { kind: 'value', field: 'user.name', prefix: 'ad' }],
  ['user.name: root and ho|', { kind: 'field', field: '', prefix: 'ho' }],
  ['user.name: "two wo|', { kind: 'value', field: 'user.name', prefix: 'two wo' }],
  ['user.name: root |', { kind: 'field', field: '', prefix: '' }],
  ['port >= 4|', { kind: 'value', field: 'port', prefix: '4' }],
])('what is typed at the caret of %s', (text, expected) => {
  const caret = text.indexOf('|')
  expect(typingAt(text.replace('|', ''), caret)).toMatchObject(expected)
})

describe('marks of what was asked for', () => {
  const marked = (query: string, text: string): string[] =>
    (highlights(query).message?.(text) ?? []).map(([start, end]) => text.slice(start, end))

  test('are whole words in any case, phrases, and words with a wildcard', () => {
    expect(marked('failed', 'Failed failedly failed')).toEqual(['Failed', 'failed'])
    expect(marked('"failed password"', 'Failed  password for failed')).toEqual(['Failed  password'])
    expect(marked('fail*', 'failure of fail')).toEqual(['failure', 'fail'])
    expect(marked('message: (root or dana)', 'root, dana, admin')).toEqual(['root', 'dana'])
  })

  test('leave out what is excluded and what belongs to other fields', () => {
    expect(marked('not failed and root', 'failed root')).toEqual(['root'])
    expect(marked('user.name: root', 'root')).toEqual([])
    expect(highlights('user.name: root').field('user.name')?.('root')).toEqual([[0, 4]])
  })

  test('are bounded, ordered and never throw, whatever the query is', () => {
    fc.assert(
      fc.property(anyText, anyText, (query, text) => {
        let at = 0
        for (const [start, end] of highlights(query).message?.(text) ?? []) {
          expect(start).toBeGreaterThanOrEqual(at)
          expect(end).toBeGreaterThan(start)
          at = end
        }
      }),
    )
    expect(highlights('a').message?.('a '.repeat(5000))).toHaveLength(200)
  })
})

describe('log text as pieces', () => {
  test('loses no character that can be seen and shows every one that cannot', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const parts = pieces(text, highlights('a or e').message)
        for (const part of parts) if (part.kind === 'text') expect(text).toContain(part.text)
        expect(plain(plain(text))).toBe(plain(text))
      }),
    )
  })

  test('names what it marks', () => {
    expect(pieces('a\u202Eb')).toEqual([
      { kind: 'text', text: 'a', matched: false },
      { kind: 'marker', text: 'U+202E', matched: false, title: 'U+202E RIGHT-TO-LEFT OVERRIDE' },
      { kind: 'text', text: 'b', matched: false },
    ])
  })
})

describe('times', () => {
  const now = { nowMs: Date.parse('2026-11-24T10:00:00Z'), zone: 'UTC' }
  test.each([
    ['now-15m', '2026-11-24T09:45:00.000Z'],
    ['now', '2026-11-24T10:00:00.000Z'],
    ['09:00', '2026-11-24T09:00:00.000Z'],
    ['2026-11-24', '2026-11-24T00:00:00.000Z'],
    ['2026-11-24 09:03:11.5', '2026-11-24T09:03:11.500Z'],
    ['2026-11-24T11:00+01:00', '2026-11-24T10:00:00.000Z'],
    ['1795514400000', '2026-11-24T10:00:00.000Z'],
  ])('%s is read', (text, expected) => {
    expect(new Date(readTime(text, now)!).toISOString()).toBe(expected)
  })

  test.each(['', 'yesterday', '2026-02-30', '25:00', '2026-13-01', 'now-', 'now-5q'])(
    '%s is refused',
    (text) => {
      expect(readTime(text, now)).toBeUndefined()
    },
  )

  test('without a zone of their own are read in the chosen one, also across a change of the clock', () => {
    const berlin = { ...now, zone: 'Europe/Berlin' }
    expect(new Date(readTime('2026-11-24 10:00', berlin)!).toISOString()).toBe('2026-11-24T09:00:00.000Z')
    expect(new Date(readTime('2026-07-01 10:00', berlin)!).toISOString()).toBe('2026-07-01T08:00:00.000Z')
    expect(new Date(readTime('2026-03-29 03:00', berlin)!).toISOString()).toBe('2026-03-29T01:00:00.000Z')
  })

  test('are shown with the digits that they came with', () => {
    expect(showStamp('2026-11-24T09:00:00.123456789Z', 'UTC')).toBe('2026-11-24 09:00:00.123456789')
    expect(showStamp('2026-11-24T09:00:00Z', 'Asia/Tokyo')).toBe('2026-11-24 18:00:00.000')
    expect(showStamp('not a time', 'UTC')).toBe('not a time')
  })

  test('ranges and durations are said shortly', () => {
    expect(showRange({ from: 'now-1h', to: 'now', zone: 'UTC' })).toBe('Last hour')
    expect(showRange({ from: '2026-11-24T09:00:00Z', to: '2026-11-24T10:00:00Z', zone: 'UTC' })).toBe(
      '2026-11-24 09:00 → 10:00',
    )
    expect(showDuration(4200)).toBe('4 s')
    expect(readRange({ from: 'now', to: 'now-1h', zone: 'UTC' }, 0)).toBeUndefined()
  })
})

describe('the view in the address', () => {
  test('comes back as it was', () => {
    const view = fc.record<View>({
      query: fc.string({ unit: 'grapheme' }),
      from: fc.constantFrom('now-15m', '2026-11-24T09:00:00.000Z'),
      to: fc.constantFrom('now', '2026-11-24T10:00:00.000Z'),
      zone: fc.constantFrom('UTC', 'Europe/Berlin'),
      columns: fc.uniqueArray(fc.constantFrom('origin', 'user.name', 'labels.a,b%2C'), { maxLength: 3 }),
      open: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
      live: fc.boolean(),
    })
    fc.assert(
      fc.property(view, (one) => {
        expect(readView(writeView(one))).toEqual(one)
      }),
    )
  })

  test('is absolute when shared, and broken parameters fall back', () => {
    const nowMs = Date.parse('2026-11-24T10:00:00Z')
    expect(shareable({ ...DEFAULT_VIEW, live: true }, nowMs)).toMatchObject({
      from: '2026-11-24T09:00:00.000Z',
      to: '2026-11-24T10:00:00.000Z',
      live: false,
    })
    expect(readView('?tz=Mars/Olympus&columns=,,a,a&live=2')).toMatchObject({
      zone: 'UTC',
      columns: ['a'],
      live: false,
    })
  })
})

describe('events', () => {
  const event = (document: object): EventDocument => ({ id: 's:1', ...document })

  test('are flattened whatever they hold, keys of prototypes included', () => {
    const document = event(
      parseExactly(
        '{"__proto__":{"polluted":1},"a":{"b.c":{"d":[1,"x"]}},"e":{},"n":12345678901234567890}',
      ) as object,
    )
    const { fields } = flatten(document)
    expect(fields.find((field) => field.name === 'a.b.c.d')).toMatchObject({
      value: '1, x',
      values: ['1', 'x'],
    })
    expect(fields.find((field) => field.name === 'n')?.value).toBe('12345678901234567890')
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect(valueOf(document, 'a.b.c.d')).toBe('1, x')
    expect(pretty(document)).toContain('12345678901234567890')
  })

  test('nested deeper than the engine can write are still shown', () => {
    let deep: object = {}
    for (let level = 0; level < 9000; level++) deep = { deep }
    expect(() => flatten(event({ deep }))).not.toThrow()
    expect(toRow(event({ message: 'm', deep })).document['message']).toBe('m')
  })

  test('carry what rules said, in single values, lists, or lists of objects', () => {
    const one = event({
      rule: { name: 'a', level: 'high' },
      threat: { technique: { id: 'T1', name: 'N' }, tactic: { name: 'X' } },
    })
    expect(signalOf(one)).toEqual({
      names: ['a'],
      level: 'high',
      techniques: [{ id: 'T1', name: 'N' }],
      tactics: ['X'],
    })
    const many = event({
      rule: { name: ['a', 'b'], level: ['low', 'critical'] },
      threat: [{ technique: { id: 'T1' } }, { technique: { id: 'T2' } }],
    })
    expect(signalOf(many)).toMatchObject({ level: 'critical', techniques: [{ id: 'T1' }, { id: 'T2' }] })
    const tagged = event({
      rule: { name: ['a'] },
      tags: ['attack.t1110', 'decklog.level.low', 'decklog.level.high'],
      threat: {
        technique: {
          id: ['T1110', 'T1078'],
          name: ['B', 'V'],
          subtechnique: { id: ['T1110.003'], name: ['P'] },
        },
      },
    })
    expect(signalOf(tagged)).toMatchObject({
      level: 'high',
      techniques: [
        { id: 'T1078', name: 'V' },
        { id: 'T1110.003', name: 'P' },
      ],
    })
    expect(signalOf(event({ message: 'x' }))).toBeUndefined()
    expect(listOf(many, 'threat.technique.id')).toEqual(['T1', 'T2'])
  })

  test('are kept short in the table, their needed fields first', () => {
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, index]))
    const row = toRow(event({ ...wide, message: 'x'.repeat(100_000) }))
    expect(row.longest).toBe(100_000)
    expect(row.document['message']).toHaveLength(2000)
    expect(Object.keys(row.document).length).toBeLessThan(500)
  })
})

test('completeness: a node is as fresh as its freshest class, the slowest node counts', () => {
  const one = {
    streams: 1,
    expected: 10,
    stored: 8,
    joined: 1,
    skipped: 0,
    declaredLost: 1,
    undeclaredGaps: 0,
  }
  const whole = summarise({
    classes: [
      { ...one, class: 'pod', newestIngestByNode: { a: 100, b: 500 } },
      { ...one, class: 'ssh', lossesWithoutSeq: 3, newestIngestByNode: { a: 900 } },
    ],
  })
  expect(whole).toEqual({
    expected: 20,
    accounted: 20,
    declaredLost: 2,
    lossesWithoutSeq: 3,
    undeclaredGaps: 0,
    slowest: { node: 'b', newestMs: 500 },
    nodes: 2,
    streams: 2,
  })
})
