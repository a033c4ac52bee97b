import type { JsonObject } from '../../core/document.ts'
import { quotedEnd } from './quoted.ts'

/**
 * What follows the message of a structured klog line (internal/serialize/keyvalues.go, formatKV):
 *
 *     "msg" key="quoted by strconv.Quote" key=5 key={"a":"b"} key=&{A:b C:d} key=[a b] key=<nil> key=<
 *     <tab>first line
 *     <tab>second line
 *      >
 *
 * Keys are bare. A value without quotes may hold spaces: what opens with a bracket ends with its counterpart, and the rest ends
 * before the next word that is `key=`.
 *
 * A hot path. Invariants: each character is looked at twice at most; at most PAIRS_MAX pairs are taken; the first of two pairs
 * with one name stays, so that text inside a later value changes nothing before it.
 */
export const PAIRS_MAX = 128

const QUOTE = 34
const SPACE = 32
const EQUALS = 61

/** Reads pairs from `from` to the end. Undefined when there are none: then the text is not structured. */
export function readPairs(text: string, from: number): JsonObject | undefined {
  let pairs: JsonObject | undefined
  let at = from
  for (let count = 0; count < PAIRS_MAX; count++) {
    while (text.charCodeAt(at) === SPACE) at++
    const equals = keyEnd(text, at)
    if (equals < 0) break
    const key = text.slice(at, equals)
    at = equals + 1
    const start = at
    let value: string
    const code = text.charCodeAt(at)
    const close = code === QUOTE ? quotedEnd(text, at) : -1
    if (close >= 0) {
      value = unquoted(text, start, close)
      at = close + 1
    } else if (code === 60 && text.charCodeAt(at + 1) === 10) {
      at = blockEnd(text, at)
      value = blockText(text, start, at)
    } else {
      at = bareEnd(text, at)
      value = at - start === 1 && code === 60 && at === text.length ? '' : text.slice(start, at)
    }
    pairs ??= {}
    if (key !== '__proto__' && pairs[key] === undefined) pairs[key] = value
  }
  return pairs
}

/** Where the `=` after the key at `at` stands, or -1 when there is no key: letters, digits and `_ - . / :`. */
function keyEnd(text: string, at: number): number {
  let end = at
  for (;;) {
    const code = text.charCodeAt(end)
    if (code === EQUALS) return end === at || end - at > 128 ? -1 : end
    const isKey =
      (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 45 && code <= 58) || code === 95
    if (!isKey) return -1
    end++
  }
}

/** End of a value without quotes. */
function bareEnd(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code === 123 || code === 91 || code === 38 || code === 109) {
    const close = bracketsEnd(text, at)
    if (close >= 0) return close
  }
  let end = text.indexOf(' ', at)
  while (end >= 0 && keyEnd(text, end + 1) < 0) end = text.indexOf(' ', end + 1)
  return end < 0 ? text.length : end
}

/** `{…}`, `[…]`, `&{…}`, `map[…]`: behind the bracket that closes the first one. -1 when none does, or what it is is not that. */
function bracketsEnd(text: string, from: number): number {
  let at = from
  if (text.charCodeAt(at) === 38) at++
  else if (text.charCodeAt(at) === 109) {
    if (!text.startsWith('map[', at)) return -1
    at += 3
  }
  const first = text.charCodeAt(at)
  if (first !== 123 && first !== 91) return -1
  let depth = 0
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 123 || code === 91) depth++
    else if (code === 125 || code === 93) {
      if (--depth === 0) return at + 1
    } else if (code === QUOTE) {
      const close = quotedEnd(text, at)
      if (close < 0) return text.length
      at = close
    }
  }
  return text.length
}

/** Behind the ` >` that ends a value of several lines. */
function blockEnd(text: string, from: number): number {
  for (let end = text.indexOf('\n >', from); end >= 0; end = text.indexOf('\n >', end + 1)) {
    const next = text.charCodeAt(end + 3)
    if (next === SPACE || next === 10 || Number.isNaN(next)) return end + 3
  }
  return text.length
}

function blockText(text: string, from: number, end: number): string {
  const inner = text.slice(from + 2, text.startsWith('\n >', end - 3) ? end - 3 : end)
  return (inner.startsWith('\t') ? inner.slice(1) : inner).replaceAll('\n\t', '\n')
}

/** The text between two quotes, as strconv.Unquote reads it. */
export function unquoted(text: string, open: number, close: number): string {
  const inner = text.slice(open + 1, close)
  if (!inner.includes('\\')) return inner
  let plain = ''
  let from = 0
  for (let at = inner.indexOf('\\'); at >= 0; at = inner.indexOf('\\', from)) {
    plain += inner.slice(from, at)
    const length = escapeLength(inner.charCodeAt(at + 1))
    const hex = length > 2 ? inner.slice(at + 2, at + length) : ''
    const value = length > 2 ? codePoint(hex, length - 2) : -1
    if (length > 2 && value < 0) {
      plain += '\\'
      from = at + 1
    } else {
      plain += length > 2 ? String.fromCodePoint(value) : (SIMPLE[inner[at + 1]!] ?? inner.slice(at, at + 2))
      from = at + length
    }
  }
  return plain + inner.slice(from)
}

const SIMPLE: Readonly<Record<string, string>> = Object.assign(
  Object.create(null) as Record<string, string>,
  {
    n: '\n',
    t: '\t',
    r: '\r',
    a: '\u0007',
    b: '\b',
    f: '\f',
    v: '\v',
    '"': '"',
    "'": "'",
    '\\': '\\',
  },
)

function escapeLength(code: number): number {
  if (code === 120) return 4 // \xNN: a byte that is no UTF-8
  if (code === 117) return 6
  return code === 85 ? 10 : 2
}

function codePoint(hex: string, length: number): number {
  if (hex.length !== length || !/^[0-9a-fA-F]+$/.test(hex)) return -1
  const value = Number.parseInt(hex, 16)
  if (length === 2 && value >= 0x80) return 0xfffd
  return value > 0x10_ffff || (value >= 0xd800 && value <= 0xdfff) ? 0xfffd : value
}
