/** What a JSON text holds, found without parsing it: one pass over its structure, strings skipped by `indexOf`. */
export interface JsonScan {
  readonly depth: number
  /** Names of members, repeated ones counted each time. */
  readonly keys: number
  /** Some number has more digits than a double holds, or is out of its range. */
  readonly oddNumber: boolean
}

const QUOTE = 34
const BACKSLASH = 92

/** The result means nothing for a text that is no JSON: `JSON.parse` decides on that. */
export function scanJson(text: string): JsonScan {
  let depth = 0
  let deepest = 0
  let keys = 0
  let oddNumber = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = stringEnd(text, at + 1)
      let next = at + 1
      while (isSpace(text.charCodeAt(next))) next++
      if (text.charCodeAt(next) === 58) keys++
    } else if (code === 123 || code === 91) {
      if (++depth > deepest) deepest = depth
    } else if (code === 125 || code === 93) depth--
    else if (code === 45 || (code >= 48 && code <= 57)) {
      const end = numberEnd(text, at + 1)
      if (end - at > 15 || hasExponent(text, at, end)) oddNumber ||= isOdd(text.slice(at, end))
      at = end - 1
    }
  }
  return { depth: deepest, keys, oddNumber }
}

/** Where the string's closing quote is, or the end of the text. */
export function stringEnd(text: string, from: number): number {
  let end = text.indexOf('"', from)
  while (end >= 0 && isEscaped(text, end, from)) end = text.indexOf('"', end + 1)
  return end < 0 ? text.length : end
}

/** An odd number of backslashes before it. */
function isEscaped(text: string, at: number, from: number): boolean {
  let first = at
  while (first > from && text.charCodeAt(first - 1) === BACKSLASH) first--
  return (at - first) % 2 === 1
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9
}

function numberEnd(text: string, from: number): number {
  let end = from
  for (let code = text.charCodeAt(end); isNumberPart(code); code = text.charCodeAt(++end));
  return end
}

function isNumberPart(code: number): boolean {
  return (
    (code >= 48 && code <= 57) || code === 46 || code === 43 || code === 45 || code === 101 || code === 69
  )
}

function hasExponent(text: string, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if ((text.charCodeAt(at) | 32) === 101) return true
  return false
}

/** Does reading it as a double change its value? Digits beyond 17 are taken to. */
function isOdd(token: string): boolean {
  const value = Number(token)
  if (!Number.isFinite(value)) return true
  if (/^-?\d{1,400}$/.test(token)) return BigInt(token) !== BigInt(value)
  const digits = token
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '')
  return digits.length > 17
}
