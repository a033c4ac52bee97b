import { parseAddress, parseNetwork } from '../../core/address.ts'
import { fieldType } from '../../core/fields.ts'
import { parseInstant, parseIsoNs } from '../../core/instant.ts'
import type { Query } from '../../core/query.ts'
import { hexOf, inNetworkSql } from './sql-address.ts'
import type { FieldView, ValueTest } from './sql-field.ts'
import { likeSql, literal, patternParts } from './sql-text.ts'

/** What a query's words, columns and JSON paths look like for one kind of segments. The result is a boolean or NULL for no. */
export function querySql(query: Query, view: FieldView): string {
  switch (query.kind) {
    case 'all':
      return 'true'
    case 'none':
      return 'false'
    case 'and':
      return query.of.length === 0
        ? 'true'
        : `(${query.of.map((part) => querySql(part, view)).join(' AND ')})`
    case 'or':
      return query.of.length === 0
        ? 'false'
        : `(${query.of.map((part) => querySql(part, view)).join(' OR ')})`
    case 'not':
      return `((${querySql(query.of, view)}) IS NOT TRUE)`
    case 'words':
      return wordsSql(query)
    case 'word-wildcard':
      return wordWildcardSql(query.pattern)
    case 'exists':
      return existsSql(query.field, view)
    case 'term':
      return termSql(query, view)
    case 'wildcard':
      return anySql(query.field, view, (value) => likeSql(value, query.pattern))
    case 'cidr': {
      const network = parseNetwork(query.cidr)
      return network === undefined
        ? 'false'
        : anySql(query.field, view, (value) => inNetworkSql(value, network))
    }
    case 'range':
      return rangeSql(query, view)
  }
}

/** Fields that every event has beside its document, said by the shipper and not by the payload. */
const OWN: Readonly<Record<string, string>> = { 'decklog.stream': '_stream', 'decklog.seq': '_seq' }

function anySql(field: string, view: FieldView, test: ValueTest): string {
  const own = OWN[field]
  if (own !== undefined && Object.hasOwn(OWN, field))
    return `(${test(own === '_seq' ? 'CAST(_seq AS VARCHAR)' : own)})`
  return view.any(field, test)
}

function existsSql(field: string, view: FieldView): string {
  if (field === 'message') return `(_words <> '' OR ${view.existsUnder(field)})`
  if (Object.hasOwn(OWN, field)) return 'true'
  return view.exists(field)
}

function wordsSql({ words, mode }: Extract<Query, { kind: 'words' }>): string {
  if (words.length === 0) return 'false'
  if (mode === 'phrase') return `contains(_words, ${literal(` ${words.join(' ')} `)})`
  return `(${words.map((word) => `contains(_words, ${literal(` ${word} `)})`).join(' OR ')})`
}

/** `fail*`, `*fail`, `*fail*` are plain searches in the column; what has more stars needs a regular expression. */
function wordWildcardSql(pattern: string): string {
  const parts = patternParts(pattern)
  if (parts.some((part) => part.includes(' '))) return 'false'
  if (parts.length === 1) return wordsSql({ kind: 'words', words: [parts[0]!], mode: 'any' })
  const head = parts[0]!
  const tail = parts.at(-1)!
  const middle = parts.slice(1, -1).filter((part) => part !== '')
  if (head === '' && tail === '' && middle.length === 0) return 'length(_words) > 1'
  if (tail === '' && middle.length === 0) return `contains(_words, ${literal(` ${head}`)})`
  if (head === '' && middle.length === 0) return `contains(_words, ${literal(`${tail} `)})`
  if (head === '' && tail === '' && middle.length === 1) return `contains(_words, ${literal(middle[0]!)})`
  const regex = parts.map((part) =>
    part.replace(/[^\p{L}\p{N}]/gu, (char) => `\\x{${char.codePointAt(0)!.toString(16)}}`),
  )
  const longest = parts.reduce((best, part) => (part.length > best.length ? part : best), '')
  return `(contains(_words, ${literal(longest)}) AND regexp_matches(_words, ${literal(` ${regex.join('[^ ]*')} `)}))`
}

