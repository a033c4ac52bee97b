import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inNetwork, parseAddress, parseNetwork } from '../../src/core/address.ts'
import { DictionaryColumn } from '../../src/store/duckdb/dictionary-column.ts'
import { IntegerColumn } from '../../src/store/duckdb/integer-column.ts'
import { PagedTextColumn, TextColumn } from '../../src/store/duckdb/text-columns.ts'
import { ParquetWriter, readFooter } from '../../src/store/duckdb/parquet.ts'
import { ADDRESS_MACRO, hexOf, inNetworkSql } from '../../src/store/duckdb/sql-address.ts'
import { likeSql, literal, patternParts } from '../../src/store/duckdb/sql-text.ts'
import { readThrift, writeThrift } from '../../src/store/duckdb/thrift.ts'
import {
  bloomOffset,
  BLOOM_LINE_BYTES,
  buildBloom,
  HashSet,
  lineMayHold,
  wordHash,
} from '../../src/store/duckdb/word-filter.ts'

const directory = mkdtempSync(join(tmpdir(), 'decklog-parquet-'))
let instance: DuckDBInstance
let connection: DuckDBConnection

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
  await connection.run(ADDRESS_MACRO)
})
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
  rmSync(directory, { recursive: true, force: true })
})

interface Row {
  readonly number: bigint
  readonly text: string
  readonly paged: string
  readonly optional: string | null
}

const SCHEMA = [
  { name: 'number', kind: 'i64' },
  { name: 'optional', kind: 'dictionary' },
  { name: 'text', kind: 'text' },
  { name: 'paged', kind: 'text' },
] as const

function writeRows(path: string, groups: readonly (readonly Row[])[]): void {
  const file = openSync(path, 'w')
  const writer = new ParquetWriter(SCHEMA, (bytes) => writeSync(file, bytes))
  const [number, optional, text, paged] = [
    new IntegerColumn(8192),
    new DictionaryColumn(8192),
    new TextColumn(),
    new PagedTextColumn(),
  ]
  for (const rows of groups) {
    for (const [at, row] of rows.entries()) {
      number.add(row.number)
      const [one, other] = [Buffer.from(row.text), Buffer.from(row.paged)]
      text.add(one, 0, one.byteLength)
      paged.add(other, 0, other.byteLength)
      const value = row.optional === null ? undefined : Buffer.from(row.optional)
      if (value !== undefined) optional.set(at, value, { start: 0, end: value.byteLength })
    }
    writer.rowGroup(rows.length, [
      number.take(),
      optional.take(rows.length),
      text.take(rows.length),
      paged.take(),
    ])
  }
  writer.finish()
  closeSync(file)
}

async function readRows(path: string): Promise<Row[]> {
  const reader = await connection.runAndReadAll(`SELECT number, text, paged, optional FROM ${literal(path)}`)
  return reader.getRows().map(([number, text, paged, optional]) => ({ number, text, paged, optional }) as Row)
}

