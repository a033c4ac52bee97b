import type { Json, JsonObject } from '../../core/document.ts'

/**
 * `key=value` pairs in one pass, by character codes. A key is a word of letters, digits and `_.-/@:[]` and more; a value is a
 * word, or stands in quotes with backslash escapes. What a separator is, the caller says.
 */
export interface PairRules {
  /** Besides space and tab: `,`, `;`, `|`. Taken for one only where another pair or the end follows. */
  readonly separators: string
  /** Are words without `=` allowed? Of logfmt they are keys (`true`), elsewhere text. */
  readonly bare: 'key' | 'text'
  /** Do single quotes quote? */
  readonly singleQuotes: boolean
}

export interface PairsFound {
  readonly pairs: JsonObject
  readonly count: number
  /** Words that were neither key nor value. */
  readonly words: number
  /** Does the text begin with a pair? */
  readonly startsWithPair: boolean
}

const PAIRS_MAX = 512
const KEY_LENGTH_MAX = 255

export function readPairs(text: string, rules: PairRules): PairsFound {
  const pairs = Object.create(null) as JsonObject
  let count = 0
  let words = 0
  let startsWithPair = false
  let at = 0
  while (at < text.length && count < PAIRS_MAX) {
    const code = text.charCodeAt(at)
    if (code === 32 || code === 9 || rules.separators.includes(text[at]!)) {
      at++
      continue
    }
    const keyEnd = wordEnd(text, at)
    if (text.charCodeAt(keyEnd) === 61 && keyEnd > at && keyEnd - at <= KEY_LENGTH_MAX) {
      const value = valueAt(text, keyEnd + 1, rules)
      add(pairs, text.slice(at, keyEnd), value.text)
      if (count === 0 && words === 0) startsWithPair = true
      count++
      at = value.end
    } else {
      const end = Math.max(keyEnd, at + 1)
      if (rules.bare === 'key' && keyEnd > at && isBoundary(text, keyEnd))
        add(pairs, text.slice(at, keyEnd), true)
      words++
      at = end
    }
  }
  return { pairs, count, words, startsWithPair }
}

/** A key that comes again has a list. */
function add(pairs: JsonObject, key: string, value: Json): void {
  const known = pairs[key]
  if (known === undefined) pairs[key] = value
  else if (Array.isArray(known)) known.push(value)
  else pairs[key] = [known, value]
}

/** Where a word that may be a key ends: at a space, a quote, an `=` or another sign that is none of a key's. */
function wordEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && isKeyCharacter(text.charCodeAt(at))) at++
  return at
}

function isKeyCharacter(code: number): boolean {
  if (code > 127) return true
  if (code <= 32 || code === 127) return false
  // " ' , ; = | ` { } ( ) < >
  return !(
    code === 34 ||
    code === 39 ||
    code === 44 ||
    code === 59 ||
    code === 61 ||
    code === 124 ||
    code === 96 ||
    code === 123 ||
    code === 125 ||
    code === 40 ||
    code === 41 ||
    code === 60 ||
    code === 62
  )
}

function isBoundary(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return at >= text.length || code === 32 || code === 9
}

interface Value {
  readonly text: string
  readonly end: number
}

function valueAt(text: string, from: number, rules: PairRules): Value {
  const quote = text.charCodeAt(from)
  if (quote === 34 || (quote === 39 && rules.singleQuotes)) {
    const close = quoteEnd(text, from + 1, quote)
    if (close >= 0) return { text: unescaped(text.slice(from + 1, close)), end: close + 1 }
  }
  let at = from
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 32 || code === 9) break
    if (rules.separators.includes(text[at]!) && separates(text, at + 1)) break
    at++
  }
  return { text: text.slice(from, at), end: at }
}

function quoteEnd(text: string, from: number, quote: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 92) at++
    else if (code === quote) return at
  }
  return -1
}

/** `a=1,b=2` has two pairs, `a=1,2` one: a comma separates where a space, the end or another pair follows. */
function separates(text: string, from: number): boolean {
  if (from >= text.length || text.charCodeAt(from) === 32) return true
  const end = wordEndShort(text, from)
  return end > from && text.charCodeAt(end) === 61
}

/** Looks no further than a key may be long, so that a text of commas stays linear. */
function wordEndShort(text: string, from: number): number {
  const limit = Math.min(text.length, from + 64)
  let at = from
  while (at < limit && isKeyCharacter(text.charCodeAt(at))) at++
  return at
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
