import { formatAddress, formatNetwork, parseAddress, parseNetwork } from '../address.ts'
import { FIELDS, fieldType, type FieldType } from '../fields.ts'
import { formatIso, parseInstant, parseInterval } from '../instant.ts'
import type { Query } from '../query.ts'
import type { TextToken } from './lexer.ts'
import { compilePattern } from './pattern.ts'
import type { Comparison, Literal } from './parser.ts'

/** Why a value does not fit a field; said at the value. */
export interface Misfit {
  readonly misfit: string
}

export type Fitted = Query | Misfit

/** `field: value` for every field but `message`. */
export function valueQuery(field: string, literal: Literal, nowMs: number): Fitted {
  if (isStars(literal)) return { kind: 'exists', field }
  const type = fieldType(field)
  if (type === 'flattened')
    return { misfit: `"${field}" is an object; name what is in it, as in ${field}.<key>: …` }
  const wildcard = literal.hasWildcard && !literal.quoted
  if (type === 'ip') return wildcard ? addressPrefix(field, literal) : addressQuery(field, literal.text)
  if (wildcard && (type === 'long' || type === 'date' || type === 'boolean')) {
    return { misfit: `"${field}" is ${NOUNS[type]} and takes no wildcard${HINTS[type]}` }
  }
  if (type === 'long') return numberQuery(field, literal.text)
  if (type === 'date') return dateQuery(field, { text: literal.text, nowMs })
  if (type === 'boolean') return booleanQuery(field, literal.text)
  return wildcard
    ? { kind: 'wildcard', field, pattern: literal.pattern }
    : { kind: 'term', field, value: literal.text }
}

/** `field > value` and its like. */
export function rangeQuery(
  field: string,
  range: { readonly comparison: Comparison; readonly literal: Literal; readonly nowMs: number },
): Fitted {
  const { comparison, literal, nowMs } = range
  const type = fieldType(field)
  if (literal.hasWildcard && !literal.quoted) return { misfit: 'a range takes no wildcard' }
  if (type === 'text' || type === 'boolean' || type === 'flattened') {
    return { misfit: `"${field}" is ${NOUNS[type]} and has no order; use "${field}: …"` }
  }
  if (type === 'date') return dateRange(field, { comparison, text: literal.text, nowMs })
  if (type === 'ip') {
    const address = parseAddress(literal.text)
    return address === undefined
      ? { misfit: `expected an address for "${field}", as in 10.0.0.1 or "2001:db8::1"` }
      : { kind: 'range', field, [BOUNDS[comparison]]: formatAddress(address) }
  }
  if (type === 'long') {
    const value = canonicalNumber(literal.text)
    return value === undefined
      ? { misfit: `expected a number for "${field}"` }
      : { kind: 'range', field, [BOUNDS[comparison]]: value }
  }
  return { kind: 'range', field, [BOUNDS[comparison]]: canonicalNumber(literal.text) ?? literal.text }
}

/** Known fields whose names fit a pattern such as `kubernetes.*`. */
export function knownFields(field: TextToken): readonly string[] {
  return FIELDS.map(({ name }) => name).filter(compilePattern(field.pattern))
}

/** `*` and the like: the field is there. */
export function isStars(literal: Literal): boolean {
  return !literal.quoted && literal.pattern === '*'
}

const BOUNDS = { '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' } as const
const NOUNS: Readonly<Record<FieldType, string>> = {
  keyword: 'a text',
  text: 'a text',
  long: 'a number',
  ip: 'an address',
  date: 'a date',
  boolean: 'true or false',
  flattened: 'an object',
}
const HINTS: Readonly<Record<string, string>> = {
  long: '; use > >= < <=',
  date: '; use > >= < <=, or a part of a date such as "2026-11"',
}

function addressQuery(field: string, text: string): Fitted {
  const network = parseNetwork(text)
  if (network) return { kind: 'cidr', field, cidr: formatNetwork(network) }
  const address = parseAddress(text)
  if (address === undefined) {
    return { misfit: `expected an address for "${field}", as in 10.0.0.1, 10.0.0.0/8 or "2001:db8::/32"` }
  }
  // IPv6 has many spellings of one address, so it is compared as an address and not as text.
  return address.version === 4
    ? { kind: 'term', field, value: formatAddress(address) }
    : { kind: 'cidr', field, cidr: `${formatAddress(address)}/128` }
}

/** `10.1.*` is the network 10.1.0.0/16. */
function addressPrefix(field: string, literal: Literal): Fitted {
  const match = /^((?:\d{1,3}\.){1,3})\*(?:\.\*)*$/.exec(literal.pattern)
  const parts = match ? match[1]!.split('.').slice(0, -1) : []
  const padded = [...parts, '0', '0', '0', '0'].slice(0, 4).join('.')
  const network = match ? parseNetwork(`${padded}/${parts.length * 8}`) : undefined
  return network
    ? { kind: 'cidr', field, cidr: formatNetwork(network) }
    : { misfit: `"${field}" is an address: write 10.1.*, or a network as in 10.0.0.0/8` }
}

function numberQuery(field: string, text: string): Fitted {
  const value = canonicalNumber(text)
  return value === undefined ? { misfit: `expected a number for "${field}"` } : { kind: 'term', field, value }
}

function booleanQuery(field: string, text: string): Fitted {
  const value = text.toLowerCase()
  return value === 'true' || value === 'false'
    ? { kind: 'term', field, value }
    : { misfit: `expected true or false for "${field}"` }
}

/** Integers keep every digit; others are written as JavaScript writes them. */
function canonicalNumber(text: string): string | undefined {
  if (/^[+-]?\d{1,40}$/.test(text)) return BigInt(text.replace('+', '')).toString()
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? String(value === 0 ? 0 : value) : undefined
}

const DATE_EXPECTED = 'expected a date, as in "2026-11-24", "2026-11-24T10:00:00Z", now-1h or now/d'

function dateQuery(field: string, at: { readonly text: string; readonly nowMs: number }): Fitted {
  const instant = parseInstant(at.text, at.nowMs) ?? parseInterval(at.text, at.nowMs)
  if (instant === undefined) return { misfit: DATE_EXPECTED }
  return { kind: 'range', field, gte: formatIso(instant.fromNs), lt: formatIso(instant.toNs) }
}

/** A part of a date is a stretch of time: after a day means after its end, until a day includes it. */
function dateRange(
  field: string,
  at: { readonly comparison: Comparison; readonly text: string; readonly nowMs: number },
): Fitted {
  const instant = parseInstant(at.text, at.nowMs)
  if (instant === undefined) return { misfit: DATE_EXPECTED }
  if (at.comparison === '>') return { kind: 'range', field, gte: formatIso(instant.toNs) }
  if (at.comparison === '>=') return { kind: 'range', field, gte: formatIso(instant.fromNs) }
  if (at.comparison === '<') return { kind: 'range', field, lt: formatIso(instant.fromNs) }
  return { kind: 'range', field, lt: formatIso(instant.toNs) }
}
