/**
 * Sigma's strings: `*` any run of characters, `?` exactly one; `\*` `\?` `\\` stand for themselves, any other `\` too.
 * (Specification 2.1, "String wildcard" and "Escaping".)
 */

/** `*` and `?`. */
export const ANY_RUN = 0
export const ANY_ONE = 1
export type PatternPart = string | typeof ANY_RUN | typeof ANY_ONE
export type Pattern = readonly PatternPart[]

export function parsePattern(source: string): Pattern {
  const parts: PatternPart[] = []
  let text = ''
  const wildcard = (part: PatternPart): void => {
    if (text !== '') parts.push(text)
    text = ''
    if (part !== ANY_RUN || parts.at(-1) !== ANY_RUN) parts.push(part)
  }
  for (let at = 0; at < source.length; at++) {
    const char = source[at]!
    const next = source[at + 1]
    if (char === '\\' && (next === '*' || next === '?' || next === '\\')) text += source[++at]!
    else if (char === '*') wildcard(ANY_RUN)
    else if (char === '?') wildcard(ANY_ONE)
    else text += char
  }
  if (text !== '') parts.push(text)
  return parts
}

export function hasWildcard(pattern: Pattern): boolean {
  return pattern.some((part) => typeof part !== 'string')
}

/** The text of a pattern without wildcards. */
export function plainText(pattern: Pattern): string {
  return pattern.join('')
}

/** `*` before and after, as `contains`, `startswith` and `endswith` ask. */
export function widen(pattern: Pattern, before: boolean, after: boolean): Pattern {
  const parts = [...pattern]
  if (before && parts[0] !== ANY_RUN) parts.unshift(ANY_RUN)
  if (after && parts.at(-1) !== ANY_RUN) parts.push(ANY_RUN)
  return parts
}

/** A test of the whole text. Time is at most text × pattern, whatever they hold: nothing is tried twice. */
export function compilePattern(pattern: Pattern): (text: string) => boolean {
  const [first, second, third] = pattern
  if (pattern.length === 0) return (text) => text === ''
  if (!hasWildcard(pattern)) {
    const whole = plainText(pattern)
    return (text) => text === whole
  }
  if (pattern.length === 1 && first === ANY_RUN) return () => true
  if (pattern.length === 2 && typeof first === 'string' && second === ANY_RUN)
    return (text) => text.startsWith(first)
  if (pattern.length === 2 && first === ANY_RUN && typeof second === 'string')
    return (text) => text.endsWith(second)
  if (pattern.length === 3 && first === ANY_RUN && typeof second === 'string' && third === ANY_RUN) {
    return (text) => text.includes(second)
  }
  return compileGlob(pattern)
}

/** Between two `*`: texts and `?` in a row. */
type Segment = readonly (string | typeof ANY_ONE)[]

function compileGlob(pattern: Pattern): (text: string) => boolean {
  const segments: (string | typeof ANY_ONE)[][] = [[]]
  for (const part of pattern) {
    if (part === ANY_RUN) segments.push([])
    else segments.at(-1)!.push(part)
  }
  const head = segments[0]!
  if (segments.length === 1) return (text) => endOf(text, 0, head) === text.length
  const tail = segments.at(-1)!
  const middle = segments.slice(1, -1)
  return (text) => {
    let from = endOf(text, 0, head)
    // The leftmost place of each segment leaves the most room for the rest, so it need never be taken back.
    for (const segment of middle) {
      if (from < 0) return false
      from = endOfFirst(text, from, segment)
    }
    return from >= 0 && startOfLast(text, tail) >= from
  }
}

/** Where `segment` ends when it stands at `at`, or -1. `?` takes a code point. */
function endOf(text: string, at: number, segment: Segment): number {
  for (const part of segment) {
    if (part === ANY_ONE) {
      if (at >= text.length) return -1
      at += text.codePointAt(at)! > 0xffff ? 2 : 1
    } else {
      if (!text.startsWith(part, at)) return -1
      at += part.length
    }
  }
  return at
}

function endOfFirst(text: string, from: number, segment: Segment): number {
  const lead = segment[0]
  for (let at = from; at <= text.length; at++) {
    if (typeof lead === 'string') {
      at = text.indexOf(lead, at)
      if (at < 0) return -1
    }
    const end = endOf(text, at, segment)
    if (end >= 0) return end
  }
  return -1
}

/** Where `segment` starts when it ends with the text, or -1. */
function startOfLast(text: string, segment: Segment): number {
  let at = text.length
  for (let index = segment.length - 1; index >= 0; index--) {
    const part = segment[index]!
    if (part === ANY_ONE) {
      if (at <= 0) return -1
      at -= isPairBefore(text, at) ? 2 : 1
    } else {
      if (!text.endsWith(part, at)) return -1
      at -= part.length
    }
    if (at < 0) return -1
  }
  return at
}

function isPairBefore(text: string, at: number): boolean {
  return at >= 2 && text.codePointAt(at - 2)! > 0xffff
}
