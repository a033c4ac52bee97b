import { setTimeout as sleep } from 'node:timers/promises'
import { DecklogError } from '../../../core/errors.ts'
import type { EsTextAnswer } from '../connection.ts'
import { faultOf, refusal, type EsContext } from '../context.ts'
import { elementsOf, membersOf, type Span } from './json-spans.ts'

/** A question longer than this is given up by Elasticsearch, and said. */
const QUESTION_MS_MAX = 60_000
/** For the answer to come, after that. */
const ANSWER_MS = 10_000

export interface Question {
  /** Body of `_search`. */
  readonly body: Readonly<Record<string, unknown>>
  readonly signal: AbortSignal | undefined
  /** One index, or a pattern. @default all data streams of events. Not for a body with a point in time */
  readonly index?: string
  /** One shard of the index. */
  readonly shard?: number
  /** @default 60,000 */
  readonly msMax?: number
  /** Asks each shard first whether it can match, so that indices of others are not even looked at. @default false */
  readonly isSkipping?: boolean
}

/** An answer to which every shard has contributed. */
export interface RawAnswer {
  /** As it came: documents are cut out of it. */
  readonly text: string
  readonly total: { readonly value: number; readonly relation: 'eq' | 'gte' } | undefined
  readonly aggregations: unknown
  readonly pit: string | undefined
  /** Where each hit stands in the text. */
  readonly hits: readonly Span[]
}

/** A point in time that has gone: the only refusal that a search can do something about. */
export class PointInTimeGone extends Error {}

/**
 * Asks all shards. An answer without some of them would be a silent subset, so it is an error.
 * @throws {DecklogError} `query-invalid` when the query is at fault; retryable `unreachable` when the cluster is
 */
export async function ask(context: EsContext, question: Question): Promise<RawAnswer> {
  for (let attempt = 1; ; attempt++) {
    const { status, text } = await send(context, question)
    if (status === 200) return read(text)
    const types = typesOf(text)
    // Before the shards of a new index are assigned, the refusal names no cause at all.
    const isUnassigned = status === 503 && text.includes('"root_cause":[]')
    const isBeginning = isUnassigned || types.includes('no_shard_available_action_exception')
    if (!isBeginning || attempt >= ATTEMPTS) throw faultOfSearch({ status, text, types })
    await pause(BEGINNING_MS, question.signal)
  }
}

/** The shards of a new index take a moment to begin: after every rollover. */
const BEGINNING_MS = 100
const ATTEMPTS = 50

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch((cause: unknown) => {
    throw new DecklogError('aborted', 'the question was given up', { cause })
  })
}

function send(context: EsContext, question: Question): Promise<EsTextAnswer> {
  const { body, signal, index, shard, isSkipping, msMax = QUESTION_MS_MAX } = question
  const isPinned = body['pit'] !== undefined
  return context.connection.requestText({
    method: 'POST',
    path: isPinned ? '/_search' : `/${encodeURIComponent(index ?? context.names.events)}/_search`,
    query: {
      allow_partial_search_results: false,
      ...(isPinned ? {} : { ignore_unavailable: true, allow_no_indices: true }),
      ...(shard === undefined ? {} : { preference: `_shards:${shard}` }),
      ...(isSkipping === true ? { pre_filter_shard_size: 1 } : {}),
    },
    body: { ...body, timeout: `${msMax}ms` },
    timeoutMs: msMax + ANSWER_MS,
    ...(signal === undefined ? {} : { signal }),
  })
}

function read(text: string): RawAnswer {
  const parts = new Map<string, Span>()
  for (const { name, value } of membersOf(text, 0)) parts.set(name, value)
  const parsed = (name: string): unknown => {
    const span = parts.get(name)
    return span === undefined ? undefined : (JSON.parse(text.slice(span.from, span.to)) as unknown)
  }
  const shards = parsed('_shards') as { failed?: number } | undefined
  if (parsed('timed_out') === true || shards === undefined || shards.failed !== 0) throw incomplete()
  const hits: Span[] = []
  let total: RawAnswer['total']
  for (const { name, value } of membersOf(text, parts.get('hits')?.from ?? text.length)) {
    if (name === 'total') total = JSON.parse(text.slice(value.from, value.to)) as RawAnswer['total']
    if (name === 'hits') hits.push(...elementsOf(text, value.from))
  }
  const pit = parsed('pit_id')
  return {
    text,
    total,
    aggregations: parsed('aggregations'),
    pit: typeof pit === 'string' ? pit : undefined,
    hits,
  }
}

function incomplete(): DecklogError {
  return new DecklogError(
    'unreachable',
    `Elasticsearch could not answer for all of its shards in time; ask for a shorter time range, or look at the cluster's health`,
    { retryable: true },
  )
}

function typesOf(text: string): string[] {
  return [...text.matchAll(/"type":"(\w+)"/g)].map((match) => match[1]!)
}

function faultOfSearch({
  status,
  text,
  types,
}: {
  status: number
  text: string
  types: readonly string[]
}): Error {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    body = undefined
  }
  if (types.includes('search_context_missing_exception')) return new PointInTimeGone()
  if (types.includes('too_complex_to_determinize_exception'))
    return asking('a pattern has too many stars for Elasticsearch')
  if (types.includes('too_many_nested_clauses') || /max_nested_depth|maxNestedDepth|nested depth/i.test(text))
    return asking('the query is nested too deeply for Elasticsearch')
  if (types.some((type) => type === 'too_many_clauses'))
    return asking('the query has too many terms for Elasticsearch')
  if (types.includes('circuit_breaking_exception')) {
    return new DecklogError(
      'unreachable',
      'Elasticsearch has not the memory for this question; ask for a shorter time range, or fewer values',
      { retryable: true, cause: refusal('search', status, body) },
    )
  }
  if (
    types.includes('no_shard_available_action_exception') ||
    types.includes('search_timeout_exception') ||
    status === 504
  )
    return incomplete()
  if (status === 404) return refusal('search', status, body)
  if (status === 400) {
    const { reason } = deepest(body)
    return asking(`Elasticsearch does not take the query: ${reason}`)
  }
  return refusal('search', status, body)
}

function asking(message: string): DecklogError {
  return new DecklogError('query-invalid', message)
}

/** The first cause says what is wrong, the outermost only that all shards failed. */
function deepest(body: unknown): { readonly type: string; readonly reason: string } {
  const roots = (body as { error?: { root_cause?: readonly unknown[] } } | undefined)?.error?.root_cause
  return faultOf({ error: roots?.[0] ?? (body as { error?: unknown } | undefined)?.error })
}
