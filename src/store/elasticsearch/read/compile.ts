import { patternPieces } from '../../../core/kql/pattern.ts'
import type { Query } from '../../../core/query.ts'
import type { Asking } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { allOf, anyOf, type Clause, EVERYTHING, noneOf, NOTHING, term, wildcardOf } from './dsl.ts'
import { cidrClause, existsClause, termClause, wildcardClause } from './leaves.ts'
import { type Mapping, mappingOf } from './mapping.ts'
import { rangeClause } from './ranges.ts'
import { refuseObjects } from './sample.ts'
import { type Fields, Views } from './views.ts'

/** A query in Elasticsearch's language, with the views that it needs. */
export interface CompiledQuery {
  readonly clause: Clause
  /** `runtime_mappings` of the request. */
  readonly views: Views
  readonly mapping: Mapping
}

/**
 * The meaning of `core/query.ts`, as `core/match-query.ts` has it. What the mapping can say exactly is asked of the index,
 * everything else of the documents themselves: slower, never another answer. See docs/decisions/elasticsearch-search.md.
 * `others`: fields that the request asks for besides the query.
 * @throws {DecklogError} `query-invalid` for what Elasticsearch cannot be asked for
 */
export async function compileQuery(
  context: EsContext,
  query: Query,
  { asking, others = [] }: { readonly asking: Asking; readonly others?: readonly string[] },
): Promise<CompiledQuery> {
  const mapping = await mappingOf(context, [...new Set([...fieldsOf(query), ...others])], asking.signal)
  await refuseObjects(context, objectsAsked(query, mapping), asking)
  const views = new Views()
  return { clause: clauseOf(query, { mapping, views }), views, mapping }
}

function clauseOf(query: Query, fields: Fields): Clause {
  switch (query.kind) {
    case 'all':
      return EVERYTHING
    case 'none':
      return NOTHING
    case 'and':
      return allOf(flattened(query).map((part) => clauseOf(part, fields)))
    case 'or':
      return anyOf(flattened(query).map((part) => clauseOf(part, fields)))
    case 'not':
      return query.of.kind === 'not' ? clauseOf(query.of.of, fields) : noneOf(clauseOf(query.of, fields))
    case 'words':
      return wordsClause(query)
    case 'word-wildcard':
      return wordWildcard(query.pattern)
    case 'exists':
      return existsClause(query.field, fields)
    case 'term':
      return termClause(query, fields)
    case 'wildcard':
      return wildcardClause(query, fields)
    case 'cidr':
      return cidrClause(query, fields)
    case 'range':
      return rangeClause(query, fields)
  }
}

/** `a and (b and c)` as one list: Elasticsearch allows 30 levels of nesting. */
function flattened(query: Extract<Query, { kind: 'and' | 'or' }>): Query[] {
  return query.of.flatMap((part) => (part.kind === query.kind ? flattened(part) : [part]))
}

/** Words are the index's own terms already, so nothing may cut or change them again. */
function wordsClause({ words, mode }: Extract<Query, { kind: 'words' }>): Clause {
  const known = words.map((word) => word.toWellFormed())
  if (known.length === 0) return NOTHING
  if (known.length === 1) return term('message', known[0]!)
  if (mode === 'any') return { terms: { message: known } }
  return { match_phrase: { message: { query: known.join(' '), analyzer: 'whitespace' } } }
}

function wordWildcard(pattern: string): Clause {
  const pieces = patternPieces(pattern)
  if (pieces.length === 1) return term('message', pieces[0]!)
  return { wildcard: { message: { value: wildcardOf(pieces) } } }
}

function fieldsOf(query: Query): string[] {
  if ('field' in query) return [query.field]
  if (query.kind === 'not') return fieldsOf(query.of)
  return query.kind === 'and' || query.kind === 'or' ? query.of.flatMap(fieldsOf) : []
}

/** Fields of `exists` that no index has: they may be objects, of which nothing can be said. */
function objectsAsked(query: Query, mapping: Mapping): string[] {
  if (query.kind === 'not') return objectsAsked(query.of, mapping)
  if (query.kind === 'and' || query.kind === 'or')
    return query.of.flatMap((part) => objectsAsked(part, mapping))
  if (query.kind !== 'exists') return []
  const { kind } = mapping(query.field)
  return kind === 'documents' || kind === 'keyed' ? [query.field] : []
}
