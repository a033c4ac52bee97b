import type { Quality } from '../core/document.ts'
import { QualityBit, qualitiesOf } from '../core/quality.ts'
import { unitClass } from '../core/text-class.ts'

const NONE: readonly Quality[] = []

// oxlint-disable-next-line no-control-regex -- it looks for them
const ODD = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/

// oxlint-disable-next-line no-control-regex -- it looks for them
const ODD_ASCII = /[\0-\x08\x0b-\x1f\x7f]/

/** Control and bidi characters of a text. A carriage return at its very end is none: it is how Windows ends a line. */
export function oddCharacters(text: string, isAscii = false): readonly Quality[] {
  if (!(isAscii ? ODD_ASCII : ODD).test(text)) return NONE
  let bits = 0
  for (let i = 0; i < text.length; i++) bits |= unitClass(text.charCodeAt(i))
  const carriageReturn = text.indexOf('\r')
  if (carriageReturn >= 0 && carriageReturn < text.length - 1) bits |= QualityBit.control
  return qualitiesOf(bits)
}

/**
 * Is a part of the batch ASCII? Looks at four bytes at once. One line that is not must not make all others dear: a text that is known
 * to be ASCII is read and looked at in half of the time.
 */
export function isAsciiSpan(raw: Uint8Array, words: Int32Array, start: number, end: number): boolean {
  const from = raw.byteOffset + start
  const to = raw.byteOffset + end
  const firstWord = (from + 3) >> 2
  const lastWord = to >> 2
  if (lastWord < firstWord) return isAsciiBytes(raw, start, end)
  for (let i = firstWord; i < lastWord; i++) if ((words[i]! & 0x80808080) !== 0) return false
  return (
    isAsciiBytes(raw, start, (firstWord << 2) - raw.byteOffset) &&
    isAsciiBytes(raw, (lastWord << 2) - raw.byteOffset, end)
  )
}

function isAsciiBytes(raw: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (raw[at]! > 0x7f) return false
  return true
}

/** The memory that a batch lies in, four bytes at once. */
export function wordsOf({ buffer }: Uint8Array): Int32Array {
  return new Int32Array(buffer, 0, buffer.byteLength >> 2)
}

/**
 * Has a batch any character below a space but newlines and tabs, or DEL? Looks at four bytes at once. A batch without them, as most
 * are, needs no look at those of its texts that are ASCII.
 */
export function hasControls(raw: Uint8Array): boolean {
  const { byteOffset, length } = raw
  const words = wordsOf(raw)
  const end = byteOffset + length
  const firstWord = Math.min((byteOffset + 3) >> 2, end >> 2)
  const lastWord = Math.max(firstWord, end >> 2)
  if (hasControl(raw, 0, Math.min(length, (firstWord << 2) - byteOffset))) return true
  for (let i = firstWord; i < lastWord; i++) {
    const word = words[i]!
    const dels = word ^ 0x7f7f7f7f
    const found = ((word - 0x20202020) & ~word) | ((dels - 0x01010101) & ~dels)
    if ((found & 0x80808080) === 0) continue
    const at = (i << 2) - byteOffset
    if (hasControl(raw, at, at + 4)) return true
  }
  return hasControl(raw, Math.max(0, (lastWord << 2) - byteOffset), length)
}

function hasControl(raw: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = raw[at]!
    if ((byte < 0x20 && byte !== 0x0a && byte !== 0x09) || byte === 0x7f) return true
  }
  return false
}
