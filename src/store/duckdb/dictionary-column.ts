import { runs } from './bit-packing.ts'
import { Encoding, type ColumnChunk } from './parquet.ts'
import { TextColumn } from './text-columns.ts'

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
