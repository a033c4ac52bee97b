import { putBits } from './bit-packing.ts'
import { Encoding, type ColumnChunk } from './parquet.ts'
import { chunkOf, LEVEL_BYTES, writeLevels } from './text-columns.ts'

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
