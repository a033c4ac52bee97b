/**
 * Writes what JSON's `\u` escapes stand for in their place and copies everything else; the result is never longer. It is only
 * searched: characters outside ASCII become none that a literal has (unless they fold to one), and other escapes stay.
 */
export function unescapeInto(target: Uint8Array, bytes: Uint8Array, start: number, end: number): number {
  let out = 0
  let at = start
  while (at < end) {
    const byte = bytes[at]!
    if (byte !== BACKSLASH || at + 1 >= end) {
      target[out++] = byte
      at++
      continue
    }
    const kind = bytes[at + 1]!
    const unit = kind === LETTER_U ? hexUnit(bytes, at + 2, end) : -1
    if (unit >= 0) {
      target[out++] = foldedByte(unit)
      at += 6
    } else {
      // Both bytes of any other escape go together, so that the second of `\\` begins none.
      target[out++] = BACKSLASH
      target[out++] = kind
      at += 2
    }
  }
  return out
}

const BACKSLASH = 0x5c
const LETTER_U = 0x75
const NO_LITERAL = 0x00

/** The ASCII character that the folding of a code unit begins with; see `fold.ts`. */
function foldedByte(unit: number): number {
  if (unit < 128) return unit
  if (unit === 0x212a) return 0x6b
  return unit === 0x130 ? 0x69 : NO_LITERAL
}

/** Value of four hex digits, or -1. */
export function hexUnit(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1
  let value = 0
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i]!
    const letter = byte | 0x20
    if (byte >= 0x30 && byte <= 0x39) value = value * 16 + byte - 0x30
    else if (letter >= 0x61 && letter <= 0x66) value = value * 16 + letter - 0x57
    else return -1
  }
  return value
}
