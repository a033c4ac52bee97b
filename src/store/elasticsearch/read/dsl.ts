import { formatIso } from '../../../core/instant.ts'
import type { Scope, TimeRange } from '../../../ports/store.ts'
import { TIME_FORMAT } from './hits.ts'

/** A clause of Elasticsearch's query language. */
export type Clause = Readonly<Record<string, unknown>>

export const NOTHING: Clause = { match_none: {} }
export const EVERYTHING: Clause = { match_all: {} }

export function allOf(clauses: readonly Clause[]): Clause {
  if (clauses.length === 0) return EVERYTHING
  return clauses.length === 1 ? clauses[0]! : { bool: { filter: clauses } }
}

export function anyOf(clauses: readonly Clause[]): Clause {
  if (clauses.length === 0) return NOTHING
  return clauses.length === 1 ? clauses[0]! : { bool: { should: clauses, minimum_should_match: 1 } }
}

export function noneOf(clause: Clause): Clause {
  return { bool: { must_not: [clause] } }
}

export function exists(field: string): Clause {
  return { exists: { field } }
}

export function term(field: string, value: string | number | boolean): Clause {
  return { term: { [field]: { value } } }
}

/** A pattern of core/query.ts, cut at its stars; Elasticsearch's wildcards know `?` too. */
export function wildcardOf(pieces: readonly string[]): string {
  return pieces.map((piece) => piece.toWellFormed().replace(/[*?\\]/g, '\\$&')).join('*')
}

/**
 * What somebody may see, by what the documents say of where they came from: the shipper's word, never the payload's. What is no
 * event of decklog is never seen, though its data stream may have a like name.
 */
export function scopeClauses({ clusters, classes }: Scope): Clause[] {
  const clauses: Clause[] = [exists('decklog.stream')]
  if (classes !== '*') clauses.push({ terms: { 'decklog.class': classes } })
  if (clusters !== '*') clauses.push({ terms: { 'orchestrator.cluster.name': clusters } })
  return clauses
}

/** Half-open. */
export function timeClauses({ fromNs, toNs }: TimeRange): Clause[] {
  const bounds: Record<string, bigint> = {}
  if (fromNs !== undefined) bounds['gte'] = fromNs
  if (toNs !== undefined) bounds['lt'] = toNs
  return Object.keys(bounds).length === 0 ? [] : [timeRange('@timestamp', bounds)]
}

/** Nanoseconds of Elasticsearch begin in 1970 and end in 2262: a bound outside holds for all of them, or for none. */
const TIME_MAX = 2n ** 63n - 1n

export type Sign = 'gt' | 'gte' | 'lt' | 'lte'

export function timeRange(field: string, bounds: Readonly<Partial<Record<Sign, bigint>>>): Clause {
  const range: Record<string, string> = {}
  for (const [sign, ns] of Object.entries(bounds) as [Sign, bigint][]) {
    const isLower = sign === 'gt' || sign === 'gte'
    const isBelow = ns < 0n
    if (!isBelow && ns <= TIME_MAX) range[sign] = formatIso(ns)
    else if (isLower !== isBelow) return NOTHING
  }
  return Object.keys(range).length === 0
    ? exists(field)
    : { range: { [field]: { ...range, format: TIME_FORMAT } } }
}
