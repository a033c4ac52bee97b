import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { DecklogError } from '../../core/errors.ts'
import { BLOCK_ROWS } from './columns.ts'
import { frameOf, readFrames } from './frames.ts'
import type { PagePlace } from './parquet.ts'
import type { FieldPath } from './scan-document.ts'
import { BLOOM_LINE_BYTES, bloomOffset, buildBloom, lineMayHold } from './word-filter.ts'

/** A row group of a segment: what has to be known to leave it out. Arrival numbers are consecutive only within a batch. */
export interface Block {
  readonly rows: number
  readonly arrivalFirst: number
  readonly arrivalLast: number
  readonly timeMin: bigint
  readonly timeMax: bigint
  /** Where its filter begins among the filters, and how many lines, or hashes, it has. */
  /** Of the documents in the Parquet file; empty where DuckDB wrote them, and reads them. */
  readonly pages: readonly PagePlace[]
  readonly filterAt: number
  readonly filterSize: number
  readonly filterKind: 'bloom' | 'hashes'
}

/** What stands beside a segment's Parquet file: its blocks, its fields, and the filters. */
export interface Sidecar {
  readonly blocks: readonly Block[]
  readonly fields: readonly FieldPath[]
  /** There were more fields than are listed. */
  readonly fieldsOverflow: boolean
  /** Columns in which a list occurs, and those in which the document has to be asked (see columns.ts). */
  readonly listColumns: readonly string[]
  readonly askColumns: readonly string[]
  /** Documents that have a readable form beside them, in `_json`. */
  readonly malformed: number
  readonly columns: readonly string[]
}

/** Blocks with fewer rows keep their hashes: a filter's line would be all that is saved. */
const BLOOM_ROWS_MIN = 4096
/** Segments with fewer rows are merged anew, block by block, and need hashes for it; larger ones are merged as they are. */
export const SMALL_ROWS = 2 * BLOCK_ROWS

export interface BlockTokens {
  readonly block: Omit<Block, 'filterAt' | 'filterSize' | 'filterKind'>
  /** One of the two. */
  readonly hashes: Uint32Array | undefined
  readonly bloom: Uint8Array | undefined
}

type WirePage = readonly [at: number, length: number, rows: number, isPacked: 0 | 1]
type WireBlock = readonly [number, number, number, string, string, number, number, 0 | 1, readonly WirePage[]]

/** Returns the bytes written; they are flushed. */
export function writeSidecar(
  path: string,
  sidecar: Omit<Sidecar, 'blocks'>,
  blocks: readonly BlockTokens[],
): number {
  const isSmall = blocks.reduce((rows, { block }) => rows + block.rows, 0) < SMALL_ROWS
  const filters: Uint8Array[] = []
  let at = 0
  const wire = blocks.map(({ block, hashes, bloom }): WireBlock => {
    const keepsHashes = bloom === undefined && (isSmall || block.rows < BLOOM_ROWS_MIN)
    const bytes = bloom ?? (keepsHashes ? bytesOf(hashes!) : buildBloom(hashes!))
    filters.push(bytes)
    const size = keepsHashes ? hashes!.length : bytes.byteLength / BLOOM_LINE_BYTES
    at += bytes.byteLength
    return [
      block.rows,
      block.arrivalFirst,
      block.arrivalLast,
      String(block.timeMin),
      String(block.timeMax),
      at - bytes.byteLength,
      size,
      keepsHashes ? 1 : 0,
      block.pages.map(
        ({ at: place, length, rows, isPacked }): WirePage => [place, length, rows, isPacked ? 1 : 0],
      ),
    ]
  })
  const head = Buffer.from(JSON.stringify({ ...sidecar, blocks: wire }))
  const file = openSync(path, 'w')
  try {
    let written = 0
    for (const chunk of [...frameOf([head]), ...frameOf(filters)]) written += writeSync(file, chunk)
    return written
  } finally {
    closeSync(file)
  }
}

/** @throws {DecklogError} `state-corrupt` */
export function readSidecar(path: string): { readonly sidecar: Sidecar; readonly filtersAt: number } {
  const first = readFrames(path).next()
  if (first.done) throw new DecklogError('state-corrupt', `${path} is damaged; restore it from a backup`)
  const { payload, offset } = first.value
  const { blocks, ...rest } = JSON.parse(payload.toString('utf8')) as Omit<Sidecar, 'blocks'> & {
    blocks: WireBlock[]
  }
  return { sidecar: { ...rest, blocks: blocks.map(blockOf) }, filtersAt: offset + payload.byteLength + 8 }
}

function blockOf([
  rows,
  arrivalFirst,
  arrivalLast,
  timeMin,
  timeMax,
  filterAt,
  filterSize,
  kind,
  pages,
]: WireBlock): Block {
  return {
    rows,
    arrivalFirst,
    arrivalLast,
    timeMin: BigInt(timeMin),
    timeMax: BigInt(timeMax),
    pages: pages.map(pageOf),
    filterAt,
    filterSize,
    filterKind: kind === 1 ? 'hashes' : 'bloom',
  }
}

function pageOf([at, length, rows, isPacked]: WirePage): PagePlace {
  return { at, length, rows, isPacked: isPacked === 1 }
}

/** Reads the filters of one open sidecar file. */
export class FilterReader {
  readonly #path: string
  readonly #filtersAt: number
  #file: number | undefined
  readonly #line = Buffer.alloc(BLOOM_LINE_BYTES)

  constructor(path: string, filtersAt: number) {
    this.#path = path
    this.#filtersAt = filtersAt
  }

  /** May the block hold the token? False is certain. */
  mayHold(block: Block, hash: number): boolean {
    const known = hash === 0 ? 1 : hash
    if (block.filterKind === 'hashes') return this.hashes(block).includes(known)
    this.#read(this.#line, this.#filtersAt + block.filterAt + bloomOffset(known, block.filterSize))
    return lineMayHold(this.#line, known)
  }

  hashes(block: Block): Uint32Array {
    const bytes = Buffer.alloc(block.filterSize * 4)
    this.#read(bytes, this.#filtersAt + block.filterAt)
    return new Uint32Array(bytes.buffer, bytes.byteOffset, block.filterSize)
  }

  bloom(block: Block): Uint8Array {
    const bytes = Buffer.alloc(block.filterSize * BLOOM_LINE_BYTES)
    this.#read(bytes, this.#filtersAt + block.filterAt)
    return bytes
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #read(into: Buffer, at: number): void {
    this.#file ??= openSync(this.#path, 'r')
    let done = 0
    while (done < into.byteLength) {
      const count = readSync(this.#file, into, done, into.byteLength - done, at + done)
      if (count === 0)
        throw new DecklogError('state-corrupt', `${this.#path} ends too early; restore it from a backup`)
      done += count
    }
  }
}

function bytesOf(hashes: Uint32Array): Uint8Array {
  return new Uint8Array(hashes.buffer, hashes.byteOffset, hashes.byteLength)
}
