import { Encoding, type ColumnChunk } from './parquet.ts'

/** Collects the text of one row group's column and encodes it. Used again after `take`. */

/** Bytes before a column's values which say that no row is NULL: `<u32 4> <run of so many ones>`, always of this length. */
export const LEVEL_BYTES = 8

export function writeLevels(into: Buffer, at: number, rows: number): void {
  into.writeUInt32LE(4, at)
  const head = rows << 1
  into[at + 4] = (head & 127) | 128
  into[at + 5] = ((head >> 7) & 127) | 128
  into[at + 6] = (head >> 14) & 127
  into[at + 7] = 1
}

/** Growing bytes, each value with its length before it (PLAIN encoding of BYTE_ARRAY). */
export class TextColumn {
  bytes: Buffer
  length = LEVEL_BYTES

  constructor(bytes = 1 << 20) {
    this.bytes = Buffer.allocUnsafe(bytes)
  }

  add(source: Uint8Array, start: number, end: number): void {
    const at = this.reserve(end - start + 4)
    this.bytes.writeUInt32LE(end - start, at)
    this.bytes.set(source.subarray(start, end), at + 4)
    this.length = at + 4 + end - start
  }

  /** Makes room for `size` more bytes; returns where they begin. The caller moves `length`. */
  reserve(size: number): number {
    if (this.length + size > this.bytes.byteLength) {
      const larger = Buffer.allocUnsafe(Math.max(this.bytes.byteLength * 2, this.length + size))
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    }
    return this.length
  }

  /** Only the values. */
  takeValues(): Uint8Array {
    const values = this.bytes.subarray(LEVEL_BYTES, this.length)
    this.length = LEVEL_BYTES
    return values
  }

  take(rows: number): ColumnChunk {
    writeLevels(this.bytes, 0, rows)
    const data = this.bytes.subarray(0, this.length)
    this.length = LEVEL_BYTES
    return chunkOf([{ data, rows }])
  }
}

/** A page is unpacked for each document that is asked for, so it is small; what documents share is still found within it. */
const PAGE_ROWS = 256
const PAGE_BYTES = 256 * 1024

/** Text in pages of some hundred rows. */
export class PagedTextColumn {
  readonly #text = new TextColumn()
  readonly #pages: { start: number; end: number; rows: number }[] = []
  #start = 0
  #rows = 0

  add(source: Uint8Array, start: number, end: number): void {
    this.#text.add(source, start, end)
    this.#rows++
    if (this.#rows === PAGE_ROWS || this.#text.length - this.#start >= PAGE_BYTES) this.#endPage()
  }

  /** Bytes so far. */
  get length(): number {
    return this.#text.length
  }

  take(): ColumnChunk {
    if (this.#rows > 0) this.#endPage()
    const pages = this.#pages
      .splice(0)
      .map(({ start, end, rows }) => ({ data: this.#text.bytes.subarray(start, end), rows }))
    this.#text.length = LEVEL_BYTES
    this.#start = 0
    return chunkOf(pages)
  }

  #endPage(): void {
    const end = this.#text.length
    writeLevels(this.#text.bytes, this.#start, this.#rows)
    this.#pages.push({ start: this.#start, end, rows: this.#rows })
    this.#rows = 0
    this.#start = end
    this.#text.reserve(LEVEL_BYTES)
    this.#text.length = end + LEVEL_BYTES
  }
}

export function chunkOf(pages: ColumnChunk['pages']): ColumnChunk {
  return {
    dictionary: undefined,
    dictionaryCount: 0,
    pages,
    encoding: Encoding.plain,
    nulls: 0,
    min: undefined,
    max: undefined,
  }
}
