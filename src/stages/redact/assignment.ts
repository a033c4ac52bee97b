import type { RedactRuleSpec } from '../../core/redact-rule.ts'
import { isPlaceholder } from './checks.ts'
import { closingQuote, type Found, NOTHING_FOUND, placeOf, type RedactRule, type View } from './rule.ts'

/**
 * `name=value`, `name: value`, `"name":"value"`, `--name value`: by walking, for a closing quote must be escaped as the opening one
 * is, which no pattern can say. What is walked over is bounded.
 */
const VALUE_LENGTH_MAX = 16 * 1024
const SPACES_MAX = 8
const MIXED_LENGTH_MIN = 8

export function assignmentRule(spec: RedactRuleSpec): RedactRule {
  const { id, keys = [], value = 'mixed', notAfter = [] } = spec
  return {
    id,
    literals: shortest(keys.map((key) => key.toLowerCase())),
    guard: mayAssign,
    find: (view, start, end) => {
      const before = view.text.slice(Math.max(0, start - 16), start).toLowerCase()
      if (notAfter.some((word) => before.endsWith(word))) return NOTHING_FOUND
      const found = valueAfter(view, end, value)
      return isWorkingDirectory(view.text, { start, end, found }) ? NOTHING_FOUND : found
    },
  }
}

/** `PWD=/home/bob` of sudo, and `OLDPWD=` of an environment: where somebody was, which is evidence. */
function isWorkingDirectory(
  text: string,
  { start, end, found }: { readonly start: number; readonly end: number; readonly found: readonly Found[] },
): boolean {
  if (text.slice(start, end).toLowerCase() !== 'pwd' || found.length !== 1) return false
  return text[found[0]!.from] === '/' || text[found[0]!.from] === '~'
}

/** What stands before a name is free: one that ends in another is found by that. */
function shortest(keys: readonly string[]): string[] {
  return keys.filter((key) => !keys.some((other) => other !== key && key.endsWith(other)))
}

/** Behind the name: quotes, spaces, then a sign of assignment, or one that is URL-encoded. */
function mayAssign(bytes: Uint8Array, _start: number, end: number): boolean {
  const stop = Math.min(bytes.length, end + SPACES_MAX)
  for (let at = end; at < stop; at++) {
    const byte = bytes[at]!
    if (byte === 0x3d || byte === 0x3a || byte === 0x25) return true
    // `\u003d`, and what follows a name in a list of arguments.
    if (byte === 0x5c && bytes[at + 1] === 0x75) return true
    if (byte !== 0x22 && byte !== 0x27 && byte !== 0x20 && byte !== 0x5c && byte !== 0x60) return false
  }
  return false
}

function valueAfter(view: View, keyEnd: number, kind: 'any' | 'mixed'): readonly Found[] {
  const { text } = view
  let at = keyEnd
  const keyQuote = isQuote(text[at]) ? rawOf(view, at, at + 1) : undefined
  if (keyQuote !== undefined) at++
  at = skipSpaces(text, at)
  const sign = text[at]
  if (sign !== '=' && sign !== ':') return NOTHING_FOUND
  at++
  if (text[at] === '>' || text[at] === '=') at++
  const valueStart = skipSpaces(text, at)
  if (isQuote(text[valueStart])) return quoted(view, valueStart)
  const to = bareEnd(text, valueStart)
  const value = text.slice(valueStart, to)
  if (isPlaceholder(value) || value.startsWith('{') || value.startsWith('[')) return NOTHING_FOUND
  const isProse = sign === ':' && keyQuote === undefined
  if ((kind === 'mixed' || isProse) && !isMixed(value, kind)) return NOTHING_FOUND
  return [{ from: valueStart, to, ...(keyQuote === undefined ? {} : { quote: keyQuote }) }]
}

/** What prose has behind `password:` is a word; a password has a digit or a sign. */
function isMixed(value: string, kind: 'any' | 'mixed'): boolean {
  if (kind === 'mixed') return value.length >= MIXED_LENGTH_MIN && /\d/.test(value)
  return /[^A-Za-z.]/.test(value)
}

function quoted(view: View, open: number): readonly Found[] {
  const from = open + 1
  const close = closingQuote(view, from, VALUE_LENGTH_MAX)
  const to = close?.at ?? Math.min(view.text.length, from + VALUE_LENGTH_MAX)
  if (isPlaceholder(view.text.slice(from, to)) && close?.place === placeOf(view, to)) return NOTHING_FOUND
  if (to === from && (close === undefined || close.place === placeOf(view, from))) return NOTHING_FOUND
  return [{ from, to, ...(close === undefined ? {} : { toPlace: close.place }) }]
}

function bareEnd(text: string, from: number): number {
  const stop = Math.min(text.length, from + VALUE_LENGTH_MAX)
  let at = from
  while (at < stop && !ENDS.has(text[at]!)) at++
  return at
}

const ENDS = new Set(' \t\r\n"\'&,;})]<>`\u001d'.split(''))

function skipSpaces(text: string, from: number): number {
  let at = from
  while (at < from + SPACES_MAX && (text[at] === ' ' || text[at] === '\t')) at++
  return at
}

function isQuote(char: string | undefined): boolean {
  return char === '"' || char === "'"
}

/** How a quote is written where a text is written into JSON. */
function rawOf(view: View, from: number, to: number): string {
  const size = placeOf(view, to) - placeOf(view, from)
  return '\\'.repeat(size - 1) + view.text[from]!
}
