import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasControls, isAsciiSpan, wordsOf } from '../../src/stages/text-quality.ts'

/** Bytes of which most are plain, at any place of their memory. */
const placed = fc
  .record({
    bytes: fc.array(
      fc.oneof(
        { weight: 30, arbitrary: fc.constantFrom(0x20, 0x41, 0x7e, 0x0a, 0x09) },
        { weight: 1, arbitrary: fc.nat(255) },
      ),
      { maxLength: 40, size: 'max' },
    ),
    before: fc.nat(7),
    after: fc.nat(7),
  })
  .map(({ bytes, before, after }) => {
    const memory = new Uint8Array(before + bytes.length + after).fill(0x01, 0, before)
    memory.fill(0x80, before + bytes.length)
    memory.set(bytes, before)
    return memory.subarray(before, before + bytes.length)
  })

describe('looks at four bytes at once', () => {
  test('find every control character, and nothing beside the batch', () => {
    fc.assert(
      fc.property(placed, (raw) => {
        const expected = raw.some((byte) => (byte < 0x20 && byte !== 0x0a && byte !== 0x09) || byte === 0x7f)
        expect(hasControls(raw)).toBe(expected)
      }),
      { numRuns: 3000 },
    )
  })

  test('tell of any part whether it is ASCII', () => {
    fc.assert(
      fc.property(placed, fc.nat(40), fc.nat(40), (raw, a, b) => {
        const start = Math.min(a, b, raw.length)
        const end = Math.min(Math.max(a, b), raw.length)
        const expected = raw.subarray(start, end).every((byte) => byte < 0x80)
        expect(isAsciiSpan(raw, wordsOf(raw), start, end)).toBe(expected)
      }),
      { numRuns: 3000 },
    )
  })
})
