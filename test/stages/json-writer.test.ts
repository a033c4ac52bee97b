import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/core/document.ts'
import { FULL, putJson } from '../../src/stages/json-writer.ts'

/** Written behind `before` bytes, so that every alignment occurs; first with too little room. */
function written(value: Json, before = 0): string {
  for (let size = 64; ; size *= 2) {
    const out = Buffer.alloc(size, '.')
    const end = tried(out, before, value)
    const text = out.toString('utf8', 0, Math.min(end, size))
    expect(text.slice(0, before)).toBe('.'.repeat(before))
    if (end <= size) return text.slice(before)
  }
}

function tried(out: Buffer, at: number, value: Json): number {
  try {
    return putJson(out, at, value)
  } catch (error) {
    expect(error).toBe(FULL)
    return Number.POSITIVE_INFINITY
  }
}

/** What V8 writes; half of a surrogate pair is U+FFFD in UTF-8. */
function expected(value: Json): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? part.toWellFormed() : part))
}

const text = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        '"',
        '\\',
        '\n',
        '\t',
        '\u0000',
        '\u001f',
        '\u007f',
        ' ',
        'a',
        'é',
        '\u2028',
        '😀',
        '\ud800',
        '\udc00',
        'plain text ',
      ),
      { maxLength: 50 },
    )
    .map((parts) => parts.join('')),
)

describe('putJson', () => {
  test('gives what JSON.stringify gives', () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.double(),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 5 }),
        fc.dictionary(
          text.map((name) => name.toWellFormed()),
          tie('value'),
          { maxKeys: 5, noNullPrototype: false },
        ),
      ),
    })).value as fc.Arbitrary<Json>
    fc.assert(
      fc.property(value, fc.nat(7), (given, before) => {
        expect(written(given, before)).toBe(expected(given))
      }),
      { numRuns: 3000 },
    )
  })

  test('finds what needs an escape at every place of a long text', () => {
    for (const odd of [
      '"',
      '\\',
      '\u0000',
      '\u001f',
      '\n',
      '\u007f',
      '!',
      '#',
      '[',
      ']',
      ' ',
      'é',
      '\ud800',
    ]) {
      for (let at = 0; at < 40; at++) {
        const given = `${'x'.repeat(at)}${odd}${'y'.repeat(40 - at)}`
        for (let before = 0; before < 4; before++) expect(written(given, before)).toBe(expected(given))
      }
    }
  })

  test('makes room for texts that grow sixfold', () => {
    const given = '\u0001'.repeat(100_000)
    for (const value of [given, { a: 'x', b: [given, given] }]) {
      // Told by a boolean: a difference of a megabyte helps nobody.
      expect(written(value) === expected(value)).toBe(true)
    }
  })

  test('leaves out what is undefined, and writes what is no number as null', () => {
    expect(written({ a: undefined as unknown as Json, b: Number.NaN, c: -0, d: 1e21 })).toBe(
      '{"b":null,"c":0,"d":1e+21}',
    )
  })
})
