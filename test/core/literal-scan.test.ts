import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileScan } from '../../src/core/literal-scan/block-scan.ts'

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
  compileScan(literals)(raw, { oncePerRecord: true, report: (start) => hits.push(start) > 0 })
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

function placesOf(text: string, literal: string): number[] {
  const places: number[] = []
  for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + 1)) places.push(at)
  return places
}

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

  it('names every literal with every place, when all are asked for', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(literal, { minLength: 1, maxLength: 6 }),
        fc.array(fc.tuple(noise, fc.nat(5)), { maxLength: 6 }),
        (literals, parts) => {
          const text = parts
            .map(([before, which]) => before + (literals[which] ?? ''))
            .join('')
            .toLowerCase()
          const expected = literals.flatMap((one) => placesOf(text, one).map((at) => `${at}:${one}`))
          const found = new Set<string>()
          const report = (start: number, id: number): boolean =>
            found.add(`${start}:${literals[id]}`).size > 0
          compileScan(literals)(Buffer.from(text, 'latin1'), { oncePerRecord: false, report })
          expect([...found].sort()).toEqual(expected.sort())
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 3000) },
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
    const report = (start: number): boolean => hits.push(start) > 0
    compileScan(['abcdefgh', 'abc'])(buffer.subarray(3, 11), { oncePerRecord: true, report })
    expect(hits).toEqual([])
  })

  it('reads an empty batch', () => {
    expect(recordsFound('', ['abc', 'abcdefgh'], 1)).toEqual([])
  })
})
