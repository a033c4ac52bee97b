import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BATCH_BYTES_MAX } from '../../src/core/limits.ts'
import { type ChunkCut, countNewlines, cutChunk } from '../../src/roles/ship/cut-chunk.ts'
import { simdMemory } from '../../src/roles/ship/newline-simd.ts'

/** Where a turn has its bytes, which is counted with SIMD, and anywhere else. */
const places = [
  {
    name: 'in the memory for SIMD',
    at: (length: number, shift: number) => simdMemory.subarray(shift, shift + length),
  },
  { name: 'elsewhere', at: (length: number, shift: number) => Buffer.alloc(length + shift).subarray(shift) },
]

test.each(places)('newlines are counted exactly, at every alignment and for every byte: $name', ({ at }) => {
  const inputs = fc.record({
    random: fc.uint8Array({ maxLength: 3_000 }),
    share: fc.nat(256),
    shift: fc.nat(17),
  })
  fc.assert(
    fc.property(inputs, ({ random, share, shift }) => {
      const view = at(random.length, shift)
      // Bytes that differ from a newline in one bit or by one are where such tricks go wrong.
      for (const [i, byte] of random.entries())
        view[i] = byte < share ? [10, 10, 0x8a, 0x0b, 9, 0x1a][byte % 6]! : byte
      for (const end of [0, Math.min(1, view.length), view.length >> 1, view.length]) {
        expect(countNewlines(view, end)).toBe(view.subarray(0, end).filter((byte) => byte === 10).length)
      }
    }),
  )
})

test('a chunk as large as a batch, of nothing but newlines, is counted to the last one', () => {
  const whole = simdMemory.subarray(0, BATCH_BYTES_MAX + 128).fill(10)
  expect(countNewlines(whole, whole.length)).toBe(whole.length)
  expect(countNewlines(whole.subarray(128), BATCH_BYTES_MAX)).toBe(BATCH_BYTES_MAX)
})

/** Cuts a file as turns do, and answers the pieces. */
function cutAll(file: Buffer, final: boolean): { readonly bytes: Buffer; readonly part: ChunkCut }[] {
  const pieces: { bytes: Buffer; part: ChunkCut }[] = []
  let inRecord = false
  for (let at = 0; ; ) {
    const chunk = file.subarray(at, at + BATCH_BYTES_MAX)
    const part: ChunkCut | undefined =
      cutChunk(chunk, inRecord, false) ?? (final ? cutChunk(chunk, inRecord, true) : undefined)
    if (part === undefined) return pieces
    pieces.push({ bytes: chunk.subarray(0, part.end), part })
    at += part.end
    inRecord = part.fragment && !part.last
  }
}

test('whatever the lengths of lines: no byte is lost, records are counted once, fragments only where a record is too large', () => {
  const lengths = fc.array(
    fc.oneof(
      fc.nat(200),
      fc.integer({ min: BATCH_BYTES_MAX - 2, max: BATCH_BYTES_MAX + 2 }),
      fc.nat(3 * BATCH_BYTES_MAX),
    ),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(lengths, fc.boolean(), (lineLengths, ended) => {
      const text =
        lineLengths.map((length) => 'x'.repeat(length)).join('\n') +
        (ended && lineLengths.length > 0 ? '\n' : '')
      const file = Buffer.from(text)
      const pieces = cutAll(file, true)
      expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(file)).toBe(true)
      const records = text === '' ? 0 : text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
      expect(pieces.reduce((sum, { part }) => sum + part.count, 0)).toBe(records)
      for (const { bytes, part } of pieces) {
        expect(bytes.length).toBeLessThanOrEqual(BATCH_BYTES_MAX)
        if (!part.fragment) expect(bytes.at(-1)).toBe(10)
        if (part.fragment && !part.last) expect(bytes.length).toBe(BATCH_BYTES_MAX)
      }
    }),
    { numRuns: 60 },
  )
})

test('a line without its end is not cut before it is final', () => {
  expect(cutChunk(Buffer.from('begun'), false, false)).toBeUndefined()
  expect(cutChunk(Buffer.from('a\nbegun'), false, false)).toEqual({
    end: 2,
    count: 1,
    fragment: false,
    last: false,
  })
  expect(cutChunk(Buffer.from('begun'), false, true)).toEqual({
    end: 5,
    count: 1,
    fragment: true,
    last: true,
  })
  expect(cutChunk(Buffer.alloc(0), false, true)).toBeUndefined()
  // The rest of a huge record is gone: an empty last fragment ends it.
  expect(cutChunk(Buffer.alloc(0), true, true)).toEqual({ end: 0, count: 1, fragment: true, last: true })
})
