import type { Json, JsonObject } from '../../src/core/document.ts'

/**
 * What the specification says, written as plainly as can be and with other means than the matcher: regular expressions for
 * wildcards, JavaScript's own operators for conditions. Slow, and only for tests.
 */
export function referenceMatch(
  detection: JsonObject,
  event: { document: JsonObject; text: string; roots: readonly string[] },
): boolean {
  const searches = Object.entries(detection).filter(([name]) => name !== 'condition')
  const results = new Map(searches.map(([name, search]) => [name, search_(search, event)]))
  return (detection.condition as string[]).some((condition) => evaluate(condition, results))
}

interface Event {
  readonly document: JsonObject
  readonly text: string
  readonly roots: readonly string[]
}

function evaluate(condition: string, results: ReadonlyMap<string, boolean>): boolean {
  const withCounts = condition.replace(
    /(all|any|\d+) of (\S+?)(?=[\s)]|$)/g,
    (_, count: string, pattern: string) => {
      const wanted = pattern === 'them' ? '*' : pattern
      const expression = new RegExp(`^${wanted.replaceAll('*', '.*')}$`)
      const named = [...results].filter(
        ([name]) => expression.test(name) && (!name.startsWith('_') || wanted[0] === '_'),
      )
      const hits = named.filter(([, value]) => value).length
      const needed = count === 'all' ? named.length : count === 'any' ? 1 : Number(count)
      return String(hits >= needed)
    },
  )
  const expression = withCounts.replace(/[a-z_0-9]+/g, (word) => {
    if (word === 'and') return '&&'
    if (word === 'or') return '||'
    if (word === 'not') return '!'
    return String(results.get(word) ?? word)
  })
  // oxlint-disable-next-line typescript/no-implied-eval -- the text holds only operators, parentheses, true and false.
  return new Function(`return ${expression}`)() as boolean
}

function search_(search: Json, event: Event): boolean {
  if (!Array.isArray(search))
    return typeof search === 'object' && search !== null ? map(search, event) : keyword(search, event)
  return search.some((entry) =>
    typeof entry === 'object' && entry !== null && !Array.isArray(entry)
      ? map(entry, event)
      : keyword(entry, event),
  )
}

function map(items: JsonObject, event: Event): boolean {
  return Object.entries(items).every(([key, value]) => item(key, value, event))
}

function item(key: string, value: Json, event: Event): boolean {
  const [field = '', ...modifiers] = key.split('|')
  const list = Array.isArray(value) ? value : [value]
  const has = (name: string): boolean => modifiers.includes(name)
  const found = values(event.document, field.split('.'))
  if (has('exists')) return found.length > 0 === list[0]
  const one = (wanted: Json): boolean => {
    if (wanted === null) return found.length === 0
    // What fits every text asks only for a value, be it an object.
    const isShaped = has('contains') || has('startswith') || has('endswith')
    if (typeof wanted === 'string' && !has('re') && (isShaped ? /^\**$/ : /^\*+$/).test(wanted))
      return found.length > 0
    return found.some((actual) => typeof actual !== 'object' && compare(actual, wanted, has))
  }
  const result = has('all') ? list.every(one) : list.some(one)
  return has('neq') ? !result : result
}

function compare(actual: Json, wanted: Json, has: (name: string) => boolean): boolean {
  if (has('re')) return new RegExp(textOf(wanted), has('i') ? 'i' : '').test(textOf(actual))
  for (const [name, holds] of Object.entries(COMPARISONS)) {
    if (has(name)) return /^-?\d+(\.\d+)?$/.test(textOf(actual)) && holds(Number(actual), Number(wanted))
  }
  let pattern = glob(textOf(wanted), typeof wanted === 'string')
  if (has('contains') || has('endswith')) pattern = `[^]*${pattern}`
  if (has('contains') || has('startswith')) pattern = `${pattern}[^]*`
  const expression = new RegExp(`^(?:${has('cased') ? pattern : lower(pattern)})$`, 'u')
  return expression.test(has('cased') ? textOf(actual) : lower(textOf(actual)))
}

const COMPARISONS: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  lt: (left, right) => left < right,
  lte: (left, right) => left <= right,
  gt: (left, right) => left > right,
  gte: (left, right) => left >= right,
}

function keyword(wanted: Json, event: Event): boolean {
  const expression = new RegExp(lower(glob(textOf(wanted), true)), 'u')
  const texts = event.roots.flatMap((root) => values(event.document, root.split('.')).flatMap(strings))
  return [event.text, ...texts].some((text) => expression.test(lower(text)))
}

function strings(value: Json): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : []
}

/** A regular expression (flag u) for a text with wildcards. Nothing in it is changed by `lower` but letters. */
function glob(source: string, hasWildcards: boolean): string {
  let out = ''
  for (let at = 0; at < source.length; at++) {
    const char = source[at]!
    const escaped = hasWildcards && char === '\\' && /[*?\\]/.test(source[at + 1] ?? '')
    if (escaped) out += literal(source[++at]!)
    else if (hasWildcards && char === '*') out += '[^]*'
    else if (hasWildcards && char === '?') out += '[^]'
    else out += literal(char)
  }
  return out
}

function literal(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char
}

function lower(text: string): string {
  return text.toLowerCase().replaceAll('ς', 'σ')
}

/** Nested keys first, keys with dots where there are none; arrays on the way stand for each of their elements. */
function values(value: Json | undefined, path: readonly string[]): Json[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value.flatMap((element) => values(element, path))
  if (path.length === 0) return [value]
  if (typeof value !== 'object') return []
  for (let length = 1; length <= path.length; length++) {
    const key = path.slice(0, length).join('.')
    const found = Object.hasOwn(value, key) ? values(value[key], path.slice(length)) : []
    if (found.length > 0) return found
  }
  return []
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
