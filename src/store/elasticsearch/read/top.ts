import type { TopAnswer, TopRequest } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { ask } from './ask.ts'
import { compileQuery } from './compile.ts'
import { allOf, type Clause, exists, noneOf, term } from './dsl.ts'
import type { Kind } from './mapping.ts'
import { whole } from './search.ts'
import type { Views } from './views.ts'

/** Values that each shard names. Above it, and only with several shards, a value may be overlooked that is rare on each of them. */
const CANDIDATES_MIN = 2_000
const VALUES_MAX = 10_000

/** A count may be too small when a shard did not name the value: then the named ones are counted once more, all of them. */
const AGAIN_MAX = 1_000

/** A field's most frequent values. An event with a list counts once for each of its values. */
export async function top(context: EsContext, request: TopRequest): Promise<TopAnswer> {
  const { field, signal } = request
  const compiled = await compileQuery(context, request.query, { asking: request, others: [field] })
  const parts = partsOf(field, compiled.mapping(field), compiled.views)
  const question = {
    query: whole(request, compiled.clause),
    runtime_mappings: compiled.views.mappings,
    track_total_hits: true,
    size: 0,
  }
  const limit = Math.min(Math.max(0, request.limit), VALUES_MAX)
  const first = await ask(context, {
    signal,
    isSkipping: true,
    body: { ...question, aggs: aggregationsOf(parts, { limit }) },
  })
  const answer = countsOf(first.aggregations)
  let counts = answer.counts
  if (answer.mayBeMore && limit > 0) {
    const values = ranked(counts, Math.min(limit * 2, AGAIN_MAX)).map(({ value }) => value)
    const again = await ask(context, {
      signal,
      isSkipping: true,
      body: { ...question, aggs: aggregationsOf(parts, { limit: values.length, only: values }) },
    })
    counts = countsOf(again.aggregations).counts
  }
  return { values: ranked(counts, limit), total: first.total?.value ?? 0, withField: answer.withField }
}

/** Where the values of a field are counted: documents that fit `where`, by the values of `name`. */
interface Part {
  readonly where: Clause
  readonly name: string
  /** Equal counts come by the value's own order, and not by its text. */
  readonly isOrderedOtherwise: boolean
}

/** A document is in one part only. Values that are too long for the index, or were never in it, are read. */
function partsOf(
  field: string,
  { kind, lacking }: { readonly kind: Kind; readonly lacking: readonly string[] },
  views: Views,
): readonly Part[] {
  if (kind === 'flattened' || kind === 'object') return []
  const read = views.of(field, 'keyword')
  if (kind === 'documents' || kind === 'words' || kind === 'date' || kind === 'number') {
    return [{ where: exists(read), name: read, isOrderedOtherwise: false }]
  }
  const isRead: Clause = {
    bool: { should: [term('_ignored', field), { terms: { _index: lacking } }], minimum_should_match: 1 },
  }
  return [
    {
      where: allOf([exists(field), noneOf(isRead)]),
      name: field,
      isOrderedOtherwise: kind !== 'keyword' && kind !== 'keyed',
    },
    { where: allOf([isRead, exists(read)]), name: read, isOrderedOtherwise: false },
  ]
}

function aggregationsOf(
  parts: readonly Part[],
  { limit, only }: { readonly limit: number; readonly only?: readonly string[] },
): Record<string, unknown> {
  const terms = ({ name, isOrderedOtherwise }: Part): object => {
    // Which of many equal ones are shown is decided here: so more of them are asked for.
    const size = isOrderedOtherwise ? VALUES_MAX : Math.max(1, limit)
    return {
      field: name,
      size,
      shard_size: Math.max(CANDIDATES_MIN, limit * 10, size),
      order: [{ _count: 'desc' }, { _key: 'asc' }],
      ...(only === undefined ? {} : { include: only }),
    }
  }
  return Object.fromEntries(
    parts.map((part, at) => [
      `part${at}`,
      { filter: part.where, aggs: limit === 0 ? {} : { values: { terms: terms(part) } } },
    ]),
  )
}

interface Counted {
  readonly counts: ReadonlyMap<string, number>
  readonly withField: number
  readonly mayBeMore: boolean
}

interface Bucket {
  readonly key: string | number
  readonly key_as_string?: string
  readonly doc_count: number
}

interface PartAnswer {
  readonly doc_count: number
  readonly values?: { readonly buckets: readonly Bucket[]; readonly doc_count_error_upper_bound: number }
}

function countsOf(aggregations: unknown): Counted {
  const counts = new Map<string, number>()
  let withField = 0
  let mayBeMore = false
  let parts = 0
  for (const part of Object.values((aggregations ?? {}) as Record<string, PartAnswer>)) {
    withField += part.doc_count
    if (part.doc_count > 0) parts++
    if ((part.values?.doc_count_error_upper_bound ?? 0) !== 0) mayBeMore = true
    for (const { key, key_as_string: text, doc_count: events } of part.values?.buckets ?? []) {
      const value = text ?? String(key)
      counts.set(value, (counts.get(value) ?? 0) + events)
    }
  }
  return { counts, withField, mayBeMore: mayBeMore || parts > 1 }
}

/** Most frequent first; equal ones by code point. */
function ranked(
  counts: ReadonlyMap<string, number>,
  limit: number,
): { readonly value: string; readonly count: number }[] {
  const values = [...counts].map(([value, count]) => ({ value, count }))
  values.sort((a, b) => b.count - a.count || Buffer.compare(Buffer.from(a.value), Buffer.from(b.value)))
  return values.slice(0, limit)
}
