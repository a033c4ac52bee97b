import { isUtf8 } from 'node:buffer'
import { closeSync, openSync, writeSync } from 'node:fs'
import { zstdDecompressSync } from 'node:zlib'
import { EventIndex } from '../../core/event-batch.ts'
import {
  ASK_MARK,
  BLOCK_BYTES_MAX,
  BLOCK_ROWS,
  COLUMN_VALUE_BYTES_MAX,
  FIELD_COLUMNS,
  LIST_MARK,
} from './columns.ts'
import { DictionaryColumn } from './dictionary-column.ts'
import { IntegerColumn } from './integer-column.ts'
import { PagedTextColumn } from './text-columns.ts'
import type { Entry } from './entry.ts'
import { ParquetWriter, type ColumnChunk, type ColumnSchema } from './parquet.ts'
import { DocumentScanner, ValueKind, type ValueSpan } from './scan-document.ts'
import { writeSidecar, type Block } from './sidecar.ts'
import { columnSeed, hashBytes, HashSet, mix } from './word-filter.ts'
import { WordColumn } from './word-column.ts'

/** Names that the first columns of every segment have, in this order. */
export const OWN_INTEGERS = ['_arrival', '_time', '_seq', '_n'] as const
export const OWN_DICTIONARIES = ['_stream', '_tenant', '_node', '_ds'] as const
/**
 * `_json`: NULL, but for documents that DuckDB's JSON reader would refuse, and with them every query that looks into
 * documents: the same document as it can be read, or an empty one.
 */
const SCHEMA: readonly ColumnSchema[] = [
  ...OWN_INTEGERS.map((name) => ({ name, kind: 'i64' }) as const),
  ...[...OWN_DICTIONARIES, ...FIELD_COLUMNS].map((name) => ({ name, kind: 'dictionary' }) as const),
  { name: '_json', kind: 'dictionary' },
  { name: '_words', kind: 'text' },
  { name: '_doc', kind: 'text' },
]
export const SEGMENT_SCHEMA = SCHEMA

export interface BuiltSegment {
  readonly rows: number
  readonly bytes: number
  /** Of the documents, unpacked. */
  readonly documentBytes: number
  readonly blocks: readonly Omit<Block, 'filterAt' | 'filterSize' | 'filterKind'>[]
  /** Events by tenant. */
  readonly tenants: readonly (readonly [string, number])[]
  readonly ingestMinMs: number
  readonly ingestMaxMs: number
}

interface FinishedBlock {
  readonly block: Omit<Block, 'filterAt' | 'filterSize' | 'filterKind'>
  readonly hashes: Uint32Array
  readonly bloom: undefined
}

/** The scanner's last column: it has no column of its own, its words have. */
const MESSAGE = FIELD_COLUMNS.length
const ASK = Buffer.from(ASK_MARK)
const MARKS = new RegExp(`[${LIST_MARK}${ASK_MARK}]`)
/** Stands in for documents that cannot be unpacked; the raw records are in the archive. */
const UNREADABLE = Buffer.from('{"decklog":{"quality":["document-unreadable"]}}')

/**
 * Turns journal entries into a segment: a Parquet file and its sidecar. Runs in a worker; holds one block of rows at a time.
 */
export class SegmentBuilder {
  readonly #file: number
  readonly #parquet: ParquetWriter
  readonly #scanner = new DocumentScanner([...FIELD_COLUMNS, 'message'])
  readonly #hashes = new HashSet()
  readonly #integers = OWN_INTEGERS.map(() => new IntegerColumn(BLOCK_ROWS))
  readonly #own = OWN_DICTIONARIES.map(() => new DictionaryColumn(BLOCK_ROWS))
  readonly #fields = FIELD_COLUMNS.map(() => new DictionaryColumn(BLOCK_ROWS))
  readonly #json = new DictionaryColumn(BLOCK_ROWS)
  readonly #words = new WordColumn(this.#hashes)
  readonly #documents = new PagedTextColumn()
  readonly #blocks: FinishedBlock[] = []
  readonly #tenants = new Map<string, number>()
  readonly #listColumns = new Set<string>()
  readonly #askColumns = new Set<string>()
  #rows = 0
  #malformed = 0
  #arrivalFirst = 0
  #arrivalLast = 0
  #timeMin = 0n
  #timeMax = 0n
  #ingestMinMs = Number.POSITIVE_INFINITY
  #ingestMaxMs = 0
  #totalRows = 0
  #documentBytes = 0

  constructor(path: string) {
    this.#file = openSync(path, 'w')
    this.#parquet = new ParquetWriter(SCHEMA, (bytes) => writeFully(this.#file, bytes))
  }

