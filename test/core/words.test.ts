import { expect, test } from 'vitest'
import fc from 'fast-check'
import { cutWords, cutAsciiWords } from '../../src/core/words.ts'

// What Elasticsearch 9's _analyze (analyzer: standard) answers for this text.
const ANALYSED =
  "a:b user:name foo.bar 10.0.0.1 1,000 3:4 can't user_name x=1 /var/log/pods err-42 foo@bar.com 12.ab ab.12 a.1 " +
  'naïve Ünïcode 日本語 テスト emoji😀x ß İstanbul a..b _x_ 1_000 2026-11-24T08:00:00.123Z fe80::1 [x] \u001b[31mred don’t x·y'
const ANSWER = [
  'a:b',
  'user:name',
  'foo.bar',
  '10.0.0.1',
  '1,000',
  '3',
  '4',
  "can't",
  'user_name',
  'x',
  '1',
  'var',
  'log',
  'pods',
  'err',
  '42',
  'foo',
  'bar.com',
  '12',
  'ab',
  'ab',
  '12',
  'a',
  '1',
  'naïve',
  'ünïcode',
  '日',
  '本',
  '語',
  'テスト',
  'emoji',
  '😀',
  'x',
  'ß',
  'istanbul',
  'a',
  'b',
  '_x_',
  '1_000',
  '2026',
  '11',
  '24t08',
  '00',
  '00.123z',
  'fe80',
  '1',
  'x',
  '31mred',
  'don’t',
  'x·y',
]

test('words are cut as Elasticsearch cuts them', () => {
  expect(cutWords(ANALYSED)).toEqual(ANSWER)
})

test('an ASCII text is cut the same by the fast and by the Unicode way', () => {
  const ascii = fc.string({ unit: fc.constantFrom(..."aZ09_.:,;' -/".split('')), maxLength: 600 })
  fc.assert(
    fc.property(ascii, (text) => {
      // A trailing sign outside ASCII that is no word forces the Unicode way.
      expect(cutWords(`${text} \u2022`)).toEqual(cutWords(text))
    }),
  )
})

test('a word longer than 255 units is cut there', () => {
  expect(cutWords('x'.repeat(300)).map((word) => word.length)).toEqual([255, 45])
  expect(cutWords('é'.repeat(300)).map((word) => word.length)).toEqual([255, 45])
})

test('joiners alone are no word, and a joiner ends what a mid sign could join', () => {
  expect(cutWords('__ _ a_.b a._b')).toEqual(['a_', 'b', 'a', '_b'])
})

test('lower case goes by code point: no final sigma', () => {
  expect(cutWords('ΟΔΟΣ')).toEqual(['οδοσ'])
})

test('no word of any text is empty, or longer than 255 units and what a code point more may add', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
      for (const word of cutWords(text)) {
        expect(word.length).toBeGreaterThan(0)
        expect(word.length).toBeLessThanOrEqual(257)
      }
    }),
  )
})

test('byte positions of ASCII words are those of the text', () => {
  const bytes = Buffer.from('--one two.2--')
  const found: string[] = []
  cutAsciiWords(bytes, 0, bytes.length, (from, to) => found.push(bytes.toString('latin1', from, to)))
  expect(found).toEqual(['one', 'two', '2'])
})
