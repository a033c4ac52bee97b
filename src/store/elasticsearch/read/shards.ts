import { type EsContext, refusal } from '../context.ts'
import { dataStreamOf } from './hits.ts'

/** One shard of a backing index. */
export interface Shard {
  /** `<uuid of the index>/<shard>`: an index that is made again under its name is another one. */
  readonly key: string
  readonly index: string
  readonly shard: number
  readonly dataStream: string
  readonly createdMs: number
  /** When the next index of its data stream was made; undefined for the one that is written to. */
  readonly endedMs: number | undefined
}

interface IndexSettings {
  readonly settings: {
    readonly index: {
      readonly uuid: string
      readonly number_of_shards: string
      readonly creation_date: string
    }
  }
}

const SETTINGS = ['uuid', 'number_of_shards', 'creation_date']
  .map((name) => `*.settings.index.${name}`)
  .join(',')

/** All of them, those of a data stream oldest first. */
export async function listShards(context: EsContext, signal: AbortSignal | undefined): Promise<Shard[]> {
  const { status, body } = await context.connection.request({
    method: 'GET',
    path: `/${encodeURIComponent(context.names.events)}/_settings`,
    query: { filter_path: SETTINGS, ignore_unavailable: true, allow_no_indices: true },
    ...(signal === undefined ? {} : { signal }),
  })
  if (status !== 200) throw refusal('list the indices', status, body)
  const indices = Object.entries((body ?? {}) as Record<string, IndexSettings>).map(
    ([index, { settings }]) => ({
      index,
      dataStream: dataStreamOf(index),
      uuid: settings.index.uuid,
      count: Number(settings.index.number_of_shards),
      createdMs: Number(settings.index.creation_date),
    }),
  )
  // The generation is at the end of the name, and decides where two were made in the same millisecond.
  indices.sort((a, b) => a.createdMs - b.createdMs || (a.index < b.index ? -1 : 1))
  const shards: Shard[] = []
  for (const [dataStream, own] of Map.groupBy(indices, (each) => each.dataStream)) {
    for (const [at, { index, uuid, count, createdMs }] of own.entries()) {
      const endedMs = own[at + 1]?.createdMs
      for (let shard = 0; shard < count; shard++)
        shards.push({ key: `${uuid}/${shard}`, index, shard, dataStream, createdMs, endedMs })
    }
  }
  return shards
}

interface ShardStats {
  readonly seq_no?: { readonly max_seq_no?: number }
}

interface StatsAnswer {
  readonly indices?: Readonly<
    Record<
      string,
      { readonly uuid: string; readonly shards?: Readonly<Record<string, readonly ShardStats[]>> }
    >
  >
}

/** By shard, the number after the last write, searchable or not. Undefined when the user may not ask. */
export async function writtenUpTo(
  context: EsContext,
  signal: AbortSignal | undefined,
): Promise<Map<string, number> | undefined> {
  const { status, body } = await context.connection.request({
    method: 'GET',
    path: `/${encodeURIComponent(context.names.events)}/_stats/docs`,
    query: {
      level: 'shards',
      filter_path: 'indices.*.uuid,indices.*.shards.*.seq_no.max_seq_no',
      ignore_unavailable: true,
    },
    ...(signal === undefined ? {} : { signal }),
  })
  if (status !== 200) return undefined
  const next = new Map<string, number>()
  for (const { uuid, shards } of Object.values((body as StatsAnswer | undefined)?.indices ?? {})) {
    for (const [shard, copies] of Object.entries(shards ?? {})) {
      const last = Math.max(-1, ...copies.map((copy) => copy.seq_no?.max_seq_no ?? -1))
      next.set(`${uuid}/${shard}`, last + 1)
    }
  }
  return next
}
