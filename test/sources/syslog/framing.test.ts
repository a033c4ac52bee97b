import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Framer } from '../../../src/sources/syslog/framing.ts'

interface Got {
  readonly records: string[]
  readonly discarded: number
  readonly isLost: boolean
}

function frame(chunks: readonly (string | Buffer)[], { recordMax = 1024 } = {}): Got {
  const records: string[] = []
  const framer = new Framer({
    recordMax: () => recordMax,
    take: (record, mark) =>
      records.push(record.toString('latin1') + (mark === undefined ? '' : ` (${mark})`)),
  })
  for (const chunk of chunks) framer.push(Buffer.from(chunk as string, 'latin1'))
  framer.finish()
  return { records, discarded: framer.discardedBytes, isLost: framer.isLost }
}

const counted = (text: string): string => `${text.length} ${text}`

describe('framing', () => {
  test.each([
    ['LF', '<13>one\n<13>two\n', ['<13>one', '<13>two']],
    ['CR LF', '<13>one\r\n<13>two\r\n', ['<13>one', '<13>two']],
    ['NUL', '<13>one\0<13>two\0', ['<13>one', '<13>two']],
    [
      'NUL, with newlines in the messages',
      '<13>zero\0<13>one\nof two\0<13>two\0',
      ['<13>zero', '<13>one\nof two', '<13>two'],
    ],
    ['both at once', '<13>one\0\n<13>two\0\n', ['<13>one', '<13>two']],
    ['no priority', 'one\ntwo\n', ['one', 'two']],
    ['digits that are no count', '2026-11-24 one\n12 monkeys\n', ['2026-11-24 one', '12 monkeys']],
    ['empty lines', '\n\n<13>one\n\r\n\n<13>two\n', ['<13>one', '<13>two']],
    ['octet counting', counted('<13>one') + counted('<13>two'), ['<13>one', '<13>two']],
    ['counts that count the newline', counted('<13>one\n') + counted('<13>two\n'), ['<13>one', '<13>two']],
    [
      'counts with a newline behind',
      `${counted('<13>one')}\n${counted('<13>two')}\n`,
      ['<13>one', '<13>two'],
    ],
    [
      'several lines, counted',
      counted('<13>one\n  at a\n  at b') + counted('<13>2'),
      ['<13>one\n  at a\n  at b', '<13>2'],
    ],
    [
      'counts without priority, once it has counted',
      counted('<13>one') + counted('hello'),
      ['<13>one', 'hello'],
    ],
    ['counted, then lines', `${counted('<13>one')}<13>two\n<13>three\n`, ['<13>one', '<13>two', '<13>three']],
    ['lines, then counted', `<13>one\n${counted('<13>two')}<13>three\n`, ['<13>one', '<13>two', '<13>three']],
    ['a zero within lines', '<13>one\n<13>a\0b\n', ['<13>one', '<13>a\0b']],
    ['a zero that ends a line of others', '<13>one\n<13>a\0<13>b\n', ['<13>one', '<13>a', '<13>b']],
    ['one that may only later be seen to end with zeros', '<13>a\nb\0<13>c\nd\0', ['<13>a', 'b', '<13>c\nd']],
    ['a newline that ends one among zeros', '<13>one\0<13>a\n<13>b\0', ['<13>one', '<13>a', '<13>b']],
    ['no end', '<13>one\n<13>tw', ['<13>one', '<13>tw (partial)']],
    ['a count whose message has no end', '20 <13>one', ['<13>one (partial)']],
    ['half a count', '<13>one\n12', ['<13>one', '12 (partial)']],
    ['a count that nobody sends', '99999999 <13>one\n', ['99999999 <13>one']],
    ['a count of nothing', '0 <13>one\n', ['0 <13>one']],
  ])('%s', (_what, text, expected) => {
    const whole = frame([text])
    expect(whole.records).toEqual(expected)
    expect(frame(Array.from(text))).toEqual(whole)
  })

  test('a message that is too long is cut, its rest is counted, and its neighbours are whole', () => {
    const long = `<13>${'x'.repeat(100)}`
    const expected = [`${long.slice(0, 50)} (truncated)`, '<13>next']
    expect(frame([`${long}\n<13>next\n`], { recordMax: 50 })).toEqual({
      records: expected,
      discarded: 54,
      isLost: false,
    })
    expect(frame(Array.from(`${long}\n<13>next\n`), { recordMax: 50 }).records).toEqual(expected)
    expect(frame([`${counted(long)}${counted('<13>next')}`], { recordMax: 50 }).records).toEqual(expected)
    expect(frame([`${long.slice(0, 50)}\n<13>next\n`], { recordMax: 50 }).records).toEqual([
      long.slice(0, 50),
      '<13>next',
    ])
  })

  test('what never has a newline gives one record, and no more memory than that', () => {
    const records: number[] = []
    const framer = new Framer({ recordMax: () => 1000, take: (record) => records.push(record.length) })
    for (let i = 0; i < 1000; i++) framer.push(Buffer.alloc(100, 'x'))
    expect(records).toEqual([1000])
    expect(framer.heldBytes).toBe(0)
    expect(framer.discardedBytes).toBe(99_000)
  })

  test('counts that do not fit their messages are noticed: what follows is not taken for messages', () => {
    const got = frame(['10 <13>grüße, mehr', counted('<13>two')])
    expect(got.isLost).toBe(true)
    expect(got.records[0]).toBe('<13>grüße,')
    expect(got.records).toHaveLength(2)
    expect(got.records[1]).toMatch(/\(partial\)$/)
  })

  test('how bytes are cut into chunks changes nothing', () => {
    const piece = fc.oneof(
      fc.constantFrom('\n', '\0', '\r\n', '<13>', '<', '1', ' ', '12 <', 'abc', '5 hello', '\n<1', '\0<9'),
      fc.string({ maxLength: 8 }).map((text) => Buffer.from(text).toString('latin1')),
      fc.string({ maxLength: 30 }).map((text) => counted(`<34>${Buffer.from(text).toString('latin1')}`)),
    )
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        fc.array(fc.nat(300), { maxLength: 12 }),
        (pieces, cuts) => {
          const text = pieces.join('')
          const at = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length]
          const chunks = at.slice(1).map((end, i) => text.slice(at[i], end))
          const whole = frame([text], { recordMax: 40 })
          const cut = frame(chunks, { recordMax: 40 })
          if (!whole.isLost) expect(cut).toEqual(whole)
          else expect(cut.isLost).toBe(true)
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('garbage is taken, and every byte of it is in a record, a terminator, or counted', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        let kept = 0
        const framer = new Framer({ recordMax: () => 64, take: (record) => (kept += record.length) })
        for (const chunk of chunks) framer.push(Buffer.from(chunk))
        framer.finish()
        const all = Buffer.concat(chunks)
        const terminators = all.filter((byte) => byte === 10 || byte === 13 || byte === 0).length
        const counts = all.filter((byte) => byte === 32).length * 9
        if (!framer.isLost)
          expect(kept + framer.discardedBytes).toBeGreaterThanOrEqual(all.length - terminators - counts)
        expect(kept + framer.discardedBytes).toBeLessThanOrEqual(all.length)
      }),
    )
  })
})
