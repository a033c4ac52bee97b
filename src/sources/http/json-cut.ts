/**
 * Finds the parts of a JSON text (RFC 8259) without making anything of them: elements and members keep their exact bytes, numbers and the
 * order of keys included. It looks at strings and brackets only: what else is wrong inside of a part is for the part's reader to say.
 *
 * This is the hot path of webhooks. Invariants: `at` only grows, so the time is linear; nothing is recursive, so depth costs one byte a
 * level; every read is below `end`.
 */

export interface Span {
  readonly start: number
  /** Behind the last byte. */
  readonly end: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const DEPTH_MAX = 10_000

/** The one value of a text, without the space around it. Undefined: it is torn, or there is more than one. */
export function wholeValue(text: Buffer): Span | undefined {
  const start = skipSpace(text, 0, text.length)
  const end = endOfValue(text, start, text.length)
  if (end === undefined || skipSpace(text, end, text.length) !== text.length) return undefined
  return { start, end }
}

/** Elements of the array that `span` is. Undefined: it is none. */
export function elementsOf(text: Buffer, span: Span): Span[] | undefined {
  if (text[span.start] !== OPEN_ARRAY) return undefined
  const elements: Span[] = []
  const last = span.end - 1
  let at = skipSpace(text, span.start + 1, last)
  if (at === last) return elements
  for (;;) {
    const end = endOfValue(text, at, last)
    if (end === undefined) return undefined
    elements.push({ start: at, end })
    at = skipSpace(text, end, last)
    if (at === last) return elements
    if (text[at] !== COMMA) return undefined
    at = skipSpace(text, at + 1, last)
  }
}

/** Members of the object that `span` is, by their keys as they are written. Undefined: it is none. A key that comes twice has its last value. */
export function membersOf(text: Buffer, span: Span): Map<string, Span> | undefined {
  if (text[span.start] !== OPEN_OBJECT) return undefined
  const members = new Map<string, Span>()
  const last = span.end - 1
  let at = skipSpace(text, span.start + 1, last)
  if (at === last) return members
  for (;;) {
    const keyEnd = text[at] === QUOTE ? endOfString(text, at, last) : undefined
    if (keyEnd === undefined) return undefined
    const key = text.toString('utf8', at + 1, keyEnd - 1)
    at = skipSpace(text, keyEnd, last)
    if (text[at] !== COLON) return undefined
    at = skipSpace(text, at + 1, last)
    const end = endOfValue(text, at, last)
    if (end === undefined) return undefined
    members.set(key, { start: at, end })
    at = skipSpace(text, end, last)
    if (at === last) return members
    if (text[at] !== COMMA) return undefined
    at = skipSpace(text, at + 1, last)
  }
}

function skipSpace(text: Buffer, from: number, end: number): number {
  let at = from
  for (; at < end; at++) {
    const byte = text[at]!
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
  }
  return at
}

/** Behind the value that begins at `at`. Undefined: none does, or it has no end before `end`. */
function endOfValue(text: Buffer, at: number, end: number): number | undefined {
  if (at >= end) return undefined
  const first = text[at]!
  if (first === QUOTE) return endOfString(text, at, end)
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return endOfContainer(text, at, end)
  return endOfWord(text, at, end)
}

/** Behind a number, `true`, `false` or `null`. */
function endOfWord(text: Buffer, from: number, end: number): number | undefined {
  let at = from
  for (; at < end; at++) {
    const byte = text[at]!
    const isWord = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a)
    if (!isWord && byte !== 0x2b && byte !== 0x2d && byte !== 0x2e && byte !== 0x45) break
  }
  return at === from ? undefined : at
}

function endOfString(text: Buffer, from: number, end: number): number | undefined {
  for (let at = from + 1; ; at++) {
    at = text.indexOf(QUOTE, at)
    if (at === -1 || at >= end) return undefined
    let backslashes = 0
    while (text[at - 1 - backslashes] === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return at + 1
  }
}

/** Strings are stepped over by hand: a call for each of many short ones costs more than their bytes. */
function endOfContainer(text: Buffer, from: number, end: number): number | undefined {
  const closers: number[] = []
  let at = from
  while (at < end) {
    const byte = text[at++]!
    if (byte === QUOTE) {
      for (;;) {
        if (at >= end) return undefined
        const inside = text[at++]!
        if (inside === QUOTE) break
        if (inside === BACKSLASH) at++
      }
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (closers.length === DEPTH_MAX) return undefined
      closers.push(byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (closers.pop() !== byte) return undefined
      if (closers.length === 0) return at
    }
  }
  return undefined
}
