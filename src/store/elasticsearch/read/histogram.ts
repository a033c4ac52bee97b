import type { HistogramAnswer, HistogramRequest } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { ask } from './ask.ts'
import { compileQuery } from './compile.ts'
import { EVERYTHING } from './dsl.ts'
import { hitsOf } from './hits.ts'
import { type Direction, TIME_SORT } from './order.ts'
import { whole } from './search.ts'

/** Buckets of whole milliseconds, the last one cut at the range's end: the same edges as in the embedded store. */
interface Span {
  /** Half-open. */
  readonly fromNs: bigint
  readonly toNs: bigint
  readonly fromMs: number
  readonly toMs: number
  readonly widthMs: number
  readonly count: number
}

const BUCKETS_MAX = 10_000
const NS = 1_000_000n

/** Events over time: every bucket of the span, also the empty ones. */
export async function histogram(context: EsContext, request: HistogramRequest): Promise<HistogramAnswer> {
  const compiled = await compileQuery(context, request.query, { asking: request })
  const span = await spanOf(context, request)
  if (span === undefined) return { buckets: [], total: { value: 0, relation: 'eq' } }
  const { fromMs, widthMs } = span
  const answer = await ask(context, {
    signal: request.signal,
    body: {
      size: 0,
      // Both bounds, for with only one of them the aggregation looks at times before 1970, which it cannot hold.
      query: whole({ scope: request.scope, fromNs: span.fromNs, toNs: span.toNs }, compiled.clause),
      runtime_mappings: compiled.views.mappings,
      track_total_hits: false,
      aggs: {
        time: {
          date_histogram: {
            field: '@timestamp',
            fixed_interval: `${widthMs}ms`,
            offset: `${fromMs % widthMs}ms`,
            min_doc_count: 1,
          },
        },
      },
    },
  })
  return answerOf(span, bucketsOf(answer.aggregations))
}

type Bucket = { readonly key: number; readonly doc_count: number }

function bucketsOf(aggregations: unknown): readonly Bucket[] {
  return (aggregations as { time?: { buckets?: readonly Bucket[] } } | undefined)?.time?.buckets ?? []
}

/** The asked range, or that of the data; undefined when there is neither. */
async function spanOf(context: EsContext, request: HistogramRequest): Promise<Span | undefined> {
  const [fromNs, toNs] = await Promise.all([
    request.fromNs ?? timeAtEnd(context, request, 'oldest'),
    request.toNs ?? timeAtEnd(context, request, 'newest').then((ns) => (ns === undefined ? ns : ns + 1n)),
  ])
  if (fromNs === undefined || toNs === undefined || toNs <= fromNs) return undefined
  const fromMs = Number(floorDiv(fromNs, NS))
  const toMs = Number(-floorDiv(-toNs, NS))
  const wanted = Math.min(Math.max(1, Math.floor(request.buckets)), BUCKETS_MAX)
  const widthMs = Math.max(1, Math.ceil((toMs - fromMs) / wanted))
  return { fromNs, toNs, fromMs, toMs, widthMs, count: Math.ceil((toMs - fromMs) / widthMs) }
}

async function timeAtEnd(
  context: EsContext,
  request: HistogramRequest,
  end: Direction,
): Promise<bigint | undefined> {
  const answer = await ask(context, {
    signal: request.signal,
    body: { size: 1, query: whole(request, EVERYTHING), sort: [TIME_SORT[end]], track_total_hits: false },
  })
  return hitsOf(answer, 0)[0]?.hit.timeNs
}

function floorDiv(value: bigint, by: bigint): bigint {
  return value / by - (value % by < 0n ? 1n : 0n)
}

function answerOf(span: Span, counted: readonly Bucket[]): HistogramAnswer {
  const { fromMs, toMs, widthMs, count } = span
  const counts: number[] = Array.from({ length: count }, () => 0)
  let total = 0
  for (const { key, doc_count: events } of counted) {
    counts[Math.floor((key - fromMs) / widthMs)]! += events
    total += events
  }
  const buckets = counts.map((events, at) => ({
    fromMs: fromMs + at * widthMs,
    toMs: Math.min(toMs, fromMs + (at + 1) * widthMs),
    count: events,
  }))
  return { buckets, total: { value: total, relation: 'eq' } }
}
