import { type Cover, type EventBatch, EventIndex, INDEX_ROW_BYTES, type SeqRange } from './event-batch.ts'

/**
 * Ids that senders give their events, e.g. `auditID` of a Kubernetes API server: the same event may come by a webhook, again by its
 * retry, and by the file beside it, as records of different streams. They travel in `extra` of the batch: a JSON list, by row.
 */
const KEY = 'ids'

export function extraOf(ids: readonly string[]): Readonly<Record<string, string>> {
  return ids.length === 0 ? {} : { [KEY]: JSON.stringify(ids) }
}

/** By row, '' for an event without one; undefined when no event of the batch has one. */
export function foreignIdsOf({ extra }: EventBatch): readonly string[] | undefined {
  const text = Object.hasOwn(extra, KEY) ? extra[KEY] : undefined
  if (text === undefined) return undefined
  try {
    const ids: unknown = JSON.parse(text)
    return Array.isArray(ids) && ids.every((id) => typeof id === 'string') ? ids : undefined
  } catch {
    return undefined
  }
}

/**
 * The batch without some of its rows: their records are covered as `duplicate`, unless another event of the same record stays.
 * Documents are left as they are, for the index says where each is.
 */
export function withoutRows(batch: EventBatch, rows: ReadonlySet<number>): EventBatch {
  if (rows.size === 0) return batch
  const index = new EventIndex(batch)
  const left = new Uint8Array((index.count - rows.size) * INDEX_ROW_BYTES)
  const staying = new Set<number>()
  let at = 0
  for (let row = 0; row < index.count; row++) {
    if (rows.has(row)) continue
    const from = row * INDEX_ROW_BYTES
    left.set(batch.index.subarray(from, from + INDEX_ROW_BYTES), at)
    at += INDEX_ROW_BYTES
    staying.add(index.firstSeq(row))
  }
  const covers: Cover[] = [...batch.covers]
  for (const row of [...rows].sort((a, b) => a - b)) {
    if (staying.has(index.firstSeq(row))) continue
    for (const range of index.ranges(row)) addCover(covers, range)
  }
  const ids = foreignIdsOf(batch)?.filter((_, row) => !rows.has(row))
  return { ...batch, index: left, covers, extra: { ...batch.extra, ...extraOf(ids ?? []) } }
}

function addCover(covers: Cover[], [first, last]: SeqRange): void {
  const before = covers.at(-1)
  if (before?.reason === 'duplicate' && before.last >= first - 1 && before.first <= first)
    covers[covers.length - 1] = { ...before, last: Math.max(before.last, last) }
  else covers.push({ first, last, reason: 'duplicate', detail: 'its sender gave the id of a stored event' })
}
