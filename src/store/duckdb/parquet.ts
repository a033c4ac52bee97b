import { zstdCompressSync, constants } from 'node:zlib'
import {
  binary,
  i16,
  i32,
  i64,
  list,
  nested,
  struct,
  Type,
  writeThrift,
  readThrift,
  type ThriftList,
  type ThriftStruct,
} from './thrift.ts'

/**
 * Writes Parquet files, as far as a segment needs it: i64, plain text and text by dictionary. Every column is optional, as DuckDB
 * writes them, for it reads these files and merges the small ones, and row groups of both are put into one file. https://parquet.apache.org/docs/file-format/
 */
export interface ColumnSchema {
  readonly name: string
  readonly kind: 'i64' | 'text' | 'dictionary'
}

/** One column of a row group, encoded. */
export interface ColumnChunk {
  readonly dictionary: Uint8Array | undefined
  readonly dictionaryCount: number
  /** Each with its definition levels. */
  readonly pages: readonly { readonly data: Uint8Array; readonly rows: number }[]
  readonly encoding: number
  readonly nulls: number
  /** PLAIN encoding of the least and largest value; i64 only. */
  readonly min: Uint8Array | undefined
  readonly max: Uint8Array | undefined
}

export const Encoding = { plain: 0, rle: 3, deltaBinaryPacked: 5, rleDictionary: 8 } as const
const Physical = { i64: 2, bytes: 6 } as const
const Codec = { none: 0, zstd: 6 } as const
const MAGIC = Buffer.from('PAR1')
/** Level 1 costs half the time of 3, and 4 % more bytes (measured on container logs). */
const ZSTD_LEVEL = 1
/** Below this a page is not worth a compressor's start. */
const PACK_BYTES_MIN = 192
/** Packed pages come in one piece or few: pieces of 16 KiB, as by default, are garbage and one more copy. */
const PACK_CHUNK_BYTES_MIN = 16 * 1024
const PACK_CHUNK_BYTES_MAX = 1024 * 1024

/** A page of a column in the file: where its bytes are, behind the page's header. */
export interface PagePlace {
  readonly at: number
  readonly length: number
  readonly rows: number
  readonly isPacked: boolean
}

/** Writes a file from its beginning on, row group by row group. */
export class ParquetWriter {
  readonly #schema: readonly ColumnSchema[]
  readonly #write: (bytes: Uint8Array) => void
  readonly #groups: ThriftStruct[] = []
  #offset = 0
  #rows = 0

  constructor(schema: readonly ColumnSchema[], write: (bytes: Uint8Array) => void) {
    this.#schema = schema
    this.#write = write
    this.#put(MAGIC)
  }

  get bytes(): number {
    return this.#offset
  }