const i64 = fc.oneof(
  { weight: 3, arbitrary: fc.bigInt({ min: 1_795_000_000_000_000_000n, max: 1_795_000_000_900_000_000n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { weight: 3, arbitrary: fc.bigInt({ min: 0n, max: 300n }) },
)
const words = fc.constantFrom('', 'a', 'b', 'same', 'é', 'x'.repeat(300))
const row = fc.record({
  number: i64,
  text: fc.string({ unit: 'grapheme', maxLength: 20 }),
  paged: fc.oneof(words, fc.constant('y'.repeat(3000))),
  optional: fc.oneof(
    { weight: 4, arbitrary: words },
    { weight: 1, arbitrary: fc.constant(null) },
    fc.string({ maxLength: 5 }),
  ),
})
const group = fc.oneof(
  fc.array(row, { minLength: 1, maxLength: 400 }),
  // Long runs, as batches make them.
  fc.tuple(row, fc.integer({ min: 1, max: 900 })).map(([one, count]) =>
    Array.from({ length: count }, (_, at) => ({
      ...one,
      number: BigInt.asIntN(64, one.number + BigInt(at)),
    })),
  ),
)

test('DuckDB reads from a file what was written into it', async () => {
  let serial = 0
  await fc.assert(
    fc.asyncProperty(fc.array(group, { minLength: 1, maxLength: 4 }), async (groups) => {
      const path = join(directory, `${serial++}.parquet`)
      writeRows(path, groups)
      expect(await readRows(path)).toEqual(groups.flat())
      rmSync(path)
    }),
    { numRuns: 60 },
  )
}, 60_000)

test('a footer that is read and written again is the same', () => {
  const path = join(directory, 'footer.parquet')
  const chunks: Uint8Array[] = []
  const writer = new ParquetWriter(SCHEMA, (bytes) => chunks.push(bytes.slice()))
  const empty = [
    new IntegerColumn(1),
    new DictionaryColumn(1),
    new TextColumn(),
    new PagedTextColumn(),
  ] as const
  empty[0].add(1n)
  for (const column of [empty[2], empty[3]]) column.add(Buffer.from('x'), 0, 1)
  writer.rowGroup(1, [empty[0].take(), empty[1].take(1), empty[2].take(1), empty[3].take()])
  writer.finish()
  const file = Buffer.concat(chunks)
  const { footer, start } = readFooter(file)
  expect(writeThrift(footer)).toEqual(file.subarray(start, -8))
  expect(() => readFooter(Buffer.from(path))).toThrow(RangeError)
  expect(() => readThrift(file.subarray(start, start + 20))).toThrow(RangeError)
})

test('addresses are read in SQL as parseAddress reads them', async () => {
  const groupText = fc.constantFrom('0', '1', 'ff', 'FFFF', 'a00', '12345', 'g', '')
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.tuple(fc.ipV6(), fc.ipV4()).map(([six, four]) => `${six.slice(0, 12)}:${four}`),
    fc.array(groupText, { minLength: 1, maxLength: 10 }).map((parts) => parts.join(':')),
    fc.constantFrom(
      '::ffff:10.0.0.1',
      '::ffff:a00:1',
      '1.2.3.04',
      '256.1.1.1',
      '::',
      ':',
      '::1.2.3.4:5',
      'x',
      "'",
    ),
  )
  const texts = fc.sample(text, { numRuns: 600, seed: 5 })
  const reader = await connection.runAndReadAll(
    `SELECT t, address_hex(t) FROM (VALUES ${texts.map((one) => `(${literal(one)})`).join(', ')}) v(t)`,
  )
  for (const [one, hex] of reader.getRows()) {
    const address = parseAddress(one as string)
    expect({ one, hex }).toEqual({
      one,
      hex: address === undefined ? null : hexOf(address.version, address.value),
    })
  }
  for (const cidr of [
    '10.0.0.0/8',
    '0.0.0.0/0',
    '192.168.4.0/22',
    '128.0.0.0/1',
    '::/0',
    'fe80::/10',
    '::ffff:0:0/96',
  ]) {
    const network = parseNetwork(cidr)!
    const found = await connection.runAndReadAll(
      `SELECT t FROM (VALUES ${texts.map((each) => `(${literal(each)})`).join(', ')}) v(t) WHERE ${inNetworkSql('t', network)}`,
    )
    const expected = texts.filter((each) => {
      const address = parseAddress(each)
      return address !== undefined && inNetwork(address, network)
    })
    expect({ cidr, found: found.getRows().map(([each]) => each) }).toEqual({ cidr, found: expected })
  }
})

test('any text is one literal, and any pattern matches itself alone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 30 }), async (text) => {
      const wellFormed = text.toWellFormed()
      const pattern = wellFormed.replace(/[*\\]/g, '\\$&')
      expect(patternParts(pattern)).toEqual([wellFormed])
      const reader = await connection.runAndReadAll(
        `SELECT ${literal(wellFormed)}, ${likeSql(literal(wellFormed), pattern)}, ${likeSql(literal(`${wellFormed}x`), pattern)}`,
      )
      expect(reader.getRows()[0]).toEqual([wellFormed, true, false])
    }),
    { numRuns: 200 },
  )
})

test('a filter never denies what it holds, and rarely claims what it does not', () => {
  const set = new HashSet()
  const count = 40_000
  for (let at = 0; at < count; at++) set.add(wordHash(`word-${at}`))
  const hashes = set.take()
  expect(set.take().length).toBe(0)
  const bloom = buildBloom(hashes)
  const lines = bloom.byteLength / BLOOM_LINE_BYTES
  const mayHold = (word: string): boolean => {
    const hash = wordHash(word)
    const at = bloomOffset(hash, lines)
    return lineMayHold(bloom.subarray(at, at + BLOOM_LINE_BYTES), hash)
  }
  for (let at = 0; at < count; at++) expect(mayHold(`word-${at}`)).toBe(true)
  let claimed = 0
  for (let at = 0; at < count; at++) if (mayHold(`other-${at}`)) claimed++
  expect(claimed / count).toBeLessThan(0.03)
})