function termSql({ field, value }: Extract<Query, { kind: 'term' }>, view: FieldView): string {
  if (field === 'decklog.seq') return /^\d{1,15}$/.test(value) ? `(_seq = ${value})` : 'false'
  const number = numberOf(value)
  const isCanonical = number !== undefined && String(Number(value)) === value
  return anySql(field, view, (expression, isFraction) => {
    const same = `${expression} = ${literal(value)}`
    if (isFraction === undefined || !/\d/.test(value)) return same
    // 1.0 and 1e0 are the number 1. Columns hold it so already, documents hold what was written.
    const isSame = isCanonical ? `TRY_CAST(${expression} AS DOUBLE) = ${number}` : 'false'
    return `(CASE WHEN ${isFraction} THEN ${isSame} ELSE ${same} END)`
  })
}

const SIGNS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const
type Sign = keyof typeof SIGNS
type Bound = readonly [sign: Sign, value: string]

function rangeSql(range: Extract<Query, { kind: 'range' }>, view: FieldView): string {
  const bounds: Bound[] = []
  for (const sign of Object.keys(SIGNS) as Sign[])
    if (range[sign] !== undefined) bounds.push([sign, range[sign]])
  const type = fieldType(range.field)
  if (range.field === '@timestamp') return timeSql(bounds)
  if (type === 'date') return comparedSql(range.field, bounds, { view, read: instantOf, left: instantSql })
  if (type === 'ip')
    return comparedSql(range.field, bounds, {
      view,
      read: addressOf,
      left: (value) => `address_hex(${value})`,
    })
  if (type === 'long' || bounds.every(([, value]) => numberOf(value) !== undefined)) {
    return comparedSql(range.field, bounds, { view, read: numberOf, left: numberSql })
  }
  return comparedSql(range.field, bounds, { view, read: literal, left: (value) => value })
}

interface Comparison {
  readonly view: FieldView
  /** A bound as SQL; undefined when it is none of this kind: then nothing is in the range. */
  readonly read: (text: string) => string | undefined
  readonly left: (expression: string) => string
}

function comparedSql(field: string, bounds: readonly Bound[], { view, read, left }: Comparison): string {
  const tests: ((expression: string) => string)[] = []
  for (const [sign, value] of bounds) {
    const right = read(value)
    if (right === undefined) return 'false'
    tests.push((expression) => `${left(expression)} ${SIGNS[sign]} ${right}`)
  }
  if (tests.length === 0) return anySql(field, view, (expression) => `${left(expression)} IS NOT NULL`)
  return anySql(field, view, (expression) => `(${tests.map((test) => test(expression)).join(' AND ')})`)
}

function timeSql(bounds: readonly Bound[]): string {
  const tests: string[] = []
  for (const [sign, value] of bounds) {
    const at = instantOf(value)
    if (at === undefined) return 'false'
    tests.push(`_time ${SIGNS[sign]} ${at}`)
  }
  return tests.length === 0 ? 'true' : `(${tests.join(' AND ')})`
}

/** Nanoseconds since the epoch. */
function instantOf(text: string): string | undefined {
  const ns = parseIsoNs(text) ?? (/^\d{5,15}$/.test(text) ? parseInstant(text, 0)?.fromNs : undefined)
  return ns === undefined ? undefined : String(ns)
}

function instantSql(value: string): string {
  return `coalesce(epoch_ns(TRY_CAST(${value} AS TIMESTAMP_NS)), TRY_CAST(${value} AS BIGINT) * 1000000)`
}

function addressOf(text: string): string | undefined {
  const address = parseAddress(text)
  return address === undefined ? undefined : literal(hexOf(address.version, address.value))
}

const NUMBER = '[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?'

function numberOf(text: string): string | undefined {
  if (!new RegExp(`^${NUMBER}$`).test(text)) return undefined
  const value = Number(text)
  // As DOUBLE, for a literal with a point would be a DECIMAL, and compare as one.
  return Number.isFinite(value) ? `${value}::DOUBLE` : value > 0 ? `'inf'::DOUBLE` : `'-inf'::DOUBLE`
}

function numberSql(value: string): string {
  return `(CASE WHEN regexp_full_match(${value}, ${literal(NUMBER)}) THEN TRY_CAST(${value} AS DOUBLE) END)`
}
