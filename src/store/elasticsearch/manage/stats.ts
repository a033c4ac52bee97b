import { type EsContext, refusal } from '../context.ts'
import type { BackingIndex, DataStream } from './data-streams.ts'

export interface IndexStats {
  /** Of the primaries; what is not refreshed yet is not counted. */
  readonly events: number
  readonly bytes: number
}

const NOTHING: IndexStats = { events: 0, bytes: 0 }

interface Answer {
  readonly indices?: Readonly<
    Record<
      string,
      {
        readonly primaries?: {
          readonly docs?: { readonly count?: number }
          readonly store?: { readonly size_in_bytes?: number }
        }
      }
    >
  >
}

/** Sizes of all backing indices, by name. One copy is counted: replicas cost as much again. */
export async function readStats({
  connection,
  names,
}: EsContext): Promise<(index: BackingIndex) => IndexStats> {
  const { status, body } = await connection.request({
    method: 'GET',
    path: `/${encodeURIComponent(names.events)}/_stats/docs,store`,
    query: {
      filter_path: 'indices.*.primaries.docs.count,indices.*.primaries.store.size_in_bytes',
      expand_wildcards: 'all',
    },
  })
  if (status !== 200 && status !== 404) throw refusal('reading the sizes of indices', status, body)
  const indices = ((body ?? {}) as Answer).indices ?? {}
  return ({ name }) => {
    const { docs, store } = indices[name]?.primaries ?? {}
    return { events: docs?.count ?? 0, bytes: store?.size_in_bytes ?? 0 }
  }
}

/** Of a set of data streams together. */
export function sumOf(
  streams: readonly DataStream[],
  stats: (index: BackingIndex) => IndexStats,
): IndexStats {
  return streams
    .flatMap((stream) => stream.indices.map(stats))
    .reduce((sum, one) => ({ events: sum.events + one.events, bytes: sum.bytes + one.bytes }), NOTHING)
}
