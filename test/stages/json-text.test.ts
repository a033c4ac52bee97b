import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { QualityBit } from '../../src/core/quality.ts'
import { copiedQuality, copyAsJson, ESCAPE_BYTES_MAX } from '../../src/stages/json-text.ts'
import { oddCharacters } from '../../src/stages/text-quality.ts'
import { qualitiesOf } from '../../src/core/quality.ts'

function copied(text: string): string {
  const bytes = Buffer.from(`[${text}]`)
  const out = Buffer.alloc(bytes.length * ESCAPE_BYTES_MAX + 2, 0x7e)
  const end = copyAsJson(bytes, 1, bytes.length - 1, out, 1)
  expect(out[0]).toBe(0x7e)
  expect(out[end]).toBe(0x7e)
  return out.toString('utf8', 1, end)
}

describe('copyAsJson', () => {
  test('gives what JSON.parse reads back, for every text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (given) => {
        const text = given.toWellFormed()
        expect(JSON.parse(`"${copied(text)}"`)).toBe(text)
      }),
      { numRuns: 2000 },
    )
  })

  test('says the same oddities as the slow way', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (given) => {
        const text = given.toWellFormed().replaceAll('\n', ' ')
        copied(text)
        expect(qualitiesOf(copiedQuality())).toEqual(oddCharacters(text))
      }),
      { numRuns: 3000 },
    )
  })

  test.each([
    ['tab\t', 0],
    ['end\r', 0],
    ['mid\rdle', QualityBit.control],
    ['\u007f', QualityBit.control],
    ['\u009f', QualityBit.control],
    ['\u00a0é', 0],
    ['\u061c', QualityBit.bidi],
    ['\u200b', QualityBit.bidi],
    ['\u2010', 0],
    ['\u2060', QualityBit.bidi],
    ['\ufeff', QualityBit.bidi],
    ['\ufffd', 0],
  ])('judges %j', (text, quality) => {
    copied(text)
    expect(copiedQuality()).toBe(quality)
  })
})
