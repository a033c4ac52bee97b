import type { Store } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { refusal } from '../context.ts'
import { type DataStream, listDataStreams } from './data-streams.ts'
import { readStats, sumOf } from './stats.ts'

/** Bytes of one copy, events, and when the oldest came in, by class. What was written in the last second may be missing. */
export async function usage(context: EsContext): Promise<Awaited<ReturnType<Store['usage']>>> {
  const streams = await listDataStreams(context.connection, context.names)
  const stats = await readStats(context)
  const uses: { class: string; bytes: number; events: number; oldestMs: number }[] = []
  for (const [className, own] of byClass(streams)) {
    uses.push({ class: className, ...sumOf(own, stats), oldestMs: await oldestOf(context, own) })
  }
  return uses.sort((a, b) => (a.class < b.class ? -1 : 1))
}

/** A class has no `_`, so its name can be told from the namespace. */
function byClass(streams: readonly DataStream[]): Map<string, DataStream[]> {
  const classes = new Map<string, DataStream[]>()
  for (const stream of streams) {
    const name = stream.namespaceClass.replaceAll('_', '-')
    const known = classes.get(name)
    if (known) known.push(stream)
    else classes.set(name, [stream])
  }
  return classes
}

async function oldestOf({ connection, names }: EsContext, streams: readonly DataStream[]): Promise<number> {
  const { status, body } = await connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(`${names.events}.${streams[0]!.namespaceClass}`)}/_search`,
    query: { filter_path: 'aggregations,error', ignore_unavailable: true },
    body: { size: 0, track_total_hits: false, aggs: { oldest: { min: { field: 'event.ingested' } } } },
  })
  if (status !== 200) throw refusal('reading how old the events are', status, body)
  const { aggregations } = (body ?? {}) as { aggregations?: { oldest?: { value?: number | null } } }
  const created = Math.min(...streams.flatMap((stream) => stream.indices.map((index) => index.createdMs)))
  return aggregations?.oldest?.value ?? created
}
