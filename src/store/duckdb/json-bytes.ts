/** JSON's own words, numbers and escapes in bytes, as strict as the strictest reader of our documents (DuckDB's). */
export const NULL = Buffer.from('null')
export const TRUE = Buffer.from('true')
export const FALSE = Buffer.from('false')

export function isWord(
  bytes: Uint8Array,
  { start, end, word }: { start: number; end: number; word: Uint8Array },
): boolean {
  if (end - start !== word.byteLength) return false
  for (let i = 0; i < word.byteLength; i++) if (bytes[start + i] !== word[i]) return false
  return true
}

/** Digits alone are decided here; what has more in it, by a pattern. */
export function isNumber(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start]!
  let isPlain = end - start <= 15 && (first !== 0x30 || end - start === 1)
  for (let at = start; isPlain && at < end; at++) isPlain = bytes[at]! >= 0x30 && bytes[at]! <= 0x39
  if (isPlain) return end > start
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
  return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))
}

/** Bytes of the escape that begins at `at`, a pair of surrogates being one; 0 when it is none. */
export function escapeLength(bytes: Uint8Array, at: number, end: number): number {
  const kind = bytes[at + 1]
  if (kind !== 0x75) return kind !== undefined && at + 1 < end && SIMPLE_ESCAPES.includes(kind) ? 2 : 0
  const unit = hexUnit(bytes, at + 2, end)
  if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) return 0
  if (unit < 0xd800 || unit > 0xdbff) return 6
  if (bytes[at + 6] !== 0x5c || bytes[at + 7] !== 0x75) return 0
  const low = hexUnit(bytes, at + 8, end)
  return low >= 0xdc00 && low <= 0xdfff ? 12 : 0
}

const SIMPLE_ESCAPES = Buffer.from('"\\/bfnrt')

function hexUnit(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1
  let unit = 0
  for (let i = at; i < at + 4; i++) {
    const byte = bytes[i]!
    const lower = byte | 0x20
    const digit =
      byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
    if (digit < 0) return -1
    unit = unit * 16 + digit
  }
  return unit
}

/** Text of a JSON string's bytes between its quotes; undefined when they are none. */
export function decodeString(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  try {
    return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
  } catch {
    return undefined
  }
}
