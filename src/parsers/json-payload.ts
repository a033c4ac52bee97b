import { LEVEL_NUMBERS } from './support/log-level.ts'
import { JSON_DEPTH_MAX } from '../core/limits.ts'
import { QualityBit } from '../core/quality.ts'
import { textClass, unitClass } from '../core/text-class.ts'
import { PAYLOAD_SLOTS, type PayloadFormat, type PayloadScan, PayloadSlot } from '../ports/line-format.ts'
import { KeyTable } from './json-keys.ts'

/**
 * JSON that applications print, read as RFC 8259 has it: one pass over the bytes, no recursion, no object. What is valid
 * and harmless stands in the document as it is, so its exact text is kept; what is odd stays text:
 * - deeper than JSON_DEPTH_MAX, more than KEYS_MAX keys, a key twice in one object, a key longer than KEY_BYTES_MAX or with a
 *   NUL (an index refuses those), half a surrogate pair, or no JSON at all.
 * Large numbers and keys such as `__proto__` are only said.
 */
export const jsonPayload: PayloadFormat = { scan: scanPayload, level: levelOf }

export const KEYS_MAX = 1000
export const KEY_BYTES_MAX = 1024

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/** What the scanner may meet next. */
const Expect = { value: 0, valueOrClose: 1, key: 2, keyOrClose: 3, commaOrClose: 4, end: 5 } as const

/** Where each open object or array is: frame number of an object (≥ 1, unique in a line), 0 of an array. */
const frames = new Int32Array(JSON_DEPTH_MAX + 1)
const keys = new KeyTable(KEYS_MAX)
/** Priority of what each slot holds: lower wins. */
const ranks = new Uint8Array(PAYLOAD_SLOTS)

function scanPayload(bytes: Uint8Array, start: number, end: number, into: PayloadScan): 'text' | 'json' {
  into.quality = 0
  if (!looksLikeObject(bytes, start, end)) return 'text'
  into.end.fill(0)
  into.levelIsNumber = false
  ranks.fill(255)
  keys.clear()
  return scan(bytes, start, end, into) ? 'json' : 'text'
}

/** `{"…}` or `{}`: what else begins with a brace is a sentence. */
function looksLikeObject(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2 || bytes[start] !== OPEN_OBJECT || bytes[end - 1] !== CLOSE_OBJECT) return false
  const next = bytes[start + 1]
  return next === QUOTE || next === CLOSE_OBJECT || (next === 0x20 && bytes[start + 2] === QUOTE)
}

