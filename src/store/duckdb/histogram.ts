import type { HistogramAnswer, HistogramRequest } from '../../ports/store.ts'
import { blocksWithin, isWithin, prune, rangeOf, readSql, type BlockRef } from './blocks.ts'
import { isPartlyInScope } from './catalog.ts'
import { prunerOf } from './prune.ts'
import type { Reading } from './search.ts'
import { querySql } from './sql-query.ts'

/** Buckets of whole milliseconds, the last one cut at the range's end. */
interface Span {
  readonly fromMs: number
  readonly toMs: number
  readonly widthMs: number
  readonly count: number
}

const BUCKETS_MAX = 10_000
const NS = 1_000_000n

/** Events over time. Blocks that lie in one bucket and match as a whole are counted without being read. */
export async function histogram(
  { catalog, database }: Reading,
  request: HistogramRequest,
): Promise<HistogramAnswer> {
  const { segments, release } = catalog.pinned(request.scope)
  try {
    const all = blocksWithin(segments, request)
    const span = spanOf(all, request)
    if (span === undefined) return { buckets: [], total: { value: 0, relation: 'eq' } }
    const counts: number[] = Array.from({ length: span.count }, () => 0)
    const rest = countWhole(all, { request, span, counts })
    const refs = prune(rest, (segment) => prunerOf(request.query, segment.view))
    const sql = readSql(refs, {
      ...rangeOf(request),
      scope: request.scope,
      select: () =>
        `(_time - ${BigInt(span.fromMs) * NS}) // ${BigInt(span.widthMs) * NS} AS b, count(*) AS c`,
      where: (segment) => querySql(request.query, segment.view),
      groupBy: 'b',
    })
    const rows =
      sql === undefined
        ? []
        : await database.rows(`SELECT b, sum(c)::BIGINT FROM (${sql}) GROUP BY b`, request.signal)
    for (const [at, count] of rows) counts[Number(at)]! += Number(count)
    return answerOf(span, counts)
  } finally {
    release()
  }
}

/** The asked range, or that of the data; undefined when there is neither. */
function spanOf(refs: readonly BlockRef[], { fromNs, toNs, buckets }: HistogramRequest): Span | undefined {
  let least = fromNs
  let end = toNs
  for (const { block } of refs) {
    if (fromNs === undefined && (least === undefined || block.timeMin < least)) least = block.timeMin
    if (toNs === undefined && (end === undefined || block.timeMax >= end)) end = block.timeMax + 1n
  }
  if (least === undefined || end === undefined || end <= least) return undefined
  const fromMs = Number(floorDiv(least, NS))
  const toMs = Number(-floorDiv(-end, NS))
  const wanted = Math.min(Math.max(1, Math.floor(buckets)), BUCKETS_MAX)
  const widthMs = Math.max(1, Math.ceil((toMs - fromMs) / wanted))
  return { fromMs, toMs, widthMs, count: Math.ceil((toMs - fromMs) / widthMs) }
}

function floorDiv(value: bigint, by: bigint): bigint {
  return value / by - (value % by < 0n ? 1n : 0n)
}

/** Returns the blocks that are left to read. */
function countWhole(
  refs: readonly BlockRef[],
  {
    request,
    span,
    counts,
  }: { readonly request: HistogramRequest; readonly span: Span; readonly counts: number[] },
): readonly BlockRef[] {
  if (request.query.kind !== 'all') return refs
  return refs.filter(({ segment, block }) => {
    if (!isWithin(block, request) || isPartlyInScope(segment.entry, request.scope)) return true
    const first = bucketOf(block.timeMin, span)
    if (first !== bucketOf(block.timeMax, span)) return true
    counts[first]! += block.rows
    return false
  })
}

function bucketOf(timeNs: bigint, { fromMs, widthMs }: Span): number {
  return Number((timeNs - BigInt(fromMs) * NS) / (BigInt(widthMs) * NS))
}

function answerOf({ fromMs, toMs, widthMs }: Span, counts: readonly number[]): HistogramAnswer {
  const buckets = counts.map((count, at) => ({
    fromMs: fromMs + at * widthMs,
    toMs: Math.min(toMs, fromMs + (at + 1) * widthMs),
    count,
  }))
  return { buckets, total: { value: counts.reduce((sum, count) => sum + count, 0), relation: 'eq' } }
}
