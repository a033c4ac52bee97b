import type { EsConnection } from './connection.ts'
import type { EsContext, EsNames } from './context.ts'
import { refusal } from './context.ts'

/** decklog's own indices: what batches cover, and records. Few fields are indexed, the rest is only kept. */
interface OwnIndex {
  readonly name: string
  readonly body: Readonly<Record<string, unknown>>
}

const SETTINGS = { number_of_shards: 1, auto_expand_replicas: '0-1', refresh_interval: '1s' }
const keyword = { type: 'keyword', ignore_above: 1024 }
const long = { type: 'long' }

export function coverageIndex(names: EsNames): OwnIndex {
  return {
    name: names.coverage,
    body: {
      settings: SETTINGS,
      mappings: {
        dynamic: false,
        properties: {
          stream: keyword,
          class: keyword,
          tenant: keyword,
          node: keyword,
          first: long,
          last: long,
          received: { type: 'date', format: 'epoch_millis' },
          stored: long,
          joined: long,
          skipped: long,
          lost: long,
          dead: long,
          lossCount: long,
        },
      },
    },
  }
}

export function recordsIndex(names: EsNames): OwnIndex {
  return {
    name: names.records,
    body: {
      settings: SETTINGS,
      mappings: {
        dynamic: false,
        properties: {
          kind: keyword,
          id: keyword,
          version: long,
          updatedMs: long,
          class: keyword,
          tenant: keyword,
        },
      },
    },
  }
}

/** `name`: of one day of events. */
export function claimsIndex(name: string): OwnIndex {
  return {
    name,
    // Read by id only.
    body: {
      settings: { ...SETTINGS, refresh_interval: '30s' },
      mappings: { dynamic: false, properties: {} },
    },
  }
}

/** Makes an index of ours when it is missing. Safe to repeat, also by several processes at once. */
export async function ensureIndex({ connection }: EsContext, { name, body }: OwnIndex): Promise<void> {
  const path = `/${encodeURIComponent(name)}`
  const { status } = await connection.request({ method: 'HEAD', path })
  if (status === 200) return
  const made = await connection.request({ method: 'PUT', path, body })
  if (made.status === 200) return
  const { type } = (made.body as { error?: { type?: string } } | undefined)?.error ?? {}
  if (type !== 'resource_already_exists_exception')
    throw refusal(`making the index ${name}`, made.status, made.body)
}

/** Names of own indices that this process has written to since it last refreshed them: it must see what it wrote. */
const unseen = new WeakMap<EsConnection, Set<string>>()

export function noteChange({ connection }: EsContext, name: string): void {
  const names = unseen.get(connection)
  if (names === undefined) unseen.set(connection, new Set([name]))
  else names.add(name)
}

/** Without the right to refresh, what is read is a second behind. */
export async function refreshIfChanged({ connection }: EsContext, name: string): Promise<void> {
  if (unseen.get(connection)?.delete(name) !== true) return
  const path = `/${encodeURIComponent(name)}/_refresh`
  await connection.request({ method: 'POST', path, query: { ignore_unavailable: true } })
}
