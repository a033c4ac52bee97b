import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cri } from '../../src/parsers/cri.ts'
import { type LineHeader, newLineHeader } from '../../src/ports/line-format.ts'

function read(line: string, around = ['', '']): LineHeader | undefined {
  const bytes = Buffer.from(`${around[0]}${line}${around[1]}`, 'latin1')
  const start = around[0]!.length
  const header = newLineHeader()
  return cri.read(bytes, start, start + line.length, header) ? header : undefined
}

describe('cri', () => {
  test('reads where the parts of a line are', () => {
    const line = '2026-11-24T08:00:00.123456789Z stderr P some text'
    expect(read(line, ['before\n', '\nafter'])).toEqual({
      key: 1,
      partial: true,
      canonical: true,
      timeStart: 7,
      timeEnd: 7 + 29,
      timeValid: true,
      seconds: Date.UTC(2026, 10, 24, 8) / 1000,
      nanos: 123_456_789,
      zoneMinutes: 0,
      textStart: 7 + line.indexOf('some'),
    })
  })

  test.each([
    ['Z', 0],
    ['+00:00', 0],
    ['+08:00', 480],
    ['-03:30', -210],
    ['+14:00', 840],
  ])('knows the zone %s', (zone, minutes) => {
    const header = read(`2026-11-24T23:30:00.5${zone} stdout F x`)
    expect(header).toMatchObject({ zoneMinutes: minutes, nanos: 500_000_000 })
    expect(header!.seconds).toBe(Date.UTC(2026, 10, 24, 23, 30 - minutes) / 1000)
  })

  test('agrees with Date on every time that exists', () => {
    const range = {
      min: new Date('1970-01-02T00:00:00Z'),
      max: new Date('2261-12-31T00:00:00Z'),
      noInvalidDate: true,
    }
    fc.assert(
      fc.property(fc.date(range), (date) => {
        const header = read(`${date.toISOString()} stdout F x`)!
        expect(header.seconds * 1000 + header.nanos / 1e6).toBe(date.getTime())
      }),
      { numRuns: 1000 },
    )
  })

  test.each([
    '2026-02-29',
    '2026-04-31',
    '2026-00-10',
    '2026-10-00',
    '1969-12-31',
    '2262-01-01',
    '2100-02-29',
  ])('says of %s that it does not exist', (day) => {
    expect(read(`${day}T00:00:00Z stdout F x`)).toMatchObject({
      timeValid: false,
      seconds: 0,
      canonical: false,
    })
  })

  test('says of 29 February in a leap year that it does', () => {
    expect(read('2028-02-29T00:00:00Z stdout F x')).toMatchObject({ timeValid: true })
  })

  test('takes an empty text, with and without its space', () => {
    expect(read('2026-11-24T08:00:00Z stdout F ')).toMatchObject({ textStart: 30, canonical: true })
    expect(read('2026-11-24T08:00:00Z stdout F')).toMatchObject({ textStart: 29, canonical: false })
  })

  test.each([
    '',
    'x',
    '2026-11-24T08:00:00Z stdout ',
    '2026-11-24T08:00:00Z stdout X text',
    '2026-11-24T08:00:00Z stdout FF text',
    '2026-11-24T08:00:00Z stdin F text is long',
    '2026-11-24T08:00:00Z  stdout F text',
    '2026-11-24T08:00:00 stdout F text',
    '2026-11-24 08:00:00Z stdout F text',
    '2026-11-24T08:00:00.Z stdout F text',
    '2026-11-24T08:00:00.1234567890Z stdout F text',
    '2026-11-24T08:00:00+0800 stdout F text',
    '2026-1x-24T08:00:00Z stdout F text',
    'Nov 24 08:00:00 host sshd[1]: Accepted password for root',
  ])('is no CRI: %s', (line) => {
    expect(read(line)).toBeUndefined()
  })

  test('never reads past the end of its line', () => {
    const line = '2026-11-24T08:00:00.123Z stdout F:tag text'
    for (let length = 0; length < line.length; length++) {
      const alone = read(line.slice(0, length))
      const followed = read(line.slice(0, length), ['', line.slice(length)])
      expect(followed).toEqual(alone)
    }
  })
})