  add({ header, batch }: Entry): void {
    const index = new EventIndex(batch)
    const documents = unpack(batch.codec, batch.documents, batch.documentBytes)
    const isClean = documents !== undefined && isUtf8(documents)
    const own = [batch.stream, batch.tenant, batch.node, batch.dataStream].map((text) => Buffer.from(text))
    for (let row = 0; row < index.count; ) {
      const count = this.#roomFor(index, row)
      for (const [at, bytes] of own.entries()) this.#fillOwn(at, bytes, count)
      for (const end = row + count; row < end; row++) {
        this.#place(header.arrival + row, index.timeNs(row))
        this.#integers[2]!.add(BigInt(index.firstSeq(row)))
        this.#integers[3]!.add(BigInt(index.n(row)))
        const start = index.offset(row)
        const to = start + index.length(row)
        if (documents === undefined || to > documents.byteLength)
          this.#addDocument(UNREADABLE, 0, UNREADABLE.byteLength)
        else if (isClean) this.#addDocument(documents, start, to)
        else this.#addDirty(documents.subarray(start, to))
        this.#rows++
      }
      if (this.#rows === BLOCK_ROWS || this.#documents.length >= BLOCK_BYTES_MAX) this.#endBlock()
    }
    this.#tenants.set(batch.tenant, (this.#tenants.get(batch.tenant) ?? 0) + index.count)
    this.#ingestMinMs = Math.min(this.#ingestMinMs, batch.receivedMs)
    this.#ingestMaxMs = Math.max(this.#ingestMaxMs, batch.receivedMs)
    this.#totalRows += index.count
    this.#documentBytes += batch.documentBytes
  }

  /** How many of the batch's rows from `row` on go into the block; at least one. */
  #roomFor(index: EventIndex, row: number): number {
    const rowsMax = Math.min(index.count - row, BLOCK_ROWS - this.#rows)
    let bytes = this.#documents.length
    let count = 0
    while (count < rowsMax && bytes < BLOCK_BYTES_MAX) bytes += index.length(row + count++)
    return count
  }

  /** Writes what is left. Both files must be flushed before they are named in the manifest. */
  finish(sidecarPath: string): BuiltSegment {
    if (this.#rows > 0) this.#endBlock()
    this.#parquet.finish()
    const sidecar = {
      fields: this.#scanner.catalogue(),
      fieldsOverflow: this.#scanner.overflow,
      listColumns: [...this.#listColumns],
      askColumns: [...this.#askColumns],
      malformed: this.#malformed,
      columns: FIELD_COLUMNS,
    }
    const sidecarBytes = writeSidecar(sidecarPath, sidecar, this.#blocks)
    closeSync(this.#file)
    return {
      rows: this.#totalRows,
      bytes: this.#parquet.bytes + sidecarBytes,
      documentBytes: this.#documentBytes,
      blocks: this.#blocks.map(({ block }) => block),
      tenants: [...this.#tenants],
      ingestMinMs: this.#ingestMinMs,
      ingestMaxMs: this.#ingestMaxMs,
    }
  }

  /** After an error: nothing of the files counts. */
  abandon(): void {
    closeSync(this.#file)
  }

  #place(arrival: number, timeNs: bigint): void {
    if (this.#rows === 0) {
      this.#arrivalFirst = arrival
      this.#timeMin = timeNs
      this.#timeMax = timeNs
    }
    this.#arrivalLast = arrival
    if (timeNs < this.#timeMin) this.#timeMin = timeNs
    else if (timeNs > this.#timeMax) this.#timeMax = timeNs
    this.#integers[0]!.add(BigInt(arrival))
    this.#integers[1]!.add(timeNs)
  }

  #fillOwn(at: number, bytes: Buffer, count: number): void {
    const of = { source: bytes, start: 0, end: bytes.byteLength }
    if (this.#own[at]!.fill(this.#rows, this.#rows + count, of))
      this.#addHash(OWN_SEEDS[at]!, bytes, 0, bytes.byteLength)
  }

  #addDirty(bytes: Uint8Array): void {
    const repaired = isUtf8(bytes) ? bytes : Buffer.from(Buffer.from(bytes).toString('utf8'))
    this.#addDocument(repaired, 0, repaired.byteLength)
  }

  #addDocument(bytes: Uint8Array, start: number, end: number): void {
    this.#documents.add(bytes, start, end)
    if (this.#scanner.scan(bytes, start, end)) {
      this.#addValues(bytes)
      return
    }
    this.#malformed++
    const readable = readableForm(bytes.subarray(start, end))
    this.#json.set(this.#rows, readable, { start: 0, end: readable.byteLength })
    this.#scanner.scan(readable, 0, readable.byteLength)
    this.#addValues(readable)
  }

  #addValues(bytes: Uint8Array): void {
    const { found, foundCount, kinds, isRepeated, starts, ends } = this.#scanner
    for (let i = 0; i < foundCount; i++) {
      const column = found[i]!
      if (column === MESSAGE) continue
      if (isRepeated[column] === 1 && this.#fields[column]!.repeat(this.#rows)) continue
      const kind = kinds[column]!
      if (kind === ValueKind.plain)
        this.#addValue(bytes, { column, start: starts[column]!, end: ends[column]! })
      else this.#addSlow(bytes, column, kind)
    }
    this.#addMessage(bytes)
  }

  #addValue(bytes: Uint8Array, { column, start, end }: { column: number; start: number; end: number }): void {
    if (end - start > COLUMN_VALUE_BYTES_MAX) {
      this.#askColumns.add(FIELD_COLUMNS[column]!)
      this.#fields[column]!.set(this.#rows, ASK, { start: 0, end: 1 })
    } else if (this.#fields[column]!.set(this.#rows, bytes, { start, end })) {
      this.#addHash(FIELD_SEEDS[column]!, bytes, start, end)
    }
  }

  /** Escaped strings, numbers, and lists. */
  #addSlow(bytes: Uint8Array, column: number, kind: number): void {
    const { starts, ends, many } = this.#scanner
    const spans =
      kind === ValueKind.many ? many[column]! : [{ kind, start: starts[column]!, end: ends[column]! }]
    const values = spans.map((span) => decodeSpan(bytes, span))
    const isOdd = values.some((value) => MARKS.test(value))
    const text = values.length === 1 ? values[0]! : `${LIST_MARK}${values.join(LIST_MARK)}${LIST_MARK}`
    const encoded = Buffer.from(isOdd ? ASK_MARK : text)
    if (values.length > 1 && !isOdd && encoded.byteLength <= COLUMN_VALUE_BYTES_MAX) {
      this.#listColumns.add(FIELD_COLUMNS[column]!)
      this.#fields[column]!.set(this.#rows, encoded, { start: 0, end: encoded.byteLength })
      for (const value of values) {
        const each = Buffer.from(value)
        this.#addHash(FIELD_SEEDS[column]!, each, 0, each.byteLength)
      }
      return
    }
    if (isOdd) this.#askColumns.add(FIELD_COLUMNS[column]!)
    this.#addValue(encoded, { column, start: 0, end: encoded.byteLength })
  }

  #addMessage(bytes: Uint8Array): void {
    const { kinds, starts, ends, many } = this.#scanner
    const column = MESSAGE
    const kind = kinds[column]!
    this.#words.begin()
    if (kind === ValueKind.plain || kind === ValueKind.escaped)
      this.#words.addJson(bytes, starts[column]!, ends[column]!)
    else if (kind === ValueKind.many)
      for (const span of many[column]!) this.#words.addText(decodeSpan(bytes, span))
    else if (kind === ValueKind.scalar) this.#words.addJson(bytes, starts[column]!, ends[column]!)
    this.#words.end(kind !== ValueKind.none)
  }

  #addHash(seed: number, bytes: Uint8Array, start: number, end: number): void {
    this.#hashes.add(mix(hashBytes(seed, bytes, start, end)))
  }

  #endBlock(): void {
    const columns: ColumnChunk[] = [
      ...this.#integers.map((column) => column.take()),
      ...[...this.#own, ...this.#fields, this.#json].map((column) => column.take(this.#rows)),
      this.#words.take(this.#rows),
      this.#documents.take(),
    ]
    const pages = this.#parquet.rowGroup(this.#rows, columns)
    const block = {
      rows: this.#rows,
      arrivalFirst: this.#arrivalFirst,
      arrivalLast: this.#arrivalLast,
      timeMin: this.#timeMin,
      timeMax: this.#timeMax,
      pages,
    }
    this.#blocks.push({ block, hashes: this.#hashes.take(), bloom: undefined })
    this.#rows = 0
  }
}

const EMPTY = Buffer.from('{}')

/** The document as every reader takes it: lone surrogates become U+FFFD, infinite numbers null. */
function readableForm(bytes: Uint8Array): Buffer {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString('utf8'), wellFormed) as unknown
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    const text = Buffer.from(isObject ? JSON.stringify(value) : '{}')
    return new DocumentScanner([]).scan(text, 0, text.byteLength) ? text : EMPTY
  } catch {
    return EMPTY
  }
}

function wellFormed(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const keys = Object.keys(value)
  if (keys.every((key) => key.isWellFormed())) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toWellFormed(), one]))
}

const OWN_SEEDS = OWN_DICTIONARIES.map(columnSeed)
const FIELD_SEEDS = FIELD_COLUMNS.map(columnSeed)

const UNPACKING_ROOM_BYTES = 64

function unpack(codec: string, documents: Uint8Array, length: number): Uint8Array | undefined {
  if (codec !== 'zstd') return documents
  try {
    // In one piece, with room to see the end: pieces would be joined, at twice the time.
    const chunkSize = length + UNPACKING_ROOM_BYTES
    return zstdDecompressSync(documents, { maxOutputLength: Math.max(1, length), chunkSize })
  } catch {
    return undefined
  }
}

/** Text that a term is compared with: numbers as JavaScript writes them, integers with all their digits. */
function decodeSpan(bytes: Uint8Array, { kind, start, end }: ValueSpan): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', start, end)
  if (kind === ValueKind.plain) return text
  try {
    if (kind === ValueKind.escaped) return JSON.parse(`"${text}"`) as string
    return /^-?\d+$/.test(text) && text !== '-0' ? text : String(JSON.parse(text))
  } catch {
    return text
  }
}

function writeFully(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(file, bytes, at, bytes.byteLength - at)
}
