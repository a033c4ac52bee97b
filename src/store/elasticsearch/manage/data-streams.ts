import type { EsConnection } from '../connection.ts'
import { type EsNames, refusal } from '../context.ts'
import { namespaceClass } from './templates.ts'

export interface BackingIndex {
  readonly name: string
  readonly uuid: string
  readonly createdMs: number
  /** When it stopped being written to; undefined for the one that is written to. */
  readonly rolledOverMs: number | undefined
}

export interface DataStream {
  readonly name: string
  readonly dataset: string
  /** `<cluster>.<class>` without the class: `-` of the cluster's name stands as `_`. */
  readonly cluster: string
  /** As a namespace has it: `control_plane`. */
  readonly namespaceClass: string
  /** Oldest first; the last one is written to. */
  readonly indices: readonly BackingIndex[]
}

interface StateAnswer {
  readonly metadata?: {
    readonly data_stream?: { readonly data_stream?: Readonly<Record<string, StreamState>> }
    readonly indices?: Readonly<Record<string, IndexState>>
  }
}
interface StreamState {
  readonly name: string
  /** Of the template that made it. */
  readonly _meta?: { readonly prefix?: string }
  readonly indices: readonly { readonly index_name: string; readonly index_uuid: string }[]
}
interface IndexState {
  readonly settings?: { readonly index?: { readonly creation_date?: string } }
  readonly rollover_info?: Readonly<Record<string, { readonly time?: number }>>
}

const FILTER = [
  'metadata.data_stream.data_stream.*.name',
  'metadata.data_stream.data_stream.*._meta',
  'metadata.data_stream.data_stream.*.indices',
  'metadata.indices.*.settings.index.creation_date',
  'metadata.indices.*.rollover_info',
].join(',')

/**
 * Data streams of decklog with their backing indices, as the cluster state has them: one answer of one moment, on every
 * Elasticsearch. Sorted by name.
 */
export async function listDataStreams(
  connection: EsConnection,
  names: EsNames,
  signal?: AbortSignal,
): Promise<DataStream[]> {
  const { status, body } = await connection.request({
    method: 'GET',
    path: `/_cluster/state/metadata/${encodeURIComponent(names.events)}`,
    query: { filter_path: FILTER, expand_wildcards: 'all', ignore_unavailable: true, allow_no_indices: true },
    ...(signal === undefined ? {} : { signal }),
  })
  if (status !== 200) throw refusal('listing data streams', status, body)
  const { metadata = {} } = (body ?? {}) as StateAnswer
  const streams: DataStream[] = []
  for (const state of Object.values(metadata.data_stream?.data_stream ?? {})) {
    const parts = partsOf(state.name, names.prefix)
    if (state._meta?.prefix !== undefined && state._meta.prefix !== names.prefix) continue
    if (parts !== undefined) streams.push({ ...parts, indices: indicesOf(state, metadata.indices ?? {}) })
  }
  return streams.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** `logs-<dataset>-<cluster>.<class>`; undefined for any other name. */
function partsOf(name: string, prefix: string): Omit<DataStream, 'indices'> | undefined {
  const match = /^logs-([^-]+)-(.+)\.([a-z0-9_]+)$/.exec(name)
  if (match === null || !match[2]!.startsWith(prefix)) return undefined
  return { name, dataset: match[1]!, cluster: match[2]!, namespaceClass: match[3]! }
}

function indicesOf(state: StreamState, known: Readonly<Record<string, IndexState>>): BackingIndex[] {
  const last = state.indices.length - 1
  return state.indices.map(({ index_name: name, index_uuid: uuid }, at) => {
    const createdMs = Number(known[name]?.settings?.index?.creation_date ?? Number.NaN)
    const next = state.indices[at + 1]?.index_name
    const rolledOver =
      known[name]?.rollover_info?.[state.name]?.time ??
      Number(known[next ?? '']?.settings?.index?.creation_date ?? Number.NaN)
    return { name, uuid, createdMs, rolledOverMs: at === last ? undefined : rolledOver }
  })
}

export function isOfClass(stream: DataStream, className: string): boolean {
  return stream.namespaceClass === namespaceClass(className)
}