  /** Returns the places of the last column's pages. */
  rowGroup(rows: number, columns: readonly ColumnChunk[]): readonly PagePlace[] {
    const start = this.#offset
    let plainBytes = 0
    let places: readonly PagePlace[] = []
    const chunks = columns.map((column, index) => {
      const chunk = this.#column(this.#schema[index]!, column, rows)
      plainBytes += chunk.plainBytes
      places = chunk.places
      return chunk.meta
    })
    this.#groups.push(
      struct({
        1: list(Type.struct, chunks),
        2: i64(plainBytes),
        3: i64(rows),
        5: i64(start),
        6: i64(this.#offset - start),
        7: i16(this.#groups.length),
      }),
    )
    this.#rows += rows
    return places
  }

  /**
   * Takes the row groups of another file of the same schema as they are. `read(at, length)` gives some of its bytes, at most
   * so many; they end at `end`, where its footer begins. Returns by how much they moved.
   * @throws {RangeError} when the schema is another one
   */
  appendFile(footer: ThriftStruct, end: number, read: (at: number, length: number) => Uint8Array): number {
    if (!isSameSchema(footer, this.#schema)) {
      throw new RangeError('segments of different columns cannot be merged as they are')
    }
    const shift = this.#offset - MAGIC.byteLength
    for (let at = MAGIC.byteLength; at < end; ) {
      const bytes = read(at, end - at)
      this.#put(bytes)
      at += bytes.byteLength
    }
    for (const group of rowGroupsOf(footer)) {
      this.#groups.push(shifted(group, shift, this.#groups.length))
      this.#rows += numberOf(group, 3)
    }
    return shift
  }

  finish(): void {
    const footer = writeThrift(
      struct({
        1: i32(1),
        2: list(Type.struct, schemaOf(this.#schema)),
        3: i64(this.#rows),
        4: list(Type.struct, this.#groups),
        6: binary('decklog'),
      }),
    )
    const length = Buffer.alloc(4)
    length.writeUInt32LE(footer.byteLength)
    this.#put(footer)
    this.#put(length)
    this.#put(MAGIC)
  }

  #column(
    schema: ColumnSchema,
    column: ColumnChunk,
    rows: number,
  ): { meta: ThriftStruct; plainBytes: number; places: PagePlace[] } {
    const pageBytes = column.pages.reduce((sum, { data }) => sum + data.byteLength, 0)
    let plainBytes = pageBytes + (column.dictionary?.byteLength ?? 0)
    const codec = plainBytes < PACK_BYTES_MIN ? Codec.none : Codec.zstd
    const start = this.#offset
    if (column.dictionary !== undefined) {
      const head = struct({ 1: i32(column.dictionaryCount), 2: i32(Encoding.plain) })
      plainBytes += this.#page(column.dictionary, codec, { type: 2, head, headId: 7 }).headBytes
    }
    const dataAt = this.#offset
    const places = column.pages.map(({ data, rows: pageRows }) => {
      const head = struct({
        1: i32(pageRows),
        2: i32(column.encoding),
        3: i32(Encoding.rle),
        4: i32(Encoding.rle),
      })
      const page = this.#page(data, codec, { type: 0, head, headId: 5 })
      plainBytes += page.headBytes
      return { at: page.at, length: page.length, rows: pageRows, isPacked: codec === Codec.zstd }
    })
    const encodings =
      column.dictionary === undefined
        ? [column.encoding, Encoding.rle]
        : [Encoding.plain, column.encoding, Encoding.rle]
    const meta = struct({
      1: i32(schema.kind === 'i64' ? Physical.i64 : Physical.bytes),
      2: list(Type.i32, encodings),
      3: list(Type.binary, [Buffer.from(schema.name)]),
      4: i32(codec),
      5: i64(rows),
      6: i64(plainBytes),
      7: i64(this.#offset - start),
      9: i64(dataAt),
      11: column.dictionary === undefined ? undefined : i64(start),
      12: nested(statisticsOf(column)),
    })
    return { meta: struct({ 2: i64(start), 3: nested(meta) }), plainBytes, places }
  }

  #page(
    bytes: Uint8Array,
    codec: number,
    { type, head, headId }: { readonly type: number; readonly head: ThriftStruct; readonly headId: number },
  ): { headBytes: number; at: number; length: number } {
    const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL }
    const chunkSize = Math.min(Math.max(bytes.byteLength >>> 1, PACK_CHUNK_BYTES_MIN), PACK_CHUNK_BYTES_MAX)
    const packed = codec === Codec.none ? bytes : zstdCompressSync(bytes, { params, chunkSize })
    const header = writeThrift(
      struct({ 1: i32(type), 2: i32(bytes.byteLength), 3: i32(packed.byteLength), [headId]: nested(head) }),
    )
    this.#put(header)
    const at = this.#offset
    this.#put(packed)
    return { headBytes: header.byteLength, at, length: packed.byteLength }
  }

  #put(bytes: Uint8Array): void {
    this.#write(bytes)
    this.#offset += bytes.byteLength
  }
}

function statisticsOf({ nulls, min, max }: ColumnChunk): ThriftStruct {
  if (min === undefined || max === undefined) return struct({ 3: i64(nulls) })
  return struct({ 3: i64(nulls), 5: binary(max), 6: binary(min) })
}

const OPTIONAL = 1

/** Names, types and repetition, in order; what else the schema says does not change how pages are read. */
function isSameSchema(footer: ThriftStruct, columns: readonly ColumnSchema[]): boolean {
  const leaves = ((footer.get(2)!.value as ThriftList).items as ThriftStruct[]).slice(1)
  return (
    leaves.length === columns.length &&
    leaves.every((leaf, at) => {
      const { name, kind } = columns[at]!
      const type = kind === 'i64' ? Physical.i64 : Physical.bytes
      const ownName = Buffer.from(leaf.get(4)!.value as Uint8Array).toString()
      return ownName === name && numberOf(leaf, 1) === type && numberOf(leaf, 3) === OPTIONAL
    })
  )
}

function schemaOf(columns: readonly ColumnSchema[]): ThriftStruct[] {
  const root = struct({ 4: binary('schema'), 5: i32(columns.length) })
  const leaves = columns.map(({ name, kind }) => {
    const repetition = i32(OPTIONAL)
    if (kind === 'i64') return struct({ 1: i32(Physical.i64), 3: repetition, 4: binary(name) })
    const isString = nested(struct({ 1: nested(new Map()) }))
    return struct({ 1: i32(Physical.bytes), 3: repetition, 4: binary(name), 6: i32(0), 10: isString })
  })
  return [root, ...leaves]
}

/** Footer of a file's last bytes, and where it begins in them. @throws {RangeError} when it is no Parquet file */
export function readFooter(file: Uint8Array): { readonly footer: ThriftStruct; readonly start: number } {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  const tail = bytes.byteLength - 8
  if (tail < 0 || !bytes.subarray(tail + 4).equals(MAGIC)) throw new RangeError('no Parquet file')
  const start = tail - bytes.readUInt32LE(tail)
  if (start < 0) throw new RangeError('no Parquet file')
  return { footer: readThrift(bytes.subarray(start, tail)), start }
}

export function rowGroupsOf(footer: ThriftStruct): ThriftStruct[] {
  return (footer.get(4)!.value as ThriftList).items as ThriftStruct[]
}

export function numberOf(fields: ThriftStruct, id: number): number {
  return fields.get(id)!.value as number
}

/** Least and largest value of an i64 column of a row group. */
export function i64Range(group: ThriftStruct, column: number): readonly [bigint, bigint] {
  const chunk = (group.get(1)!.value as ThriftList).items[column] as ThriftStruct
  const statistics = (chunk.get(3)!.value as ThriftStruct).get(12)!.value as ThriftStruct
  const read = (id: number): bigint => {
    const bytes = statistics.get(id)!.value as Uint8Array
    return Buffer.from(bytes.buffer, bytes.byteOffset, 8).readBigInt64LE()
  }
  return [read(6), read(5)]
}

/** The same row group, `shift` bytes further on. */
function shifted(group: ThriftStruct, shift: number, ordinal: number): ThriftStruct {
  const moved: ThriftStruct = new Map(group)
  move(moved, 5, shift)
  moved.set(7, i16(ordinal))
  const { of, items } = group.get(1)!.value as ThriftList
  moved.set(1, {
    type: Type.list,
    value: { of, items: items.map((chunk) => shiftedChunk(chunk as ThriftStruct, shift)) },
  })
  return moved
}

function shiftedChunk(chunk: ThriftStruct, shift: number): ThriftStruct {
  const moved: ThriftStruct = new Map(chunk)
  move(moved, 2, shift)
  const meta: ThriftStruct = new Map(chunk.get(3)!.value as ThriftStruct)
  move(meta, 9, shift)
  move(meta, 11, shift)
  // DuckDB's own Bloom filters, which it asks for equality.
  move(meta, 14, shift)
  moved.set(3, nested(meta))
  return moved
}

function move(fields: ThriftStruct, id: number, shift: number): void {
  const field = fields.get(id)
  if (field !== undefined) fields.set(id, { type: field.type, value: (field.value as number) + shift })
}
