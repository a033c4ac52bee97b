import { describe, expect, it } from 'vitest'
import { formatIso } from '../../src/core/instant.ts'
import { readIso, readMonthDay } from '../../src/parsers/support/time.ts'
import { contextOf } from './support.ts'

function monthDay(text: string, batchTime: string, utcOffsetMinutes = 0): string | undefined {
  const stamp = readMonthDay(text, 0, contextOf({ batchTime, utcOffsetMinutes }))
  return stamp?.ns === undefined ? undefined : formatIso(stamp.ns)
}

function iso(text: string, utcOffsetMinutes = 0): string | undefined {
  const stamp = readIso(text, 0, utcOffsetMinutes)
  return stamp?.ns === undefined ? undefined : formatIso(stamp.ns)
}

describe('a time stamp without a year', () => {
  it.each([
    [
      'in the middle of the year it is this year',
      'Jun 15 10:00:00',
      '2026-06-15T12:00:00Z',
      '2026-06-15T10:00:00.000Z',
    ],
    [
      '31 December in a batch of January is last year',
      'Dec 31 23:59:59',
      '2027-01-01T00:00:05Z',
      '2026-12-31T23:59:59.000Z',
    ],
    [
      '1 January in a batch of 31 December, a clock ahead, is next year',
      'Jan  1 00:00:05',
      '2026-12-31T23:59:59Z',
      '2027-01-01T00:00:05.000Z',
    ],
    [
      'within a day after the batch it is this year',
      'Nov 25 11:59:59',
      '2026-11-24T12:00:00Z',
      '2026-11-25T11:59:59.000Z',
    ],
    [
      'more than a day after the batch it is last year',
      'Nov 25 12:00:01',
      '2026-11-24T12:00:00Z',
      '2025-11-25T12:00:01.000Z',
    ],
    [
      '29 February is the last one that there was',
      'Feb 29 01:02:03',
      '2027-03-01T00:00:00Z',
      '2024-02-29T01:02:03.000Z',
    ],
    [
      '29 February over a century without a leap day',
      'Feb 29 01:02:03',
      '2101-03-01T00:00:00Z',
      '2096-02-29T01:02:03.000Z',
    ],
  ])('%s', (_, text, batchTime, expected) => {
    expect(monthDay(text, batchTime)).toBe(expected)
  })

  it('is read in the zone of its host, also where the year differs there', () => {
    expect(monthDay('Jan  1 00:30:00', '2026-12-31T23:31:00Z', 60)).toBe('2026-12-31T23:30:00.000Z')
    expect(monthDay('Dec 31 23:30:00', '2027-01-01T04:31:00Z', -300)).toBe('2027-01-01T04:30:00.000Z')
  })

  it.each([
    'Feb 30 10:00:00',
    'Apr 31 10:00:00',
    'Jan  0 10:00:00',
    'Jan  1 24:00:00',
    'Jan  1 10:60:00',
    'Jun 30 23:59:60',
  ])('has no moment where there is none: %s', (text) => {
    const stamp = readMonthDay(text, 0, contextOf())
    expect(stamp).toBeDefined()
    expect(stamp!.ns).toBeUndefined()
  })

  it.each(['Foo 24 08:00:00', 'Nov x4 08:00:00', 'Nov 24 8:00:00', 'Nov 24', '', 'Nov 24 08-00-00'])(
    'is none: %s',
    (text) => {
      expect(readMonthDay(text, 0, contextOf())).toBeUndefined()
    },
  )

  it('does not fail on a batch without a sound time', () => {
    const context = { ...contextOf(), batchTimeMs: Number.NaN }
    expect(readMonthDay('Nov 24 08:00:00', 0, context)?.ns).toBeUndefined()
  })
})

describe('an ISO time stamp', () => {
  it('keeps up to nine digits of a second', () => {
    expect(iso('2026-11-24T08:00:00.123456789Z')).toBe('2026-11-24T08:00:00.123456789Z')
    expect(iso('2026-11-24T08:00:00.1Z')).toBe('2026-11-24T08:00:00.100Z')
    expect(iso('2026-11-24T08:00:00.1234567891234Z')).toBe('2026-11-24T08:00:00.123456789Z')
  })

  it.each([
    ['2026-11-24T08:00:00+01:00', '2026-11-24T07:00:00.000Z'],
    ['2026-11-24T08:00:00-0330', '2026-11-24T11:30:00.000Z'],
    ['2026-11-24 08:00:00Z', '2026-11-24T08:00:00.000Z'],
  ])('honours its zone: %s', (text, expected) => {
    expect(iso(text, 600)).toBe(expected)
  })

  it('is in the zone of its host where it names none', () => {
    expect(iso('2026-11-24T08:00:00', 60)).toBe('2026-11-24T07:00:00.000Z')
  })

  it.each([
    '2026-02-30T08:00:00Z',
    '2026-13-01T08:00:00Z',
    '2026-11-24T08:00:60Z',
    '1899-01-01T00:00:00Z',
    '2300-01-01T00:00:00Z',
  ])('has no moment where there is none: %s', (text) => {
    expect(readIso(text, 0, 0)).toBeDefined()
    expect(iso(text)).toBeUndefined()
  })
})
