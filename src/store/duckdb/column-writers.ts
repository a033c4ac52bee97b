import { Encoding, type ColumnChunk } from './parquet.ts'

/** Collects the values of one row group's column and encodes them. Used again after `take`. */

/** Bytes before a column's values which say that no row is NULL: `<u32 4> <run of so many ones>`, always of this length. */
const LEVEL_BYTES = 8

function writeLevels(into: Buffer, at: number, rows: number): void {
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

function chunkOf(pages: ColumnChunk['pages']): ColumnChunk {
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

/** Integers of 64 bits. Kept as numbers relative to the first, which is exact for spans below 2^52. */
export class IntegerColumn {
  readonly #values: BigInt64Array
  #count = 0

  constructor(rowsMax: number) {
    this.#values = new BigInt64Array(rowsMax)
  }

  add(value: bigint): void {
    this.#values[this.#count++] = value
  }

  take(): ColumnChunk {
    const values = this.#values.subarray(0, this.#count)
    this.#count = 0
    let min = values[0]!
    let max = min
    for (const value of values) {
      if (value < min) min = value
      else if (value > max) max = value
    }
    const isNarrow = max - min < SPAN_MAX
    const encoded = isNarrow ? deltaBinaryPacked(values) : Buffer.from(values.slice().buffer)
    const data = Buffer.allocUnsafe(LEVEL_BYTES + encoded.byteLength)
    writeLevels(data, 0, values.length)
    data.set(encoded, LEVEL_BYTES)
    const encoding = isNarrow ? Encoding.deltaBinaryPacked : Encoding.plain
    return { ...chunkOf([{ data, rows: values.length }]), encoding, min: plain(min), max: plain(max) }
  }
}

const SPAN_MAX = 2n ** 52n

function plain(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes
}

const DELTA_BLOCK = 128
const DELTA_MINIS = 4
const MINI = DELTA_BLOCK / DELTA_MINIS
const TWO_32 = 2 ** 32

/**
 * DELTA_BINARY_PACKED: values that rise slowly (arrival, seq, time) take a few bits each.
 * `<block size> <mini blocks> <count> <first>`, then a block: `<least delta> <bit widths> <packed deltas>`.
 * Values must lie less than 2^52 apart, so that their differences are exact numbers.
 */
export function deltaBinaryPacked(values: BigInt64Array): Uint8Array {
  const blocks = Math.ceil(values.length / DELTA_BLOCK)
  const out = Buffer.allocUnsafe(64 + blocks * (16 + DELTA_MINIS + DELTA_BLOCK * 8))
  const first = values[0] ?? 0n
  let at = varint(out, 0, BigInt(DELTA_BLOCK))
  at = varint(out, at, BigInt(DELTA_MINIS))
  at = varint(out, at, BigInt(values.length))
  at = varint(out, at, BigInt.asUintN(64, (first << 1n) ^ (first >> 63n)))
  const deltas = new Float64Array(DELTA_BLOCK)
  let last = 0
  for (let start = 1; start < values.length; start += DELTA_BLOCK) {
    const count = Math.min(DELTA_BLOCK, values.length - start)
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < count; i++) {
      const value = Number(values[start + i]! - first)
      const delta = value - last
      last = value
      deltas[i] = delta
      if (delta < least) least = delta
    }
    at = varint(out, at, BigInt(least >= 0 ? least * 2 : -least * 2 - 1))
    at = packBlock(deltas, { count, least, out, at })
  }
  return out.subarray(0, at)
}

function varint(out: Uint8Array, start: number, value: bigint): number {
  let at = start
  let rest = value
  while (rest >= 128n) {
    out[at++] = Number(rest & 127n) | 128
    rest >>= 7n
  }
  out[at++] = Number(rest)
  return at
}

interface PackedBlock {
  readonly count: number
  readonly least: number
  readonly out: Buffer
  readonly at: number
}

/** Returns where the block ends. Mini blocks beyond `count` have the width 0 and no bytes. */
function packBlock(deltas: Float64Array, { count, least, out, at }: PackedBlock): number {
  let end = at + DELTA_MINIS
  for (let mini = 0; mini < DELTA_MINIS; mini++) {
    const from = mini * MINI
    let most = 0
    for (let i = from; i < from + MINI; i++) {
      const value = i < count ? deltas[i]! - least : 0
      deltas[i] = value
      if (value > most) most = value
    }
    const width = most < TWO_32 ? 32 - Math.clz32(most) : 64 - Math.clz32(Math.floor(most / TWO_32))
    out[at + mini] = width
    const bytes = (MINI / 8) * width
    out.fill(0, end, end + bytes)
    for (let i = 0; width > 0 && i < MINI; i++) {
      putBits(out, { bit: end * 8 + i * width, width, value: deltas[from + i]! })
    }
    end += bytes
  }
  return end
}

/** Least significant bit first. */
function putBits(
  out: Uint8Array,
  { bit, width, value }: { bit: number; width: number; value: number },
): void {
  let rest = value
  let left = width
  let at = bit
  while (left > 0) {
    const room = 8 - (at & 7)
    const take = room < left ? room : left
    const index = Math.floor(at / 8)
    out[index] = out[index]! | ((rest % (1 << take)) << (at & 7))
    rest = Math.floor(rest / (1 << take))
    left -= take
    at += take
  }
}

/**
 * Optional text, row by row: a row that is not set is NULL. Most columns hold the same value for a whole batch, so the last
 * value is compared before anything else.
 */
export class DictionaryColumn {
  readonly #indexes: Int32Array
  #present = 0
  readonly #known = new Map<string, number>()
  /** Where each value begins among the values. */
  readonly #starts: number[] = []
  readonly #values = new TextColumn(1024)
  #lastIndex = -1
  #lastStart = 0
  #lastLength = -1

  constructor(rowsMax: number) {
    this.#indexes = new Int32Array(rowsMax).fill(-1)
  }

  /** True when the value is new in this row group. */
  set(
    row: number,
    source: Uint8Array,
    { start, end }: { readonly start: number; readonly end: number },
  ): boolean {
    return this.fill(row, row + 1, { source, start, end })
  }

  /** The same value for the rows from..to (to excluded). */
  fill(
    from: number,
    to: number,
    of: { readonly source: Uint8Array; readonly start: number; readonly end: number },
  ): boolean {
    const isNew =
      !(of.end - of.start === this.#lastLength && this.#isLast(of.source, of.start)) && this.#find(of)
    this.#indexes.fill(this.#lastIndex, from, to)
    this.#present += to - from
    return isNew
  }

  /** The value that was set last, whatever it was; false when this row group has none yet. */
  repeat(row: number): boolean {
    if (this.#lastLength < 0) return false
    this.#indexes[row] = this.#lastIndex
    this.#present++
    return true
  }

  take(rows: number): ColumnChunk {
    const chunk = {
      dictionary: this.#values.takeValues(),
      dictionaryCount: this.#known.size,
      pages: [{ data: this.#encode(rows), rows }],
      encoding: Encoding.rleDictionary,
      nulls: rows - this.#present,
      min: undefined,
      max: undefined,
    }
    this.#indexes.fill(-1, 0, rows)
    this.#present = 0
    this.#known.clear()
    this.#lastLength = -1
    return chunk
  }

  /** Makes the value the last one; true when it is new. */
  #find({
    source,
    start,
    end,
  }: {
    readonly source: Uint8Array
    readonly start: number
    readonly end: number
  }): boolean {
    const key = Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString(
      'latin1',
      start,
      end,
    )
    const known = this.#known.get(key)
    if (known === undefined) {
      this.#known.set(key, this.#known.size)
      this.#lastStart = this.#values.length + 4
      this.#values.add(source, start, end)
      this.#starts[this.#known.size - 1] = this.#lastStart
    } else {
      this.#lastStart = this.#starts[known]!
    }
    this.#lastIndex = known ?? this.#known.size - 1
    this.#lastLength = end - start
    return known === undefined
  }

  #isLast(source: Uint8Array, start: number): boolean {
    const own = this.#values.bytes
    for (let i = 0; i < this.#lastLength; i++)
      if (own[this.#lastStart + i] !== source[start + i]) return false
    return true
  }

  #encode(rows: number): Uint8Array {
    const present = new Int32Array(this.#present)
    const levels = new Int32Array(rows)
    let at = 0
    for (let row = 0; row < rows; row++) {
      const index = this.#indexes[row]!
      if (index < 0) continue
      levels[row] = 1
      present[at++] = index
    }
    const levelBytes = runs(levels, 1)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(levelBytes.byteLength)
    const width = Math.max(1, 32 - Math.clz32(Math.max(0, this.#known.size - 1)))
    return Buffer.concat([length, levelBytes, Buffer.of(width), runs(present, width)])
  }
}

/** The RLE / bit-packing hybrid: `<count << 1> <value>` for runs, `<groups of 8 << 1 | 1> <packed>` for the rest. */
export function runs(values: Int32Array, width: number): Uint8Array {
  const valueBytes = Math.ceil(width / 8)
  const out = Buffer.allocUnsafe(16 + Math.ceil(values.length / 8) * (width + 6))
  let at = 0
  const head = (value: number): void => {
    let rest = value
    while (rest >= 128) {
      out[at++] = (rest & 127) | 128
      rest >>>= 7
    }
    out[at++] = rest
  }
  let start = 0
  while (start < values.length) {
    const run = runLength(values, start)
    if (run >= 8) {
      head(run << 1)
      for (let i = 0; i < valueBytes; i++) out[at++] = (values[start]! >>> (8 * i)) & 255
      start += run
      continue
    }
    let groups = 0
    let end = start
    // Packed values come in eights; padding is only allowed at the very end.
    while (end < values.length && groups < 63 && (groups === 0 || runLength(values, end) < 8)) {
      groups++
      end += 8
    }
    head((groups << 1) | 1)
    out.fill(0, at, at + groups * width)
    const last = Math.min(end, values.length)
    for (let i = start; i < last; i++)
      putBits(out, { bit: at * 8 + (i - start) * width, width, value: values[i]! })
    at += groups * width
    start = end
  }
  return out.subarray(0, at)
}

function runLength(values: Int32Array, start: number): number {
  const value = values[start]
  let end = start + 1
  while (end < values.length && values[end] === value) end++
  return end - start
}
