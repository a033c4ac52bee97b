import { parseAddress } from '../../../core/address.ts'
import { fieldType } from '../../../core/fields.ts'
import { parseInstant, parseIsoNs } from '../../../core/instant.ts'
import type { Query } from '../../../core/query.ts'
import { ADDRESS_PLACE_MAX, addressesBetween, placeOf } from './addresses.ts'
import { allOf, anyOf, type Clause, exists, NOTHING, type Sign, term, timeRange } from './dsl.ts'
import { isObject, leaf, readWhere } from './leaves.ts'
import type { Kind } from './mapping.ts'
import type { Fields, ViewType } from './views.ts'

type RangeQuery = Extract<Query, { kind: 'range' }>
type Bounds<T> = readonly (readonly [sign: Sign, value: T])[]

/** How values are compared: by which view, in which kinds of the mapping as they are, and what the clause looks like. */
interface Comparison {
  readonly view: ViewType
  readonly native: readonly Kind[]
  readonly clause: (field: string, kind: Kind) => Clause
}

export function rangeClause(query: RangeQuery, fields: Fields): Clause {
  const { field } = query
  const mapping = fields.mapping(field)
  const comparison = comparisonOf(query)
  if (comparison === undefined || isObject(mapping.kind)) return NOTHING
  const { view, native, clause } = comparison
  const read = (): Clause => clause(fields.views.of(field, view), 'documents')
  if (mapping.kind === 'documents') return read()
  const isNative = native.includes(mapping.kind)
  const indexed = isNative ? clause(field, mapping.kind) : readWhere(field, mapping, read())
  const tooLong = mapping.kind === 'keyword' && isNative ? [allOf([term('_ignored', field), read()])] : []
  return leaf({ field, indexed: anyOf([indexed, ...tooLong]), read }, fields)
}

/** Undefined when a bound is none of its kind: then nothing is in the range. */
function comparisonOf(query: RangeQuery): Comparison | undefined {
  const texts = boundsOf(query)
  const type = fieldType(query.field)
  if (type === 'date') {
    const bounds = readAll(texts, instantOf)
    return bounds && { view: 'date', native: ['date'], clause: (field) => timesClause(field, bounds) }
  }
  if (type === 'ip') {
    const bounds = readAll(texts, (text) => {
      const address = parseAddress(text)
      return address && placeOf(address)
    })
    return bounds && { view: 'ip', native: ['ip'], clause: (field) => addressesClause(field, bounds) }
  }
  const numbers = readAll(texts, numberOf)
  if (numbers !== undefined) {
    const clause = (field: string, kind: Kind): Clause =>
      kind === 'integer' ? integersClause(field, numbers) : numbersClause(field, numbers)
    return { view: 'double', native: ['integer', 'number'], clause }
  }
  if (type === 'long') return undefined
  const clause = (field: string): Clause => ({
    range: { [field]: Object.fromEntries(texts.map(([sign, text]) => [sign, text.toWellFormed()])) },
  })
  return { view: 'keyword', native: ['keyword'], clause }
}

function boundsOf(query: RangeQuery): Bounds<string> {
  const signs: readonly Sign[] = ['gt', 'gte', 'lt', 'lte']
  return signs.flatMap((sign) => (query[sign] === undefined ? [] : [[sign, query[sign]] as const]))
}

function readAll<T>(bounds: Bounds<string>, read: (text: string) => T | undefined): Bounds<T> | undefined {
  const known: (readonly [Sign, T])[] = []
  for (const [sign, text] of bounds) {
    const value = read(text)
    if (value === undefined) return undefined
    known.push([sign, value])
  }
  return known
}

function instantOf(text: string): bigint | undefined {
  return parseIsoNs(text) ?? (/^\d{5,15}$/.test(text) ? parseInstant(text, 0)?.fromNs : undefined)
}

function numberOf(text: string): number | undefined {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined
}

function timesClause(field: string, bounds: Bounds<bigint>): Clause {
  return timeRange(field, Object.fromEntries(bounds))
}

/** From and to, both included, of things that can be counted. */
function inclusive(
  bounds: Bounds<bigint>,
  all: { readonly from: bigint; readonly to: bigint },
): [bigint, bigint] {
  let { from, to } = all
  for (const [sign, value] of bounds) {
    if (sign === 'gt' || sign === 'gte') {
      const least = sign === 'gt' ? value + 1n : value
      if (least > from) from = least
    } else {
      const most = sign === 'lt' ? value - 1n : value
      if (most < to) to = most
    }
  }
  return [from, to]
}

function addressesClause(field: string, bounds: Bounds<bigint>): Clause {
  const [from, to] = inclusive(bounds, { from: 0n, to: ADDRESS_PLACE_MAX })
  return addressesBetween(field, from, to)
}

const LONG = { from: -(2n ** 63n), to: 2n ** 63n - 1n }

/** A whole number above 1.5 is one from 2 on. */
function integersClause(field: string, bounds: Bounds<number>): Clause {
  const whole: (readonly [Sign, bigint])[] = []
  for (const [sign, value] of bounds) {
    const isLower = sign === 'gt' || sign === 'gte'
    if (!Number.isFinite(value)) {
      if (isLower === value > 0) return NOTHING
    } else if (Number.isInteger(value)) whole.push([sign, BigInt(value)])
    else whole.push(isLower ? ['gte', BigInt(Math.ceil(value))] : ['lte', BigInt(Math.floor(value))])
  }
  const [from, to] = inclusive(whole, LONG)
  return from > to ? NOTHING : { range: { [field]: { gte: String(from), lte: String(to) } } }
}

function numbersClause(field: string, bounds: Bounds<number>): Clause {
  const range: Record<string, number> = {}
  for (const [sign, value] of bounds) {
    const isLower = sign === 'gt' || sign === 'gte'
    if (Number.isFinite(value)) range[sign] = value
    else if (isLower === value > 0) return NOTHING
  }
  return Object.keys(range).length === 0 ? exists(field) : { range: { [field]: range } }
}
