import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatIso, parseInstant, parseInterval, parseIsoNs } from '../../src/core/instant.ts'

const NOW_MS = Date.parse('2026-03-31T10:30:45.678Z')

function span(text: string): [string, string] | undefined {
  const instant = parseInstant(text, NOW_MS)
  return instant && [formatIso(instant.fromNs), formatIso(instant.toNs)]
}

describe('a time as a person writes it', () => {
  test.each<[string, string, string]>([
    ['2026', '2026-01-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['2026-12', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z', '2024-03-01T00:00:00.000Z'],
    ['2026-11-24T10', '2026-11-24T10:00:00.000Z', '2026-11-24T11:00:00.000Z'],
    ['2026-11-24 10:59', '2026-11-24T10:59:00.000Z', '2026-11-24T11:00:00.000Z'],
    ['2026-11-24T23:59:59z', '2026-11-24T23:59:59.000Z', '2026-11-25T00:00:00.000Z'],
    ['2026-11-24T10:00:00.5Z', '2026-11-24T10:00:00.500Z', '2026-11-24T10:00:00.600Z'],
    ['2026-11-24T10:00:00,123456789Z', '2026-11-24T10:00:00.123456789Z', '2026-11-24T10:00:00.123456790Z'],
    ['2026-11-24T10:00+01:00', '2026-11-24T09:00:00.000Z', '2026-11-24T09:01:00.000Z'],
    ['2026-11-24T10:00-0930', '2026-11-24T19:30:00.000Z', '2026-11-24T19:31:00.000Z'],
    ['2026-11-24T10:00+05', '2026-11-24T05:00:00.000Z', '2026-11-24T05:01:00.000Z'],
    ['1795514400000', '2026-11-24T10:00:00.000Z', '2026-11-24T10:00:00.001Z'],
    ['now', '2026-03-31T10:30:45.678Z', '2026-03-31T10:30:45.678000001Z'],
    ['now-15m', '2026-03-31T10:15:45.678Z', '2026-03-31T10:15:45.678000001Z'],
    ['now-1d+2h', '2026-03-30T12:30:45.678Z', '2026-03-30T12:30:45.678000001Z'],
    ['now/d', '2026-03-31T00:00:00.000Z', '2026-04-01T00:00:00.000Z'],
    ['now-1d/d', '2026-03-30T00:00:00.000Z', '2026-03-31T00:00:00.000Z'],
    ['now/w', '2026-03-30T00:00:00.000Z', '2026-04-06T00:00:00.000Z'],
    ['now/h', '2026-03-31T10:00:00.000Z', '2026-03-31T11:00:00.000Z'],
    ['now-1M', '2026-02-28T10:30:45.678Z', '2026-02-28T10:30:45.678000001Z'],
    ['now-1M/M', '2026-02-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z'],
    ['now-2y/y', '2024-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z'],
    ['1969-12-31T23:59:59.999999999Z', '1969-12-31T23:59:59.999999999Z', '1970-01-01T00:00:00.000Z'],
  ])('%s', (text, from, to) => {
    expect(span(text)).toEqual([from, to])
  })

  test.each([
    '',
    'yesterday',
    '2026-13',
    '2026-00',
    '2026-02-30',
    '2025-02-29',
    '2026-11-24T24:00',
    '2026-11-24T10:60',
    '2026-11-24T10:00:60Z',
    '2026-11-24T10:00+99:00',
    '2026-1-1',
    '24.11.2026',
    '1234',
    '0999',
    '9999',
    '99999999999999999',
    'now-',
    'now-1',
    'now-1q',
    'now/x',
    'nowhere',
    'now-99999y',
    'now-999999999y',
    '2026-11-24Z',
    ' 2026',
    '2026 ',
    '2026-11-24T10:00:00.1234567890Z',
    '+2026',
  ])('%j is no time', (text) => {
    expect(span(text)).toBeUndefined()
  })

  test('nothing that is given to it makes it throw', () => {
    const digits = fc.string({
      unit: fc.constantFrom(...'0123456789-+:.TZnow/dMy '.split('')),
      maxLength: 40,
    })
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 8e15 }), (text, nowMs) => void parseInstant(text, nowMs)),
      { numRuns: 5_000 },
    )
  })
})

test('what is printed is read back, to the nanosecond', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -2_000_000_000_000_000_000n, max: 9_000_000_000_000_000_000n }), (ns) => {
      expect(parseIsoNs(formatIso(ns))).toBe(ns)
    }),
  )
})

test('an interval has its end excluded', () => {
  const interval = parseInterval('2026-11-24/2026-12', NOW_MS)
  expect(interval && [formatIso(interval.fromNs), formatIso(interval.toNs)]).toEqual([
    '2026-11-24T00:00:00.000Z',
    '2026-12-01T00:00:00.000Z',
  ])
  expect(parseInterval('now/d/now', NOW_MS)).toBeDefined()
  expect(parseInterval('2026-11-24', NOW_MS)).toBeUndefined()
})
