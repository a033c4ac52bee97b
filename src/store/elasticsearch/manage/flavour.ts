import { DecklogError } from '../../../core/errors.ts'
import type { EsConnection } from '../connection.ts'
import type { Flavour } from './templates.ts'

export interface FoundFlavour extends Flavour {
  /** A sentence each: what was found, and what follows from it. */
  readonly why: readonly string[]
}

const OPTIONAL_TYPES = ['constant_keyword', 'match_only_text', 'wildcard'] as const

/**
 * Finds out what the cluster has by asking it to simulate templates, which writes nothing. What is not there is left out, and
 * said; nothing of it is ever a failure.
 * @throws {DecklogError} `unreachable`; `usage` where the user may not ask
 */
export async function findFlavour(connection: EsConnection, signal?: AbortSignal): Promise<FoundFlavour> {
  const takes = (template: object): Promise<boolean> => simulate(connection, template, signal)
  const missing: string[] = []
  for (const type of OPTIONAL_TYPES) {
    if (!(await takes({ mappings: { properties: { probe: { type } } } }))) missing.push(type)
  }
  const lifecycle = await hasLifecycle(connection, signal)
  const logsdb = await takes({ settings: { 'index.mode': 'logsdb', 'index.mapping.source.mode': 'stored' } })
  const failureStore = await takes({ data_stream_options: { failure_store: { enabled: false } } })
  const types = missing.length === 0 ? 'full' : 'core'
  const why = [
    missing.length === 0
      ? 'it has the field types constant_keyword, match_only_text and wildcard: they are used'
      : `it has no ${missing.join(', ')}: keyword and text take their place, with the same answers`,
    lifecycle
      ? 'it has index lifecycle management, which rolls over; decklog deletes'
      : 'it has no index lifecycle management: decklog rolls over and deletes',
  ]
  return {
    name: types === 'full' && lifecycle ? 'full' : 'core',
    types,
    lifecycle,
    logsdb,
    failureStore,
    why,
  }
}

async function simulate(
  connection: EsConnection,
  template: object,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { status, body } = await connection.request({
    method: 'POST',
    path: '/_index_template/_simulate',
    body: { index_patterns: ['decklog-probe-of-types-*'], data_stream: {}, priority: 4_200_000, template },
    ...(signal === undefined ? {} : { signal }),
  })
  if (status === 401 || status === 403) throw forbidden(status, body)
  if (status >= 500 || status === 429) throw unreachable(status)
  return status === 200
}

async function hasLifecycle(connection: EsConnection, signal: AbortSignal | undefined): Promise<boolean> {
  const { status, body } = await connection.request({
    method: 'GET',
    path: '/_ilm/status',
    ...(signal === undefined ? {} : { signal }),
  })
  if (status === 200) return (body as { operation_mode?: string }).operation_mode !== undefined
  if (status === 401 || status === 403) throw forbidden(status, body)
  if (status >= 500 || status === 429) throw unreachable(status)
  return false
}

function forbidden(status: number, body: unknown): DecklogError {
  const reason = reasonOf(body)
  return new DecklogError(
    'usage',
    status === 401
      ? `Elasticsearch does not accept the user, password or API key: ${reason}`
      : `Elasticsearch refuses: ${reason}; the rights that setup needs are printed by decklog setup --print-role setup`,
  )
}

function unreachable(status: number): DecklogError {
  return new DecklogError('unreachable', `Elasticsearch answers with status ${status}; try again later`, {
    retryable: true,
  })
}

/** Why it refused, in its own words, cut to a line. */
function reasonOf(body: unknown): string {
  let error = (body as { error?: unknown } | undefined)?.error
  if (typeof error === 'string') return error.slice(0, REASON_LENGTH_MAX)
  let reason = 'no reason given'
  while (typeof error === 'object' && error !== null) {
    const { reason: said, caused_by: deeper } = error as { reason?: unknown; caused_by?: unknown }
    if (typeof said === 'string') reason = said
    error = deeper
  }
  return reason.replaceAll(/\s+/g, ' ').slice(0, REASON_LENGTH_MAX)
}

const REASON_LENGTH_MAX = 300
