import { QualityBit } from './quality.ts'

/**
 * What is odd about the character whose UTF-8 begins at `at` (a byte of 0x7F or more): quality bits, 0 for nothing. Control:
 * DEL and C1 (U+0080-U+009F). Bidi: what turns or hides text (U+061C, U+200B-U+200F, U+202A-U+202E, U+2060-U+2069, U+FEFF).
 */
export function textClass(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first === 0x7f) return QualityBit.control
  if (first !== 0xc2 && first !== 0xd8 && first !== 0xe2 && first !== 0xef) return 0
  const second = bytes[at + 1]!
  if (first === 0xc2) return second < 0xa0 ? QualityBit.control : 0
  if (first === 0xd8) return second === 0x9c ? QualityBit.bidi : 0
  return unitClass(((first & 0x0f) << 12) | ((second & 0x3f) << 6) | (bytes[at + 2]! & 0x3f))
}

/** The same of a UTF-16 unit, as `\\uXXXX` writes it. Tab, newline and carriage return are what text is made of. */
export function unitClass(unit: number): number {
  if (unit < 0x20) return unit === 0x09 || unit === 0x0a || unit === 0x0d ? 0 : QualityBit.control
  if (unit >= 0x7f && unit < 0xa0) return QualityBit.control
  if (unit === 0x061c || unit === 0xfeff) return QualityBit.bidi
  if (unit >= 0x200b && unit <= 0x200f) return QualityBit.bidi
  if (unit >= 0x202a && unit <= 0x202e) return QualityBit.bidi
  return unit >= 0x2060 && unit <= 0x2069 ? QualityBit.bidi : 0
}
