import { QualityBit } from '../core/quality.ts'
import { textClass } from '../core/text-class.ts'

/**
 * Bytes of UTF-8 text → the inside of a JSON string, in UTF-8. The hot loop of `process`: each byte of a container line goes
 * through it once. Invariants: `from..to` is valid UTF-8; `out` has room for ESCAPE_BYTES_MAX times as many bytes; nothing
 * before `at` is touched. Fuzzed in `test/stages/json-text.test.ts`, measured in `benchmarks/parse.ts`.
 */
export const ESCAPE_BYTES_MAX = 6

/** 0 copied as it is; 1 written as an escape; 2 a character that may be odd, copied after a look. */
const ACTION = new Uint8Array(256)
ACTION.fill(1, 0, 0x20)
ACTION[0x22] = 1
ACTION[0x5c] = 1
for (const lead of [0x7f, 0xc2, 0xd8, 0xe2, 0xef]) ACTION[lead] = 2

/** Letter of the short escapes, 0 where there is none. */
const SHORT = new Uint8Array(128)
for (const [byte, letter] of [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x22, '"'],
  [0x5c, '\\'],
] as const) {
  SHORT[byte] = letter.charCodeAt(0)
}
const HEX = Buffer.from('0123456789abcdef')

/** Quality bits of the text that was copied last: a result that makes no object. */
let lastQuality = 0

export function copiedQuality(): number {
  return lastQuality
}

/** Returns where the copy ends in `out`. */
export function copyAsJson(bytes: Buffer, from: number, to: number, out: Buffer, at: number): number {
  lastQuality = 0
  let start = from
  let next = from
  while (next < to) {
    while (next < to && ACTION[bytes[next]!] === 0) next++
    if (next === to) break
    const byte = bytes[next]!
    if (ACTION[byte] === 2) {
      lastQuality |= textClass(bytes, next)
      next++
      continue
    }
    at = copyRun(bytes, start, next, out, at)
    at = escape(byte, next + 1 === to, out, at)
    start = ++next
  }
  return copyRun(bytes, start, to, out, at)
}

/** Short runs byte by byte: a native copy costs as much as 30 bytes. */
function copyRun(bytes: Buffer, from: number, to: number, out: Buffer, at: number): number {
  if (to - from > 32) {
    bytes.copy(out, at, from, to)
    return at + to - from
  }
  for (let i = from; i < to; i++) out[at++] = bytes[i]!
  return at
}

function escape(byte: number, isLast: boolean, out: Buffer, at: number): number {
  const letter = SHORT[byte]!
  if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && !(byte === 0x0d && isLast))
    lastQuality |= QualityBit.control
  out[at++] = 0x5c
  if (letter !== 0) {
    out[at++] = letter
    return at
  }
  out[at++] = 0x75
  out[at++] = 0x30
  out[at++] = 0x30
  out[at++] = HEX[byte >> 4]!
  out[at++] = HEX[byte & 15]!
  return at
}