/** The loop touches every byte once; `at` only grows, so it ends. */
function scan(bytes: Uint8Array, start: number, end: number, into: PayloadScan): boolean {
  let at = start
  let depth = 0
  let frameCount = 0
  let expect: number = Expect.value
  /** Known key that the next value belongs to, and the known parent that depth-2 keys stand in. */
  let known = -1
  let parent = 0
  while (at < end) {
    const byte = bytes[at]!
    if (byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a) {
      at++
      continue
    }
    switch (expect) {
      case Expect.keyOrClose:
      case Expect.key: {
        if (byte === CLOSE_OBJECT && expect === Expect.keyOrClose) {
          at++
          depth--
          expect = depth === 0 ? Expect.end : Expect.commaOrClose
          break
        }
        if (byte !== QUOTE) return invalid(into)
        const close = stringEnd(bytes, at + 1, end, into)
        if (close < 0) return invalid(into)
        if (close - at - 1 > KEY_BYTES_MAX) return odd(into, QualityBit.jsonKeyTooLong)
        const verdict = keys.add(bytes, at + 1, close, frames[depth]!, depth === 2 ? parent : 0)
        if (verdict !== 0) return odd(into, verdict)
        if (keys.proto) into.quality |= QualityBit.jsonProtoKey
        known = depth === 1 || (depth === 2 && parent !== 0) ? keys.known : -1
        at = afterColon(bytes, close + 1, end)
        if (at < 0) return invalid(into)
        expect = Expect.value
        break
      }
      case Expect.commaOrClose: {
        if (byte === COMMA) expect = frames[depth] === 0 ? Expect.value : Expect.key
        else if (byte === (frames[depth] === 0 ? CLOSE_ARRAY : CLOSE_OBJECT)) {
          depth--
          if (depth === 1) parent = 0
          if (depth === 0) expect = Expect.end
        } else return invalid(into)
        at++
        break
      }
      case Expect.valueOrClose:
      case Expect.value: {
        if (byte === QUOTE) {
          const close = stringEnd(bytes, at + 1, end, into)
          if (close < 0) return invalid(into)
          if (known >= 0) take(into, known, at + 1, close, false)
          at = close + 1
          expect = Expect.commaOrClose
        } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
          if (depth === JSON_DEPTH_MAX) return odd(into, QualityBit.jsonDepth)
          depth++
          frames[depth] = byte === OPEN_OBJECT ? ++frameCount : 0
          if (depth === 2) parent = byte === OPEN_OBJECT && known >= 0 ? keys.parentOf(known) : 0
          expect = byte === OPEN_OBJECT ? Expect.keyOrClose : Expect.valueOrClose
          at++
        } else if (byte === CLOSE_ARRAY && expect === Expect.valueOrClose) {
          depth--
          if (depth === 1) parent = 0
          expect = Expect.commaOrClose
          at++
        } else {
          const close = scalarEnd(bytes, at, end, into)
          if (close < 0) return invalid(into)
          if (known >= 0 && byte < 0x3a) take(into, known, at, close, true)
          at = close
          expect = Expect.commaOrClose
        }
        known = -1
        break
      }
      default:
        return invalid(into)
    }
  }
  return expect === Expect.end ? true : invalid(into)
}

function invalid(into: PayloadScan): boolean {
  return odd(into, QualityBit.jsonInvalid)
}

function odd(into: PayloadScan, bit: number): boolean {
  if (bit === QualityBit.jsonInvalid && (into.quality & QualityBit.jsonLoneSurrogate) !== 0) {
    into.quality = QualityBit.jsonLoneSurrogate
  } else into.quality = bit
  return false
}

function take(into: PayloadScan, known: number, start: number, end: number, isNumber: boolean): void {
  const slot = keys.slotOf(known)
  if (slot < 0 || (isNumber && slot !== PayloadSlot.level)) return
  const rank = keys.rankOf(known)
  if (rank >= ranks[slot]!) return
  ranks[slot] = rank
  into.start[slot] = start
  into.end[slot] = end
  if (slot === PayloadSlot.level) into.levelIsNumber = isNumber
}

/** Where the value after a colon may begin, or -1. */
function afterColon(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && bytes[at] === 0x20) at++
  return at < end && bytes[at] === COLON ? at + 1 : -1
}

/** Position of the closing quote, or -1. Says what the text holds that is odd for the eye. */
function stringEnd(bytes: Uint8Array, from: number, end: number, into: PayloadScan): number {
  let at = from
  while (at < end) {
    const byte = bytes[at]!
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) {
      at = afterEscape(bytes, at + 1, end, into)
      if (at < 0) return -1
    } else if (byte < 0x20) return -1
    else {
      if (byte >= 0x7f) into.quality |= textClass(bytes, at)
      at++
    }
  }
  return -1
}

