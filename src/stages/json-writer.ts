import type { Json } from '../core/document.ts'
import { putInteger } from './document-writer.ts'
import { copyAsJson, ESCAPE_BYTES_MAX } from './json-text.ts'

/**
 * Values → JSON, straight into document bytes: for the hot path of formats that make an object a record. Gives what
 * JSON.stringify gives as UTF-8, but for half of a surrogate pair, which becomes U+FFFD: stores refuse its escape.
 *
 * Each function writes at `at` and returns where it ends. Invariants: nothing before `at` is touched; `out` begins its memory and
 * has whole words of four bytes; where a value does not fit, FULL is thrown, or an end beyond `out` is returned: then it has to be
 * written again, from its beginning, into more room. Fuzzed against JSON.stringify in `test/stages/json-writer.test.ts`, measured
 * in `benchmarks/parse.ts`.
 */
export function putJson(out: Buffer, at: number, value: Json | undefined): number {
  if (typeof value === 'string') return putString(out, at, value)
  if (typeof value === 'number') return putNumber(out, at, value)
  if (typeof value !== 'object' || value === null)
    return putPiece(out, at, value === true ? TRUE : value === false ? FALSE : NULL)
  if (Array.isArray(value)) return putArray(out, at, value)
  const end = putMembers(out, at, value)
  // The first member's comma makes room for the brace.
  out[at] = OPEN_OBJECT
  const close = end === at ? at + 1 : end
  out[close] = CLOSE_OBJECT
  return close + 1
}

/** There is no room for what was to be written. */
export const FULL = new RangeError('a document needs more room')

/** `,"a":1,"b":2`: each member with a comma before it. */
function putMembers(out: Buffer, start: number, object: { readonly [key: string]: Json }): number {
  let at = start
  for (const name in object) {
    const value = object[name]
    if (value === undefined) continue
    out[at] = COMMA
    at = putString(out, at + 1, name)
    out[at] = COLON
    at = typeof value === 'string' ? putString(out, at + 1, value) : putJson(out, at + 1, value)
  }
  return at
}

/** The same, or -1 as soon as a member has one of these names: what it wrote until then means nothing. */
export function putMembersBut(
  out: Buffer,
  start: number,
  object: { readonly [key: string]: Json },
  names: ReadonlySet<string>,
): number {
  let at = start
  for (const name in object) {
    const value = object[name]
    if (value === undefined) continue
    if (names.has(name)) return -1
    out[at] = COMMA
    at = putString(out, at + 1, name)
    out[at] = COLON
    at = typeof value === 'string' ? putString(out, at + 1, value) : putJson(out, at + 1, value)
  }
  return at
}

/** A piece that was made before. */
export function putPiece(out: Buffer, at: number, piece: Uint8Array): number {
  if (at + piece.length > out.length) throw FULL
  out.set(piece, at)
  return at + piece.length
}

/** Longer texts are written by native code and then looked at: a native call costs as much as these characters. */
const NATIVE_MIN = 20

export function putString(out: Buffer, start: number, text: string): number {
  const { length } = text
  let at = start
  if (length > NATIVE_MIN) return putLong(out, at, text)
  if (at + length + 2 > out.length) throw FULL
  out[at++] = QUOTE
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7e || code < 0x20 || code === QUOTE || code === BACKSLASH) return putLong(out, start, text)
    out[at++] = code
  }
  out[at++] = QUOTE
  return at
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')

function putLong(out: Buffer, at: number, text: string): number {
  if (at + text.length * 3 + 2 > out.length) throw FULL
  out[at] = QUOTE
  const from = at + 1
  let end = from + out.write(text, from, 'utf8')
  if (!needsNoEscape(out, from, end)) end = escapeWritten(out, from, end)
  out[end] = QUOTE
  return end + 1
}

/** The text moves on by so much that what is written never overtakes what is read. Returns where it ends once it is escaped. */
function escapeWritten(out: Buffer, from: number, end: number): number {
  const length = end - from
  const moved = from + length * (ESCAPE_BYTES_MAX - 1)
  if (moved + length + 1 > out.length) throw FULL
  out.copyWithin(moved, from, end)
  return copyAsJson(out, moved, moved + length, out, from)
}

/** The memory that was looked at last, four bytes at once. */
let words: Int32Array = new Int32Array(0)

/** The upper bit of a byte is set where it was `"`, `\`, or below a space (and seldom in the next one). */
function needsNoEscape(out: Buffer, from: number, to: number): boolean {
  if (words.buffer !== out.buffer) words = new Int32Array(out.buffer)
  let at = from
  for (; (at & 3) !== 0 && at < to; at++) if (mustEscape(out[at]!)) return false
  const last = to >> 2
  for (let i = at >> 2; i < last; i++) {
    const word = words[i]!
    const quotes = word ^ 0x22222222
    const slashes = word ^ 0x5c5c5c5c
    const found =
      ((quotes - 0x01010101) & ~quotes) | ((slashes - 0x01010101) & ~slashes) | ((word - 0x20202020) & ~word)
    if ((found & 0x80808080) !== 0) return false
  }
  for (at = Math.max(at, last << 2); at < to; at++) if (mustEscape(out[at]!)) return false
  return true
}

function mustEscape(byte: number): boolean {
  return byte < 0x20 || byte === QUOTE || byte === BACKSLASH
}

const NUMBER_LENGTH_MAX = 32

function putNumber(out: Buffer, at: number, value: number): number {
  if (at + NUMBER_LENGTH_MAX > out.length) throw FULL
  if (value >= 0 && Number.isSafeInteger(value)) return putInteger(out, at, value)
  return at + out.write(Number.isFinite(value) ? String(value) : 'null', at, 'latin1')
}

function putArray(out: Buffer, start: number, values: readonly Json[]): number {
  let at = start
  for (let i = 0; i < values.length; i++) {
    out[at] = COMMA
    at = putJson(out, at + 1, values[i])
  }
  out[start] = OPEN_ARRAY
  const close = at === start ? at + 1 : at
  out[close] = CLOSE_ARRAY
  return close + 1
}
