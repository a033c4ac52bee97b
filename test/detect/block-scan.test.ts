import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scansFor } from '../../src/detect/sigma/block-scan.ts'

/** Records that hold a literal, by the plainest means. */
function recordsWith(text: string, literals: readonly string[]): number[] {
  const lines = text.toLowerCase().split('\n')
  return lines.flatMap((line, index) => (literals.some((literal) => line.includes(literal)) ? [index] : []))
}

/** The same by scanning, in bytes that begin anywhere in their buffer. */
function recordsFound(text: string, literals: readonly string[], offset: number): number[] {
  const buffer = new Uint8Array(text.length + offset + 3).fill(0x61)
  const raw = buffer.subarray(offset, offset + text.length)
  raw.set(Buffer.from(text, 'latin1'))
  const hits: number[] = []
  for (const scan of scansFor(literals)) scan(raw, hits)
  const found = new Set(hits.map((at) => text.slice(0, at).split('\n').length - 1))
  return [...found].sort((left, right) => left - right)
}

const literal = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '-', '@', '`', ' '), minLength: 3, maxLength: 12 }),
  fc.constantFrom(
    'abc',
    'abcd',
    'abcde',
    'abcdef',
    'abcdefg',
    'abcdefgh',
    'cab',
    '/etc/passwd',
    'sudo',
    '{[(',
    'a1b2c3d',
  ),
)
const noise = fc.string({
  unit: fc.constantFrom('a', 'B', 'b', 'c', '@', '`', ' ', '-', '\n', 'é'),
  maxLength: 20,
})
const shout = fc.boolean()

describe('the scan for literals', () => {
  it('finds each record that holds one and no other, wherever the bytes begin', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(literal, { minLength: 1, maxLength: 6 }),
        fc.array(fc.tuple(noise, fc.nat(5), shout), { maxLength: 8 }),
        fc.nat(7),
        (literals, parts, offset) => {
          const text = parts
            .map(([before, which, loud]) => {
              const planted = literals[which] ?? ''
              return before + (loud ? planted.toUpperCase() : planted)
            })
            .join('')
          expect(recordsFound(text, literals, offset)).toEqual(recordsWith(text, literals))
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 5000) },
    )
  })

  it.each([3, 4, 5, 6, 7, 8, 15])('finds a literal of %d at every place, alignment and end', (length) => {
    const word = 'zyxwvutsrqponml'.slice(0, length)
    for (let offset = 0; offset < 8; offset++) {
      for (let before = 0; before < 24; before++) {
        for (let after = 0; after < 12; after++) {
          const text = '.'.repeat(before) + word.toUpperCase() + '.'.repeat(after)
          expect(recordsFound(text, [word], offset)).toEqual([0])
        }
      }
    }
  })

  it('takes no bytes outside of its own', () => {
    const buffer = Buffer.from('xxabcdefghxx')
    const hits: number[] = []
    for (const scan of scansFor(['abcdefgh', 'abc'])) scan(buffer.subarray(3, 11), hits)
    expect(hits).toEqual([])
  })

  it('reads an empty batch', () => {
    expect(recordsFound('', ['abc', 'abcdefgh'], 1)).toEqual([])
  })
})
