import { compareAddresses, inNetwork, parseAddress, parseNetwork } from './address.ts'
import type { Json, JsonObject } from './document.ts'
import { fieldType } from './fields.ts'
import { parseInstant, parseIsoNs } from './instant.ts'
import { cutWords } from './words.ts'
import { compilePattern } from './kql/pattern.ts'
import type { Query } from './query.ts'

/** Says whether a document matches. Never throws for documents nested as stores hold them (JSON_DEPTH_MAX). */
export type Matcher = (document: JsonObject) => boolean

/**
 * Compiles a Query to a function over parsed documents: the meaning of `core/query.ts`, as every store must have it. Made once a
 * query, called once a document.
 */
export function compileMatcher(query: Query): Matcher {
  const test = compile(query)
  return (document) => test(new Subject(document))
}

/** Values of a field: of nested objects, of keys that hold dots, and of every element of lists. */
export function fieldValues(document: JsonObject, field: string): Json[] {
  const values: Json[] = []
  collect(document, { path: field, at: 0 }, values)
  return values
}

type Test = (subject: Subject) => boolean

/** One document under test: its words are cut once, however many parts of the query ask for them. */
class Subject {
  readonly document: JsonObject
  #words: string[] | undefined

  constructor(document: JsonObject) {
    this.document = document
  }

  get words(): string[] {
    this.#words ??= textsOf(this.document, 'message').flatMap((text) => cutWords(text))
    return this.#words
  }
}

function compile(query: Query): Test {
  switch (query.kind) {
    case 'all':
      return () => true
    case 'none':
      return () => false
    case 'and': {
      const tests = query.of.map(compile)
      return (subject) => tests.every((test) => test(subject))
    }
    case 'or': {
      const tests = query.of.map(compile)
      return (subject) => tests.some((test) => test(subject))
    }
    case 'not': {
      const test = compile(query.of)
      return (subject) => !test(subject)
    }
    case 'words':
      return query.mode === 'phrase' ? phraseTest(query.words) : anyWordTest(query.words)
    case 'word-wildcard': {
      const fits = compilePattern(query.pattern)
      return (subject) => subject.words.some(fits)
    }
    case 'exists':
      return ({ document }) => fieldValues(document, query.field).some(isThere)
    case 'term':
      return textTest(query.field, (text) => text === query.value)
    case 'wildcard':
      return textTest(query.field, compilePattern(query.pattern))
    case 'cidr':
      return cidrTest(query.field, query.cidr)
    case 'range':
      return rangeTest(query)
  }
}

function anyWordTest(words: readonly string[]): Test {
  const wanted = new Set(words)
  return (subject) => subject.words.some((word) => wanted.has(word))
}

function phraseTest(words: readonly string[]): Test {
  return (subject) => {
    const own = subject.words
    for (let start = own.indexOf(words[0] ?? ''); start >= 0; start = own.indexOf(words[0]!, start + 1)) {
      if (words.every((word, index) => own[start + index] === word)) return true
    }
    return false
  }
}

function textTest(field: string, fits: (text: string) => boolean): Test {
  return ({ document }) => textsOf(document, field).some(fits)
}

function cidrTest(field: string, cidr: string): Test {
  const network = parseNetwork(cidr)
  if (network === undefined) return () => false
  return textTest(field, (text) => {
    const address = parseAddress(text)
    return address !== undefined && inNetwork(address, network)
  })
}

type Bound = readonly [sign: 'gt' | 'gte' | 'lt' | 'lte', value: string]

function rangeTest(range: Extract<Query, { kind: 'range' }>): Test {
  const bounds = (['gt', 'gte', 'lt', 'lte'] as const)
    .filter((sign) => range[sign] !== undefined)
    .map((sign): Bound => [sign, range[sign]!])
  const type = fieldType(range.field)
  if (type === 'date') return comparing(range.field, bounds, { read: readInstant, compare: byOrder })
  if (type === 'ip') return comparing(range.field, bounds, { read: parseAddress, compare: compareAddresses })
  const numeric = type === 'long' || bounds.every(([, value]) => readNumber(value) !== undefined)
  if (numeric) return comparing(range.field, bounds, { read: readNumber, compare: byOrder })
  return comparing(range.field, bounds, { read: (text) => text, compare: byCodePoint })
}

/** A value that cannot be read as the kind that is compared is out of every range; so is a bound. */
function comparing<T>(
  field: string,
  bounds: readonly Bound[],
  kind: { readonly read: (text: string) => T | undefined; readonly compare: (a: T, b: T) => number },
): Test {
  const read = bounds.map(([sign, value]) => ({ sign, value: kind.read(value) }))
  return textTest(field, (text) => {
    const own = kind.read(text)
    if (own === undefined) return false
    return read.every(({ sign, value }) => value !== undefined && holds(sign, kind.compare(own, value)))
  })
}

function holds(sign: Bound[0], order: number): boolean {
  if (sign === 'gt') return order > 0
  if (sign === 'gte') return order >= 0
  return sign === 'lt' ? order < 0 : order <= 0
}

function byOrder<T extends bigint | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** By code point, as UTF-8 sorts: UTF-16 units would put astral characters before U+E000. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Surrogates stand for code points above all others. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

function readInstant(text: string): bigint | undefined {
  return parseIsoNs(text) ?? (/^\d{5,15}$/.test(text) ? parseInstant(text, 0)?.fromNs : undefined)
}

function readNumber(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined
  return Number(text)
}

/** Values of a field as the text that terms compare with. Objects and null have none. */
function textsOf(document: JsonObject, field: string): string[] {
  const texts: string[] = []
  for (const value of fieldValues(document, field)) {
    if (typeof value === 'string') texts.push(value)
    else if (typeof value === 'number' || typeof value === 'boolean') texts.push(String(value))
  }
  return texts
}

function isThere(value: Json): boolean {
  if (value === null) return false
  if (Array.isArray(value)) return value.some(isThere)
  return typeof value !== 'object' || Object.values(value).some(isThere)
}

function collect(value: Json, path: { readonly path: string; readonly at: number }, into: Json[]): void {
  if (Array.isArray(value)) {
    for (const element of value) collect(element, path, into)
  } else if (path.at > path.path.length) {
    into.push(value)
  } else if (value !== null && typeof value === 'object') {
    collectKeys(value, path, into)
  }
}

/** Tries every way to cut the rest of the path after its next key: `a.b.c` may be `a` → `b.c`, `a.b` → `c`, or one key. */
function collectKeys(value: JsonObject, { path, at }: { path: string; at: number }, into: Json[]): void {
  let dot = path.indexOf('.', at)
  for (;;) {
    const end = dot < 0 ? path.length : dot
    const key = path.slice(at, end)
    if (Object.hasOwn(value, key)) collect(value[key]!, { path, at: end + 1 }, into)
    if (dot < 0) return
    dot = path.indexOf('.', dot + 1)
  }
}
