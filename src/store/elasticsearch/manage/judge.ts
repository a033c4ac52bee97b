import { type EsContext, refusal } from '../context.ts'
import type { BackingIndex } from './data-streams.ts'

/** What is in one backing index. */
export interface IndexFacts {
  readonly events: number
  /** Events of the class that is asked for. When there are others, the index is not ours to delete. */
  readonly eventsOfClass: number
  /** When the last of them came in, by the bus's clock; of events that do not say so, when the index was rolled over. */
  readonly newestIngestMs: number
  /** In event time, half-open. */
  readonly fromMs: number
  readonly toMs: number
  /** Events by tenant. */
  readonly tenants: readonly (readonly [tenant: string, events: number])[]
}

/** Tenants of one index at most: its namespace has one, and those whose names differ only in `-` and `_`. */
const TENANTS_MAX = 100

interface Answer {
  readonly hits?: { readonly total?: { readonly value?: number } }
  readonly aggregations?: {
    readonly newest: { readonly value: number | null }
    readonly from: { readonly value: number | null }
    readonly to: { readonly value: number | null }
    readonly ofClass: { readonly doc_count: number }
    readonly dated: { readonly doc_count: number }
    readonly tenants: {
      readonly sum_other_doc_count: number
      readonly buckets: readonly { readonly key: string; readonly doc_count: number }[]
    }
  }
}

/** Looks at everything in an index, also at what was written a moment ago. Undefined when it is gone. */
export async function judgeIndex(
  context: EsContext,
  index: BackingIndex,
  { class: className, cluster }: { readonly class: string; readonly cluster: string },
): Promise<IndexFacts | undefined> {
  const path = `/${encodeURIComponent(index.name)}`
  const { connection } = context
  const refreshed = await connection.request({ method: 'POST', path: `${path}/_refresh` })
  if (refreshed.status === 404) return undefined
  if (refreshed.status !== 200) throw refusal(`refreshing ${index.name}`, refreshed.status, refreshed.body)
  const { status, body } = await connection.request({
    method: 'POST',
    path: `${path}/_search`,
    // All of it or nothing: what a failed shard holds might not have expired.
    query: { filter_path: 'hits.total.value,aggregations,error', allow_partial_search_results: false },
    body: {
      size: 0,
      track_total_hits: true,
      aggs: {
        newest: { max: { field: 'event.ingested' } },
        from: { min: { field: '@timestamp' } },
        to: { max: { field: '@timestamp' } },
        ofClass: { filter: { term: { 'decklog.class': className } } },
        dated: { filter: { exists: { field: 'event.ingested' } } },
        tenants: { terms: { field: 'orchestrator.cluster.name', size: TENANTS_MAX } },
      },
    },
  })
  if (status === 404) return undefined
  if (status !== 200) throw refusal(`looking at ${index.name}`, status, body)
  return factsOf(body as Answer, index, cluster)
}

function factsOf({ hits, aggregations }: Answer, index: BackingIndex, cluster: string): IndexFacts {
  const events = hits?.total?.value ?? 0
  const { newest, from, to, ofClass, dated, tenants } = aggregations!
  const rolledOver = index.rolledOverMs ?? Number.POSITIVE_INFINITY
  const undated = dated.doc_count < events
  const named = tenants.buckets.map((one) => [one.key, one.doc_count] as const)
  const unnamed = events - named.reduce((sum, [, count]) => sum + count, 0)
  return {
    events,
    eventsOfClass: ofClass.doc_count,
    newestIngestMs: Math.max(
      newest.value ?? Number.NEGATIVE_INFINITY,
      undated ? rolledOver : Number.NEGATIVE_INFINITY,
    ),
    fromMs: Math.floor(from.value ?? 0),
    toMs: Math.floor(to.value ?? 0) + 1,
    tenants: unnamed > 0 ? [...named, [cluster, unnamed]] : named,
  }
}

/** When the last event of an index came in; undefined when none says so, or some do not. Cheap: the index knows its largest value. */
export async function newestIngestOf({ connection }: EsContext, index: string): Promise<number | undefined> {
  const { status, body } = await connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(index)}/_search`,
    query: { filter_path: 'aggregations,error', allow_partial_search_results: false },
    body: { size: 0, track_total_hits: false, aggs: { newest: { max: { field: 'event.ingested' } } } },
  })
  if (status === 404) return undefined
  if (status !== 200) throw refusal(`looking at ${index}`, status, body)
  const { aggregations } = (body ?? {}) as { aggregations?: { newest?: { value?: number | null } } }
  return aggregations?.newest?.value ?? undefined
}
