import { closeSync, openSync, readSync, fstatSync, writeSync } from 'node:fs'
import { SEGMENT_SCHEMA, type BuiltSegment } from './build-segment.ts'
import { i64Range, numberOf, ParquetWriter, readFooter, rowGroupsOf } from './parquet.ts'
import type { FieldPath } from './scan-document.ts'
import {
  FilterReader,
  readSidecar,
  writeSidecar,
  type Block,
  type BlockTokens,
  type Sidecar,
} from './sidecar.ts'
import type { ThriftStruct } from './thrift.ts'
import { HashSet } from './word-filter.ts'
import type { ConcatJob, DescribeJob, MergedSegment } from './worker-messages.ts'

/** Segments whose row groups are full are merged by copying bytes: nothing is unpacked. */
export function concatSegments({ inputs, path, sidecarPath }: ConcatJob): MergedSegment {
  const file = openSync(path, 'w')
  try {
    const writer = new ParquetWriter(SEGMENT_SCHEMA, (bytes) => {
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(file, bytes, at, bytes.byteLength - at)
    })
    const blocks: BlockTokens[] = []
    for (const input of inputs) {
      const shift = copyGroups(input.path, writer)
      blocks.push(...blocksWithFilters(input.sidecarPath).map((each) => moved(each, shift)))
    }
    writer.finish()
    const sidecarBytes = writeSidecar(sidecarPath, united(inputs), blocks)
    return described(
      blocks.map(({ block }) => block),
      writer.bytes + sidecarBytes,
    )
  } finally {
    closeSync(file)
  }
}

const CHUNK_BYTES = 4 * 1024 * 1024

function copyGroups(path: string, writer: ParquetWriter): number {
  const file = openSync(path, 'r')
  try {
    const { footer, start } = readFooterOf(file)
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    return writer.appendFile(footer, start, (at, length) => {
      const count = readSync(file, chunk, 0, Math.min(length, CHUNK_BYTES), at)
      if (count === 0) throw new Error('a segment ends too early')
      return chunk.subarray(0, count)
    })
  } finally {
    closeSync(file)
  }
}

function moved({ block, hashes, bloom }: BlockTokens, shift: number): BlockTokens {
  const pages = block.pages.map((page) => ({ ...page, at: page.at + shift }))
  return { block: { ...block, pages }, hashes, bloom }
}

function blocksWithFilters(sidecarPath: string): BlockTokens[] {
  const { sidecar, filtersAt } = readSidecar(sidecarPath)
  const filters = new FilterReader(sidecarPath, filtersAt)
  try {
    return sidecar.blocks.map((block) =>
      block.filterKind === 'bloom'
        ? { block, bloom: filters.bloom(block), hashes: undefined }
        : { block, bloom: undefined, hashes: filters.hashes(block) },
    )
  } finally {
    filters.close()
  }
}

/**
 * Makes the sidecar of a file that DuckDB merged in the order of `inputs`. Row groups are cut anew, so the tokens of a block
 * are those of every input block that has rows in it. Inputs hold hashes, not Bloom filters.
 */
export function describeMerged({ inputs, path, sidecarPath }: DescribeJob): MergedSegment {
  const sources = inputs.flatMap(({ sidecarPath: each }) => blocksWithFilters(each))
  const blocks: BlockTokens[] = []
  const hashes = new HashSet()
  let source = 0
  let sourceEnd = sources[0]!.block.rows
  let row = 0
  const file = openSync(path, 'r')
  try {
    for (const group of rowGroupsOf(readFooterOf(file).footer)) {
      const end = row + numberOf(group, 3)
      addAll(hashes, sources[source]!.hashes)
      while (sourceEnd < end) {
        source++
        sourceEnd += sources[source]!.block.rows
        addAll(hashes, sources[source]!.hashes)
      }
      if (sourceEnd === end && source + 1 < sources.length) sourceEnd += sources[++source]!.block.rows
      blocks.push({ block: blockOf(group), hashes: hashes.take(), bloom: undefined })
      row = end
    }
    const sidecarBytes = writeSidecar(sidecarPath, united(inputs), blocks)
    return described(
      blocks.map(({ block }) => block),
      fstatSync(file).size + sidecarBytes,
    )
  } finally {
    closeSync(file)
  }
}

function addAll(into: HashSet, hashes: Uint32Array | undefined): void {
  if (hashes === undefined) throw new Error('a block without hashes was merged')
  for (const hash of hashes) into.add(hash)
}

type PlainBlock = BuiltSegment['blocks'][number]

function blockOf(group: ThriftStruct): PlainBlock {
  const [arrivalFirst, arrivalLast] = i64Range(group, 0)
  const [timeMin, timeMax] = i64Range(group, 1)
  return {
    rows: numberOf(group, 3),
    arrivalFirst: Number(arrivalFirst),
    arrivalLast: Number(arrivalLast),
    timeMin,
    timeMax,
    pages: [],
  }
}

function readFooterOf(file: number): ReturnType<typeof readFooter> {
  const { size } = fstatSync(file)
  const tail = Buffer.alloc(Math.min(size, 8))
  readSync(file, tail, 0, tail.byteLength, size - tail.byteLength)
  const bytes = Buffer.alloc(Math.min(size, tail.readUInt32LE(0) + 8))
  const before = size - bytes.byteLength
  readSync(file, bytes, 0, bytes.byteLength, before)
  const { footer, start } = readFooter(bytes)
  return { footer, start: before + start }
}

function described(blocks: readonly (PlainBlock | Block)[], bytes: number): MergedSegment {
  const plain = blocks.map(({ rows, arrivalFirst, arrivalLast, timeMin, timeMax, pages }) => ({
    rows,
    pages,
    arrivalFirst,
    arrivalLast,
    timeMin,
    timeMax,
  }))
  return { rows: plain.reduce((sum, block) => sum + block.rows, 0), bytes, blocks: plain }
}

/** Fields, marks and malformed documents of all inputs. */
function united(inputs: ConcatJob['inputs']): Omit<Sidecar, 'blocks'> {
  const paths = new Map<string, FieldPath>()
  const lists = new Set<string>()
  const asked = new Set<string>()
  let overflow = false
  let malformed = 0
  let columns: readonly string[] = []
  for (const { sidecarPath } of inputs) {
    const { sidecar } = readSidecar(sidecarPath)
    for (const path of sidecar.fields) {
      const key = JSON.stringify(path.steps)
      paths.set(key, { steps: path.steps, kinds: path.kinds | (paths.get(key)?.kinds ?? 0) })
    }
    for (const name of sidecar.listColumns) lists.add(name)
    for (const name of sidecar.askColumns) asked.add(name)
    overflow ||= sidecar.fieldsOverflow || paths.size > PATHS_MAX
    malformed += sidecar.malformed
    columns = sidecar.columns
  }
  return {
    fields: [...paths.values()].slice(0, PATHS_MAX),
    fieldsOverflow: overflow,
    listColumns: [...lists],
    askColumns: [...asked],
    malformed,
    columns,
  }
}

const PATHS_MAX = 8192
