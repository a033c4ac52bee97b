import type { EsContext } from '../context.ts'
import { faultOf, refusal } from '../context.ts'

/** The indices behind a data stream, as they were when they were asked for. */
export interface BackingIndices {
  /** Takes the writes; undefined while the data stream does not exist. */
  readonly write: string | undefined
  /** When the write index began, milliseconds since the epoch, by the cluster's clock. */
  readonly createdMs: number
  /** Took writes before; in order of generation. */
  readonly older: readonly OlderIndex[]
}

export interface OlderIndex {
  readonly name: string
  /** When the next one began: nothing was written to it after that. */
  readonly endedMs: number
}

const NONE: BackingIndices = { write: undefined, createdMs: 0, older: [] }

/**
 * Asks for the indices behind a data stream, by their settings: the calls of data streams themselves need rights and modules
 * that not every cluster gives. Undefined when it is not allowed to know.
 * @throws {DecklogError} retryable
 */
export async function backingIndicesOf(
  { connection, complain, mended }: EsContext,
  dataStream: string,
  signal?: AbortSignal,
): Promise<BackingIndices | undefined> {
  const what = `reading the settings of ${dataStream}`
  const { status, body } = await connection.request({
    method: 'GET',
    path: `/${encodeURIComponent(dataStream)}/_settings`,
    query: { filter_path: '*.settings.index.creation_date,error', expand_wildcards: 'all' },
    ...(signal === undefined ? {} : { signal }),
  })
  if (status === 404) return NONE
  if (status === 403) {
    complain(
      what,
      `Elasticsearch does not let us see the indices of ${dataStream} (${faultOf(body).reason}): ` +
        'events that come again after a rollover may be stored twice; grant view_index_metadata',
    )
    return undefined
  }
  if (status !== 200) throw refusal(what, status, body)
  mended(what)
  return sorted(body as Readonly<Record<string, SettingsOfIndex>>)
}

interface SettingsOfIndex {
  readonly settings?: { readonly index?: { readonly creation_date?: string } }
}

function sorted(indices: Readonly<Record<string, SettingsOfIndex>>): BackingIndices {
  const names = Object.keys(indices).sort((a, b) => generationOf(a) - generationOf(b))
  const createdMs = names.map((name) => Number(indices[name]!.settings?.index?.creation_date ?? 0))
  const write = names.at(-1)
  if (write === undefined) return NONE
  return {
    write,
    createdMs: createdMs.at(-1)!,
    older: names.slice(0, -1).map((name, at) => ({ name, endedMs: createdMs[at + 1]! })),
  }
}

/** The last part of `.ds-<data stream>-<day>-<generation>`; an index that was shrunk or mounted keeps it at its end. */
export function generationOf(index: string): number {
  return Number(/-(\d{6,})$/.exec(index)?.[1] ?? 0)
}
