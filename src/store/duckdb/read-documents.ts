import { closeSync, openSync, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { DecklogError } from '../../core/errors.ts'
import type { Database } from './database.ts'
import type { PagePlace } from './parquet.ts'
import type { Segment } from './segments.ts'
import { literal } from './sql-text.ts'
import { LEVEL_BYTES } from './text-columns.ts'

const unpack = promisify(zstdDecompress)

interface Reading {
  readonly database: Database
  /** In the segment's file. */
  readonly rows: readonly number[]
  readonly signal: AbortSignal | undefined
}

/**
 * Documents by their row. A page of ours is read and unpacked alone; DuckDB would unpack the whole row group, thirty times as
 * much. Row groups that DuckDB wrote it reads itself: those segments are small.
 */
export async function readDocuments(segment: Segment, reading: Reading): Promise<Map<number, string>> {
  const documents = new Map<number, string>()
  const left: number[] = []
  const file = openSync(segment.path, 'r')
  try {
    for (const [page, rows] of pagesOf(segment, reading.rows, left)) {
      const texts = textsOf(await pageBytes(file, page.place), rows, page.firstRow)
      for (const [row, text] of texts) documents.set(row, text)
    }
  } finally {
    closeSync(file)
  }
  if (left.length > 0) await askDatabase(segment, { ...reading, rows: left }, documents)
  return documents
}

interface Page {
  readonly place: PagePlace
  readonly firstRow: number
}

/** Rows by page; those of blocks without pages go to `left`. */
function pagesOf(segment: Segment, rows: readonly number[], left: number[]): Map<Page, number[]> {
  const pages = new Map<Page, number[]>()
  const sorted = rows.toSorted((a, b) => a - b)
  let at = 0
  let firstRow = 0
  for (const block of segment.sidecar.blocks) {
    const blockEnd = firstRow + block.rows
    for (const place of block.pages) {
      const own: number[] = []
      while (at < sorted.length && sorted[at]! < firstRow + place.rows) own.push(sorted[at++]!)
      if (own.length > 0) pages.set({ place, firstRow }, own)
      firstRow += place.rows
    }
    while (at < sorted.length && sorted[at]! < blockEnd) left.push(sorted[at++]!)
    firstRow = blockEnd
  }
  return pages
}

async function pageBytes(file: number, { at, length, isPacked }: PagePlace): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  if (readSync(file, bytes, 0, length, at) !== length) {
    throw new DecklogError('state-corrupt', 'a segment ends too early; restore it from a backup')
  }
  return isPacked ? unpack(bytes) : bytes
}

/** Values stand one after the other, each behind its length. */
function textsOf(page: Buffer, rows: readonly number[], firstRow: number): [number, string][] {
  const texts: [number, string][] = []
  let at = LEVEL_BYTES
  let row = firstRow
  for (const wanted of rows) {
    for (; row < wanted; row++) at += 4 + page.readUInt32LE(at)
    texts.push([row, page.toString('utf8', at + 4, at + 4 + page.readUInt32LE(at))])
  }
  return texts
}

async function askDatabase(
  segment: Segment,
  { database, rows, signal }: Reading,
  into: Map<number, string>,
): Promise<void> {
  const sql =
    `SELECT file_row_number, _doc FROM read_parquet(${literal(segment.path)}, file_row_number = true) ` +
    `WHERE file_row_number IN (${rows.join(', ')})`
  for (const [row, text] of await database.rows(sql, signal)) into.set(Number(row), text as string)
}
