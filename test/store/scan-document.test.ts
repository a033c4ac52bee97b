import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fieldValues } from '../../src/core/match-query.ts'
import type { JsonObject } from '../../src/core/document.ts'
import { decodeString } from '../../src/store/duckdb/json-bytes.ts'
import { DocumentScanner, fieldName, ValueKind } from '../../src/store/duckdb/scan-document.ts'

const COLUMNS = ['a', 'a.b', 'b.c', 'message', 'x.y.z', 'tags']

/** What the scanner says of a column, decoded. */
function valuesOf(scanner: DocumentScanner, bytes: Buffer, column: number): unknown[] {
  const { kinds, starts, ends, many } = scanner
  const kind = kinds[column]!
  if (kind === ValueKind.none) return []
  const spans =
    kind === ValueKind.many ? many[column]! : [{ kind, start: starts[column]!, end: ends[column]! }]
  return spans.map((span) => {
    const part = bytes.subarray(span.start, span.end)
    return span.kind === ValueKind.scalar ? (JSON.parse(part.toString()) as unknown) : decodeString(part)
  })
}

function sorted(values: readonly unknown[]): string[] {
  return values.map((value) => JSON.stringify(value)).sort()
}

const key = fc.constantFrom(
  'a',
  'b',
  'c',
  'a.b',
  'x',
  'y',
  'z',
  'y.z',
  'message',
  'tags',
  'é"\\',
  '',
  'long'.repeat(30),
  '__proto__',
)
const scalar = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
)
const { object } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(tie('value'), { maxLength: 3 }), tie('object')),
  object: fc.dictionary(key, tie('value'), { maxKeys: 6 }),
}))

test('finds the values of every column, and the paths of every field, as JSON.parse does', () => {
  fc.assert(
    fc.property(
      fc.array(object as fc.Arbitrary<JsonObject>, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      (documents, spaced) => {
        const scanner = new DocumentScanner(COLUMNS)
        const names = new Set<string>()
        // Each document again and again, so that shared members are compared and not read.
        for (const document of documents.flatMap((one) => [one, one, one])) {
          const text = Buffer.from(JSON.stringify(document, null, spaced ? 2 : 0))
          expect(scanner.scan(text, 0, text.byteLength)).toBe(true)
          for (const [column, name] of COLUMNS.entries()) {
            const expected = fieldValues(document, name).filter(
              (value) => value !== null && typeof value !== 'object',
            )
            expect({ name, values: sorted(valuesOf(scanner, text, column)) }).toEqual({
              name,
              values: sorted(expected),
            })
            if (expected.length > 0) names.add(name)
          }
        }
        const found = new Set(scanner.catalogue().map((path) => fieldName(path.steps)))
        for (const name of names) expect(found).toContain(name)
      },
    ),
    { numRuns: 500 },
  )
})

test('documents of one batch that share members are read as if they were alone', () => {
  const random = fc.sample(
    fc.tuple(fc.integer({ min: 0, max: 3 }), fc.string({ maxLength: 8 }), fc.boolean()),
    { numRuns: 300, seed: 3 },
  )
  const shared = [0, 1, 2, 3].map((at) => ({
    x: { y: { z: `pod-${at}`.repeat(8) } },
    b: { c: at },
    tags: [`t${at}`],
  }))
  const lines = random.map(([at, message, isLate]) =>
    JSON.stringify(
      isLate ? { ...shared[at], message } : { message, ...shared[at], ...(message === '' ? { b: 1 } : {}) },
    ),
  )
  const bytes = Buffer.from(lines.join('\n'))
  const scanner = new DocumentScanner(COLUMNS)
  let at = 0
  let last: unknown[][] = []
  for (const line of lines) {
    const end = at + Buffer.byteLength(line)
    expect(scanner.scan(bytes, at, end)).toBe(true)
    const own = Buffer.from(line)
    const alone = new DocumentScanner(COLUMNS)
    alone.scan(own, 0, own.byteLength)
    const values = COLUMNS.map((_, column) => valuesOf(scanner, bytes, column))
    expect(values).toEqual(COLUMNS.map((_, column) => valuesOf(alone, own, column)))
    for (let i = 0; i < scanner.foundCount; i++) {
      const column = scanner.found[i]!
      if (scanner.isRepeated[column] === 1) expect(values[column]).toEqual(last[column])
    }
    last = values
    at = end + 1
  }
})

test('what is no JSON object is told, and so is what other readers refuse', () => {
  const scanner = new DocumentScanner(COLUMNS)
  const isRead = (text: string): boolean => scanner.scan(Buffer.from(text), 0, Buffer.byteLength(text))
  for (const text of [
    '',
    '{',
    '[]',
    '1',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{"a":1}x',
    '{"a":"\\x"}',
    '{"a":"\\u12"}',
    '{"a":01}',
    '{"a":1e999}',
    '{"a":"\\ud800"}',
    '{"a":"\\udc00x"}',
    '{"a":nul}',
    '{"a":truee}',
    '{"a":"\n"}',
    `${'{"a":'.repeat(300)}1${'}'.repeat(300)}`,
    '{"a":[1}',
  ]) {
    expect({ text, isRead: isRead(text) }).toEqual({ text, isRead: false })
    expect(scanner.foundCount).toBe(0)
  }
  expect(isRead('{"a":"\\ud83d\\ude00","b":{"c":-0.5e-3},"tags":[]}')).toBe(true)
})

test('any bytes are answered, never thrown at', () => {
  const scanner = new DocumentScanner(COLUMNS)
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc
          .string({ unit: fc.constantFrom(...'{}[]":,\\ua1e.-tnf '.split('')), maxLength: 40 })
          .map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        const isRead = scanner.scan(bytes, 0, bytes.byteLength)
        if (isRead) expect(() => JSON.parse(Buffer.from(bytes).toString()) as unknown).not.toThrow()
      },
    ),
    { numRuns: 3000 },
  )
})
