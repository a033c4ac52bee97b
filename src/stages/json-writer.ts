import type { Json } from '../core/document.ts'
import { type DocumentWriter, putInteger } from './document-writer.ts'
import { copyAsJson, ESCAPE_BYTES_MAX } from './json-text.ts'

/**
 * Values → JSON, straight into document bytes: for the hot path of formats that make an object a record. Gives what
 * JSON.stringify gives as UTF-8, but for half of a surrogate pair, which becomes U+FFFD: stores refuse its escape.
 * Invariants: each function makes the room that it needs; nothing before `writer.at` is touched. Fuzzed against JSON.stringify
 * in `test/stages/json-writer.test.ts`, measured in `benchmarks/parse.ts`.
 */
export function writeJson(writer: DocumentWriter, value: Json | undefined): void {
  if (typeof value === 'string') writeString(writer, value)
  else if (typeof value === 'number') writeNumber(writer, value)
  else if (typeof value !== 'object')
    writer.text(value === true ? 'true' : value === false ? 'false' : 'null')
  else if (value === null) writer.text('null')
  else if (Array.isArray(value)) writeArray(writer, value)
  else {
    writer.byte(OPEN_OBJECT)
    writeMembers(writer, value)
    writer.byte(CLOSE_OBJECT)
  }
}

/** `"a":1,"b":2`. Returns whether there was any. */
export function writeMembers(writer: DocumentWriter, object: { readonly [key: string]: Json }): boolean {
  let any = false
  for (const name in object) {
    const value = object[name]
    if (value === undefined) continue
    if (any) writer.byte(COMMA)
    any = true
    writeString(writer, name)
    writer.byte(COLON)
    writeJson(writer, value)
  }
  return any
}

/** Longer texts are written by native code and then looked at: a native call costs as much as these characters. */
const NATIVE_MIN = 24

export function writeString(writer: DocumentWriter, text: string): void {
  const { length } = text
  writer.reserve(length * 3 + 2)
  const out = writer.bytes
  let at = writer.at
  out[at++] = QUOTE
  if (length <= NATIVE_MIN) {
    let i = 0
    for (; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f || MUST_ESCAPE[code] === 1) break
      out[at++] = code
    }
    if (i === length) {
      out[at++] = QUOTE
      writer.at = at
      return
    }
    at -= i
  }
  const end = at + out.write(text, at, 'utf8')
  writer.at = needsNoEscape(writer, at, end) ? end : escapeWritten(writer, at, end)
  writer.byte(QUOTE)
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

const MUST_ESCAPE = new Uint8Array(256)
MUST_ESCAPE.fill(1, 0, 0x20)
MUST_ESCAPE[QUOTE] = 1
MUST_ESCAPE[0x5c] = 1

/** Four bytes at once: the upper bit of a byte is set where it was `"`, `\`, or below a space (and seldom in the next one). */
function needsNoEscape(writer: DocumentWriter, from: number, to: number): boolean {
  const { bytes, words } = writer
  let at = from
  for (; (at & 3) !== 0 && at < to; at++) if (MUST_ESCAPE[bytes[at]!] === 1) return false
  const last = to >> 2
  for (let i = at >> 2; i < last; i++) {
    const word = words[i]!
    const quotes = word ^ 0x22222222
    const slashes = word ^ 0x5c5c5c5c
    const found =
      ((quotes - 0x01010101) & ~quotes) | ((slashes - 0x01010101) & ~slashes) | ((word - 0x20202020) & ~word)
    if ((found & 0x80808080) !== 0) return false
  }
  for (at = Math.max(at, last << 2); at < to; at++) if (MUST_ESCAPE[bytes[at]!] === 1) return false
  return true
}

/** Returns where the text ends once it is escaped. */
function escapeWritten(writer: DocumentWriter, from: number, to: number): number {
  const text = Buffer.from(writer.bytes.subarray(from, to))
  writer.at = from
  writer.reserve(text.length * ESCAPE_BYTES_MAX + to - from)
  return copyAsJson(text, 0, text.length, writer.bytes, from)
}

function writeNumber(writer: DocumentWriter, value: number): void {
  if (value >= 0 && Number.isSafeInteger(value)) {
    writer.reserve(20)
    writer.at = putInteger(writer.bytes, writer.at, value)
  } else writer.text(Number.isFinite(value) ? String(value) : 'null')
}

function writeArray(writer: DocumentWriter, values: readonly Json[]): void {
  writer.byte(OPEN_ARRAY)
  for (let i = 0; i < values.length; i++) {
    if (i > 0) writer.byte(COMMA)
    writeJson(writer, values[i])
  }
  writer.byte(CLOSE_ARRAY)
}
