import { formatAddress, parseAddress, parseNetwork } from '../../../core/address.ts'
import { patternPieces } from '../../../core/kql/pattern.ts'
import type { Query } from '../../../core/query.ts'
import { cutWords } from '../../../core/words.ts'
import { addressRange } from './addresses.ts'
import { allOf, anyOf, type Clause, exists, NOTHING, term, wildcardOf } from './dsl.ts'
import type { FieldMapping, Kind } from './mapping.ts'
import { type Fields, javaText, type ViewType } from './views.ts'

/**
 * Keywords above some length are not in the index, but the document says in `_ignored` that it has one: from this length on
 * of a value, and for all patterns, those documents are looked into. UTF-16 units; below any `ignore_above` that is in use.
 */
const SURELY_INDEXED = 256
/** Below a flattened field, longer values are not in the index, and nothing says so. `manage/fields.ts` has the limit. */
const KEYED_LENGTH_MAX = 8_000

/** What a leaf is made of: how the index is asked, and how the documents are, where the index cannot say. */
export interface Leaf {
  readonly field: string
  /** Undefined: nothing that is mapped so can match. */
  readonly indexed: Clause | undefined
  readonly read: () => Clause
}

/** The index's answer, and the documents' for indices that were made before the field was mapped. */
export function leaf({ field, indexed, read }: Leaf, { mapping }: Fields): Clause {
  const { lacking } = mapping(field)
  const own = indexed ?? NOTHING
  return lacking.length === 0 ? own : anyOf([own, allOf([{ terms: { _index: lacking } }, read()])])
}

/** Documents that have the field at all, narrowed down by the index, and then read. */
export function readWhere(field: string, { kind }: FieldMapping, read: Clause): Clause {
  // A flattened field does not say that it has values which are too long for the index.
  return kind === 'documents' || kind === 'keyed' ? read : allOf([isThere(field), read])
}

/** A keyword that is too long for the index is in `_ignored`. */
export function isThere(field: string): Clause {
  return anyOf([exists(field), term('_ignored', field)])
}

/** Objects have no value of their own, and a document in which they are none was refused. */
export function isObject(kind: Kind): boolean {
  return kind === 'flattened' || kind === 'object'
}

export function existsClause(field: string, fields: Fields): Clause {
  const { kind } = fields.mapping(field)
  const read = (): Clause => exists(fields.views.of(field, 'keyword'))
  if (kind === 'documents') return read()
  if (kind === 'object') return anyOf([exists(field), { prefix: { _ignored: { value: `${field}.` } } }])
  return leaf({ field, indexed: kind === 'keyed' ? exists(field) : isThere(field), read }, fields)
}

export function termClause({ field, value }: Extract<Query, { kind: 'term' }>, fields: Fields): Clause {
  const mapping = fields.mapping(field)
  const text = value.toWellFormed()
  const read = (): Clause => readText(text, fields.views.of(field, 'keyword'))
  if (mapping.kind === 'documents') return read()
  return leaf({ field, indexed: indexedTerm({ field, text, mapping, read }), read }, fields)
}

function readText(text: string, view: string): Clause {
  const java = javaText(text)
  return java === undefined ? term(view, text) : { terms: { [view]: [text, java] } }
}

interface TermLeaf {
  readonly field: string
  readonly text: string
  readonly mapping: FieldMapping
  readonly read: () => Clause
}

function indexedTerm({ field, text, mapping, read }: TermLeaf): Clause | undefined {
  const reading = (): Clause => readWhere(field, mapping, read())
  switch (mapping.kind) {
    case 'keyword':
      return text.length < SURELY_INDEXED
        ? term(field, text)
        : anyOf([term(field, text), allOf([term('_ignored', field), read()])])
    case 'keyed':
      return text.length < KEYED_LENGTH_MAX ? term(field, text) : reading()
    case 'integer':
      return /^(?:0|-?[1-9]\d{0,17})$/.test(text) ? term(field, text) : reading()
    case 'number':
      return String(Number(text)) === text && Number.isFinite(Number(text))
        ? term(field, Number(text))
        : reading()
    case 'boolean':
      return text === 'true' || text === 'false' ? term(field, text) : reading()
    case 'ip':
      return addressTerm(field, text, read)
    case 'words':
      return allOf([...cutWords(text).map((word) => term(field, word)), reading()])
    case 'date':
      return reading()
    default:
      return undefined
  }
}

/** One address has many spellings in IPv6, and a term is one of them. */
function addressTerm(field: string, text: string, read: () => Clause): Clause | undefined {
  const address = parseAddress(text)
  if (address === undefined) return undefined
  const same = term(field, formatAddress(address))
  return address.version === 4 && formatAddress(address) === text ? same : allOf([same, read()])
}

export function wildcardClause(
  { field, pattern }: Extract<Query, { kind: 'wildcard' }>,
  fields: Fields,
): Clause {
  const pieces = patternPieces(pattern)
  if (pieces.length === 1) return termClause({ kind: 'term', field, value: pieces[0]! }, fields)
  const mapping = fields.mapping(field)
  if (isObject(mapping.kind)) return NOTHING
  if (pieces.every((piece) => piece === '')) return existsClause(field, fields)
  const value = wildcardOf(pieces)
  const read = (): Clause => ({ wildcard: { [fields.views.of(field, 'keyword')]: { value } } })
  if (mapping.kind !== 'keyword') {
    return leaf({ field, indexed: readWhere(field, mapping, read()), read }, fields)
  }
  const indexed = anyOf([{ wildcard: { [field]: { value } } }, allOf([term('_ignored', field), read()])])
  return leaf({ field, indexed, read }, fields)
}

export function cidrClause({ field, cidr }: Extract<Query, { kind: 'cidr' }>, fields: Fields): Clause {
  const network = parseNetwork(cidr)
  const mapping = fields.mapping(field)
  if (network === undefined || isObject(mapping.kind)) return NOTHING
  const within = (name: string): Clause => addressRange(name, network)
  const read = (): Clause => within(fields.views.of(field, 'ip' satisfies ViewType))
  if (mapping.kind === 'ip') return leaf({ field, indexed: within(field), read }, fields)
  return leaf({ field, indexed: readWhere(field, mapping, read()), read }, fields)
}
