import type { SearchAnswer, SearchRequest, Total } from '../../ports/store.ts'
import { blocksWithin, prune, readSql, rowsOf, wholeRows, type BlockRef, type ReadOptions } from './blocks.ts'
import type { Catalog } from './catalog.ts'
import { decodeCursor, encodeCursor, type SearchCursor } from './cursor.ts'
import type { Database } from './database.ts'
import { byTime, fetchHits, firstEvents } from './hits.ts'
import { prunerOf } from './prune.ts'
import type { Segment } from './segments.ts'
import { querySql } from './sql-query.ts'
import { literal } from './sql-text.ts'

export interface Reading {
  readonly catalog: Catalog
  readonly database: Database
}

/** `bounded` totals count so many events, newest first, and then say `gte`. */
const COUNT_ROWS_MAX = 256 * 1024

export async function search({ catalog, database }: Reading, request: SearchRequest): Promise<SearchAnswer> {
  const { signal, query, limit, scope } = request
  const { segments, release } = catalog.pinned(scope)
  try {
    const isNewest = request.order !== 'oldest'
    const cursor = request.cursor === undefined ? undefined : decodeCursor(request.cursor)
    const visible = cursor?.visible ?? visibleNow(segments)
    const all = blocksWithin(segments, request).filter((ref) => isVisible(ref, visible))
    const refs = all.toSorted(
      isNewest
        ? (a, b) => order(b.block.timeMax, a.block.timeMax)
        : (a, b) => order(a.block.timeMin, b.block.timeMin),
    )
    const read = readOf(request, visible)
    const keep = (chunk: readonly BlockRef[]): BlockRef[] =>
      prune(chunk, (segment) => prunerOf(query, segment.view))
    const found = await firstEvents({
      database,
      refs: cursor === undefined ? refs : refs.filter((ref) => mayFollow(ref, cursor, isNewest)),
      keep,
      read:
        cursor === undefined
          ? read
          : { ...read, where: (segment) => `${read.where(segment)} AND ${afterSql(cursor, isNewest)}` },
      compare: isNewest ? (a, b) => byTime(b, a) : byTime,
      orderBy: ORDER.map((name) => `${name} ${isNewest ? 'DESC' : 'ASC'}`).join(', '),
      mayPrecede: ({ block }, last) =>
        isNewest ? block.timeMax >= last.timeNs : block.timeMin <= last.timeNs,
      // One more tells whether there is a next page.
      limit: limit === 0 ? 0 : limit + 1,
      signal,
    })
    const page = found.slice(0, limit)
    const [hits, total] = await Promise.all([
      fetchHits(database, page, { refs: all, signal }),
      totalOf({ database, refs, keep, read, request, found: found.length }),
    ])
    const last = found.length > limit ? page.at(-1) : undefined
    return last === undefined ? { hits, total } : { hits, total, cursor: encodeCursor({ ...last, visible }) }
  } finally {
    release()
  }
}

const ORDER = ['_time', '_stream', '_seq', '_n']

function order(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** By class, the first arrival that is in no segment. */
function visibleNow(segments: readonly Segment[]): Map<string, number> {
  const visible = new Map<string, number>()
  for (const { entry } of segments) {
    visible.set(entry.class, Math.max(visible.get(entry.class) ?? 0, entry.arrivalLast + 1))
  }
  return visible
}

function isVisible({ segment, block }: BlockRef, visible: ReadonlyMap<string, number>): boolean {
  return block.arrivalFirst < (visible.get(segment.entry.class) ?? 0)
}

function readOf(request: SearchRequest, visible: ReadonlyMap<string, number>): Omit<ReadOptions, 'select'> {
  const { fromNs, toNs, scope, query } = request
  return {
    ...(fromNs === undefined ? {} : { fromNs }),
    ...(toNs === undefined ? {} : { toNs }),
    scope,
    where: (segment) => {
      const end = visible.get(segment.entry.class) ?? 0
      const sql = querySql(query, segment.view)
      return segment.entry.arrivalLast < end ? sql : `${sql} AND _arrival < ${end}`
    },
  }
}

function mayFollow({ block }: BlockRef, { timeNs }: SearchCursor, isNewest: boolean): boolean {
  return isNewest ? block.timeMin <= timeNs : block.timeMax >= timeNs
}

function afterSql({ timeNs, stream, seq, n }: SearchCursor, isNewest: boolean): string {
  const sign = isNewest ? '<' : '>'
  // The first test alone lets row groups be skipped.
  return `_time ${sign}= ${timeNs} AND (_time, _stream, _seq, _n) ${sign} (${timeNs}, ${literal(stream)}, ${seq}, ${n})`
}

interface Counting {
  readonly database: Database
  readonly refs: readonly BlockRef[]
  readonly keep: (refs: readonly BlockRef[]) => BlockRef[]
  readonly read: Omit<ReadOptions, 'select'>
  readonly request: SearchRequest
  readonly found: number
}

async function totalOf({ database, refs, keep, read, request, found }: Counting): Promise<Total> {
  const [known, unknown] = wholeRows(refs, request)
  const kept = keep(unknown)
  let counted = kept
  if (request.total !== 'exact' && rowsOf(kept) > COUNT_ROWS_MAX) {
    let rows = 0
    counted = kept.filter(({ block }) => (rows += block.rows) <= COUNT_ROWS_MAX)
  }
  const value = known + (await countRows(database, counted, { read, signal: request.signal }))
  return counted.length === kept.length
    ? { value, relation: 'eq' }
    : { value: Math.max(value, found), relation: 'gte' }
}

async function countRows(
  database: Database,
  refs: readonly BlockRef[],
  { read, signal }: { readonly read: Omit<ReadOptions, 'select'>; readonly signal: AbortSignal | undefined },
): Promise<number> {
  const sql = readSql(refs, { ...read, select: () => 'count(*) AS c' })
  if (sql === undefined) return 0
  const rows = await database.rows(`SELECT sum(c)::BIGINT FROM (${sql})`, signal)
  return Number(rows[0]![0] ?? 0)
}