/** `at` is behind the backslash. Returns what follows the escape, or -1. */
function afterEscape(bytes: Uint8Array, at: number, end: number, into: PayloadScan): number {
  const byte = bytes[at]
  if (byte !== 0x75) {
    // \b and \f are control characters; " \ / n r t are what text is made of.
    if (byte === 0x62 || byte === 0x66) into.quality |= QualityBit.control
    else if (
      byte !== QUOTE &&
      byte !== BACKSLASH &&
      byte !== 0x2f &&
      byte !== 0x6e &&
      byte !== 0x72 &&
      byte !== 0x74
    )
      return -1
    return at + 1
  }
  const unit = hexUnit(bytes, at + 1, end)
  if (unit < 0) return -1
  if (unit >= 0xd800 && unit <= 0xdfff) {
    const low = bytes[at + 5] === BACKSLASH && bytes[at + 6] === 0x75 ? hexUnit(bytes, at + 7, end) : -1
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) {
      into.quality |= QualityBit.jsonLoneSurrogate
      return -1
    }
    return at + 11
  }
  into.quality |= unitClass(unit)
  return at + 5
}

/** Value of four hex digits, or -1. */
function hexUnit(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1
  let value = 0
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i]!
    const low = byte | 0x20
    if (byte >= 0x30 && byte <= 0x39) value = value * 16 + byte - 0x30
    else if (low >= 0x61 && low <= 0x66) value = value * 16 + low - 0x57
    else return -1
  }
  return value
}

/** End of a number, `true`, `false` or `null`, or -1. */
function scalarEnd(bytes: Uint8Array, at: number, end: number, into: PayloadScan): number {
  switch (bytes[at]) {
    case 0x74:
      return word(bytes, at, end, 'true')
    case 0x66:
      return word(bytes, at, end, 'false')
    case 0x6e:
      return word(bytes, at, end, 'null')
    default:
      return numberEnd(bytes, at, end, into)
  }
}

function word(bytes: Uint8Array, at: number, end: number, text: string): number {
  if (at + text.length > end) return -1
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return -1
  return at + text.length
}

/** number = [ "-" ] ( "0" | 1-9 *DIGIT ) [ "." 1*DIGIT ] [ ( "e" | "E" ) [ "+" | "-" ] 1*DIGIT ] */
function numberEnd(bytes: Uint8Array, start: number, end: number, into: PayloadScan): number {
  let at = bytes[start] === 0x2d ? start + 1 : start
  const first = at
  at = digitsEnd(bytes, at, end)
  if (at === first || (bytes[first] === 0x30 && at > first + 1)) return -1
  let exponent = false
  if (at < end && bytes[at] === 0x2e) {
    const next = digitsEnd(bytes, at + 1, end)
    if (next === at + 1) return -1
    at = next
  }
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    exponent = true
    const sign = bytes[at + 1]
    const from = sign === 0x2b || sign === 0x2d ? at + 2 : at + 1
    const next = digitsEnd(bytes, from, end)
    if (next === from) return -1
    at = next
  }
  if (at - start > 15 || exponent) checkPrecision(bytes, start, at, into)
  return at
}

function digitsEnd(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && (bytes[at]! - 48) >>> 0 <= 9) at++
  return at
}

/** A double holds up to 15 digits of any number; above, only what it prints back the same. */
function checkPrecision(bytes: Uint8Array, start: number, end: number, into: PayloadScan): void {
  const text = latin1(bytes, start, Math.min(end, start + 400))
  const value = Number(text)
  const digits = text
    .replace(/[eE].*$/, '')
    .replace(/[^0-9]/g, '')
    .replace(/^0+/, '').length
  const exact =
    digits <= 15 ? Number.isFinite(value) && (value !== 0 || digits === 0) : String(value) === text
  if (!exact || end - start > 400) into.quality |= QualityBit.jsonNumberPrecision
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1', 0, end - start)
}

const LEVEL_BYTES_MAX = 32

function levelOf(bytes: Uint8Array, scan: PayloadScan): string | undefined {
  const start = scan.start[PayloadSlot.level]!
  const end = scan.end[PayloadSlot.level]!
  if (end === 0 || end === start || end - start > LEVEL_BYTES_MAX) return undefined
  const text = latin1(bytes, start, end)
  if (scan.levelIsNumber) return LEVEL_NUMBERS[text]
  return /^[A-Za-z0-9 _.:+-]+$/.test(text) ? text.toLowerCase() : undefined
}
