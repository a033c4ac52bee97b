import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BATCH_BYTES_MAX } from '../../src/core/limits.ts'
import { type ChunkCut, countNewlines, cutChunk } from '../../src/roles/ship/cut-chunk.ts'

test('newlines are counted exactly, at every alignment and for every byte', () => {
  const bytes = fc.uint8Array({ maxLength: 3_000 }).chain((random) =>
    fc.record({
      random: fc.constant(random),
      newlines: fc.double({ min: 0, max: 1, noNaN: true }),
      shift: fc.nat(3),
    }),
  )
  fc.assert(
    fc.property(bytes, ({ random, newlines, shift }) => {
      const buffer = Buffer.alloc(random.length + shift)
      buffer.set(random, shift)
      const view = buffer.subarray(shift)
      for (let i = 0; i < view.length; i++) if (view[i]! / 256 < newlines) view[i] = i % 3 === 0 ? 10 : 0x8a
      for (const end of [0, 1, Math.floor(view.length / 2), view.length]) {
        if (end > view.length) continue
        expect(countNewlines(view, end)).toBe(view.subarray(0, end).filter((byte) => byte === 10).length)
      }
    }),
  )
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
