import { INDEX_ROW_BYTES, type EventBatch } from '../../core/event-batch.ts'

/**
 * One batch in the journal: the rows that were accepted, and the documents packed as they came.
 * ```
 *  u32 length of the header, header (JSON, EntryHeader), index rows, documents
 * ```
 */
export interface EntryHeader extends Omit<EventBatch, 'index' | 'documents'> {
  /** Arrival number of the first row; the rows have consecutive ones. Over all classes, never used twice. */
  readonly arrival: number
  readonly rows: number
}

export interface Entry {
  readonly header: EntryHeader
  readonly batch: EventBatch
}

/** `rows`: which rows of the batch to keep; undefined for all. */
export function encodeEntry(
  batch: EventBatch,
  arrival: number,
  rows: readonly number[] | undefined,
): Uint8Array[] {
  const { index: allRows, documents, ...rest } = batch
  const index = rows === undefined ? allRows : pickRows(allRows, rows)
  const header: EntryHeader = { ...rest, arrival, rows: index.byteLength / INDEX_ROW_BYTES }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.byteLength, 0)
  // Documents of which no row is kept would only cost disk.
  return [length, text, index, header.rows === 0 ? new Uint8Array(0) : documents]
}

export function decodeEntry(payload: Buffer): Entry {
  const headerEnd = 4 + payload.readUInt32LE(0)
  const header = JSON.parse(payload.toString('utf8', 4, headerEnd)) as EntryHeader
  const indexEnd = headerEnd + header.rows * INDEX_ROW_BYTES
  const { arrival: _arrival, rows: _rows, ...rest } = header
  // The index is read through a DataView, which needs no alignment.
  const batch = {
    ...rest,
    index: payload.subarray(headerEnd, indexEnd),
    documents: payload.subarray(indexEnd),
  }
  return { header, batch }
}

function pickRows(index: Uint8Array, rows: readonly number[]): Uint8Array {
  const picked = new Uint8Array(rows.length * INDEX_ROW_BYTES)
  for (const [at, row] of rows.entries()) {
    picked.set(index.subarray(row * INDEX_ROW_BYTES, (row + 1) * INDEX_ROW_BYTES), at * INDEX_ROW_BYTES)
  }
  return picked
}
