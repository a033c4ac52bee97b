import { DecklogError } from '../../core/errors.ts'
import type { Telemetry } from '../../core/telemetry.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EsConnection } from './connection.ts'

/** What every part of this store works with. */
export interface EsContext {
  readonly connection: EsConnection
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly names: EsNames
  /** Classes that may not be written to, with the sentence that says why. Retention fills it, writing reads it. */
  readonly refused: Map<string, string>
  /** A sentence for the operator: what is wrong and what to do. Said once until `mended` is called with the same `what`. */
  readonly complain: (what: string, sentence: string) => void
  readonly mended: (what: string) => void
}

/** Names of what decklog has in a cluster. */
export interface EsNames {
  /** The namespaces of the data streams begin with it; '' but in tests, which share a cluster. */
  readonly prefix: string
  /** All data streams of events, as a pattern for reading. */
  readonly events: string
  /** The index of what batches cover. */
  readonly coverage: string
  /** The index of alerts, sessions, dead letters. */
  readonly records: string
  /** Indices of the ids that senders gave, one a day of the events: `decklog-<prefix>claims-2026.11.24`. */
  readonly claims: string
  /** Templates and policies: `decklog-<prefix><part>`. */
  installed(part: string): string
}

export function namesOf(prefix = ''): EsNames {
  return {
    prefix,
    events: `logs-*-${prefix}*`,
    coverage: `decklog-${prefix}coverage`,
    records: `decklog-${prefix}records`,
    claims: `decklog-${prefix}claims`,
    installed: (part) => `decklog-${prefix}${part}`,
  }
}

export interface EsFault {
  readonly type: string
  readonly reason: string
}

/** `error` of an answer, as far as it says something. */
export function faultOf(body: unknown): EsFault {
  const error = (body as { error?: unknown } | null | undefined)?.error
  if (typeof error === 'string') return { type: error, reason: error }
  const { type, reason } = (error ?? {}) as { type?: unknown; reason?: unknown }
  return {
    type: typeof type === 'string' ? type : 'unknown',
    reason: typeof reason === 'string' ? reason : 'it gave no reason',
  }
}

/** For an answer that was not expected: says what was asked and why it was refused, and whether asking again may help. */
export function refusal(what: string, status: number, body: unknown): DecklogError {
  const retryable = status === 429 || status >= 500
  return new DecklogError(
    retryable ? 'unreachable' : 'internal',
    `Elasticsearch: ${what}: ${whyRefused(status, body)}`,
    {
      retryable: retryable || status === 401 || status === 403,
    },
  )
}

/** The status, and why, as a part of a sentence. */
export function whyRefused(status: number, body: unknown): string {
  const { type, reason } = faultOf(body)
  const why = status === 401 ? unknownUser(body) : status === 403 ? forbidden(reason) : `${type}: ${reason}`
  return `${status} ${why}`
}

/** The server's own reason repeats the request; only that a key has expired is worth saying, which it says elsewhere. */
function unknownUser(body: unknown): string {
  const { additional_unsuccessful_credentials: said, reason } =
    (body as { error?: { additional_unsuccessful_credentials?: unknown; reason?: unknown } } | undefined)
      ?.error ?? {}
  const expired = /expired/i.test(`${String(said)} ${String(reason)}`) ? ', for it has expired' : ''
  return `this user, password or API key is refused${expired}: mend store.auth`
}

function forbidden(reason: string): string {
  return `not allowed: ${reason}; decklog setup --print-role prints the rights that are needed`
}
