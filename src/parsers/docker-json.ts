import type { LineFormat } from '../ports/line-format.ts'
import { cri } from './cri.ts'

/**
 * Docker's `json-file` log driver (moby daemon/logger/jsonfilelog/jsonlog), one object a line, written with these keys in this order:
 * ```
 * line  = {"log":"text","stream":"stdout","attrs":{…},"time":"2026-11-24T08:00:00.123456789Z"}
 * text  = what the container wrote, escaped as JSON; it ends with \n, but for a part of a line that is longer than 16 KiB
 * ```
 * `log` is missing where the text is empty, `attrs` (labels that the daemon was told to add) where there are none. Each line is written
 * anew as the container line that containerd would have made of it, and is read as that.
 */
export const dockerJson: LineFormat = {
  ...cri,
  name: 'docker-json',
  version: 1,
  translate,
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const NEWLINE = 0x0a
const SPACE = 0x20
const LETTER_F = 0x46
const LETTER_P = 0x50
const LOG = Buffer.from('{"log":"')
const STREAM = Buffer.from(',"stream":"')
const STREAM_FIRST = Buffer.from('{"stream":"')
const ATTRIBUTES = Buffer.from(',"attrs":{')
const TIME = Buffer.from(',"time":"')
const CLOSE = Buffer.from('"}')
/** `stdout` or `stderr`. */
const STREAM_LENGTH = 6
/** RFC 3339 with nanoseconds and a zone. */
const TIME_MAX = 35

function translate(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
  return translateAsWritten(bytes, start, end, out, at) ?? translateAny(bytes, start, end, out, at)
}

/** With the keys in docker's own order. Undefined when it is not so. */
function translateAsWritten(
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  at: number,
): number | undefined {
  let next = start
  let textStart = -1
  let textEnd = -1
  if (holds(bytes, start, LOG)) {
    textStart = start + LOG.length
    textEnd = stringEnd(bytes, textStart, end)
    if (textEnd < 0 || !holds(bytes, textEnd + 1, STREAM)) return undefined
    next = textEnd + 1 + STREAM.length
  } else if (holds(bytes, start, STREAM_FIRST)) next = start + STREAM_FIRST.length
  else return undefined
  const streamStart = next
  next += STREAM_LENGTH
  if (bytes[next++] !== QUOTE) return undefined
  if (holds(bytes, next, ATTRIBUTES)) next = objectEnd(bytes, next + ATTRIBUTES.length, end)
  if (next < 0 || !holds(bytes, next, TIME)) return undefined
  const timeStart = next + TIME.length
  const timeEnd = bytes.indexOf(QUOTE, timeStart)
  if (timeEnd < 0 || timeEnd - timeStart > TIME_MAX || timeEnd + CLOSE.length !== end) return undefined
  if (!holds(bytes, timeEnd, CLOSE)) return undefined
  let to = at + bytes.copy(out, at, timeStart, timeEnd)
  out[to++] = SPACE
  to += bytes.copy(out, to, streamStart, streamStart + STREAM_LENGTH)
  out[to++] = SPACE
  const tag = to++
  out[to++] = SPACE
  const after = textStart < 0 ? to : unescape(bytes, textStart, textEnd, out, to)
  if (after < 0) return undefined
  // An empty text has no newline either, and is no part of anything.
  const isWhole = after === to || out[after - 1] === NEWLINE
  out[tag] = isWhole ? LETTER_F : LETTER_P
  return isWhole && after > to ? after - 1 : after
}

/** Any object with these keys. What is none stays as it is, and is no container line. */
function translateAny(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
  const asIs = (): number => at + bytes.copy(out, at, start, end)
  if (bytes[start] !== 0x7b) return asIs()
  try {
    const {
      log = '',
      stream,
      time,
    } = JSON.parse(bytes.toString('utf8', start, end)) as Record<string, unknown>
    if (typeof log !== 'string' || typeof time !== 'string' || time.includes(' ')) return asIs()
    if (stream !== 'stdout' && stream !== 'stderr') return asIs()
    const isWhole = log === '' || log.endsWith('\n')
    const line = `${time} ${stream} ${isWhole ? 'F' : 'P'} ${isWhole ? log.slice(0, -1) : log}`
    return Buffer.byteLength(line) > end - start ? asIs() : at + out.write(line, at, 'utf8')
  } catch {
    return asIs()
  }
}

function holds(bytes: Buffer, at: number, wanted: Buffer): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}

/** Where the string ends (at its quote) that begins at `at`; -1 when it does not. */
function stringEnd(bytes: Buffer, from: number, end: number): number {
  for (
    let quote = bytes.indexOf(QUOTE, from);
    quote >= 0 && quote < end;
    quote = bytes.indexOf(QUOTE, quote + 1)
  ) {
    let slashes = 0
    while (quote - slashes > from && bytes[quote - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote
  }
  return -1
}

/** Behind the closing brace of an object of strings; -1 when there is none. */
function objectEnd(bytes: Buffer, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    if (bytes[at] === 0x7d) return at + 1
    if (bytes[at] === 0x7b) return -1
    if (bytes[at] !== QUOTE) continue
    at = stringEnd(bytes, at + 1, end)
    if (at < 0) return -1
  }
  return -1
}

/** The characters of a JSON string. Returns where they end in `out`, or -1 when they are none. Never longer than they were. */
function unescape(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
  let from = start
  let to = at
  for (
    let slash = bytes.indexOf(BACKSLASH, from);
    slash >= 0 && slash < end;
    slash = bytes.indexOf(BACKSLASH, from)
  ) {
    to += bytes.copy(out, to, from, slash)
    const escape = bytes[slash + 1]!
    from = slash + 2
    if (escape === 0x75) {
      const unit = hex4(bytes, from)
      if (unit < 0 || from + 4 > end) return -1
      from += 4
      let point = unit
      if (isHigh(unit) && bytes[from] === BACKSLASH && bytes[from + 1] === 0x75) {
        const low = hex4(bytes, from + 2)
        if (low >= 0xdc00 && low <= 0xdfff) {
          point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
          from += 6
        }
      }
      to = putCharacter(out, to, point)
    } else {
      const character = SIMPLE[escape] ?? 0
      if (character === 0) return -1
      out[to++] = character
    }
  }
  return to + bytes.copy(out, to, from, end)
}

/** By the byte behind the backslash. */
const SIMPLE: Readonly<Record<number, number>> = {
  0x22: QUOTE,
  0x5c: BACKSLASH,
  0x2f: 0x2f,
  0x62: 0x08,
  0x66: 0x0c,
  0x6e: NEWLINE,
  0x72: 0x0d,
  0x74: 0x09,
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

/** Half of a pair stands for no character. */
function putCharacter(out: Buffer, at: number, point: number): number {
  let to = at
  const known = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point
  if (known < 0x80) out[to++] = known
  else if (known < 0x800) {
    out[to++] = 0xc0 | (known >> 6)
    out[to++] = 0x80 | (known & 63)
  } else {
    if (known < 0x10000) out[to++] = 0xe0 | (known >> 12)
    else {
      out[to++] = 0xf0 | (known >> 18)
      out[to++] = 0x80 | ((known >> 12) & 63)
    }
    out[to++] = 0x80 | ((known >> 6) & 63)
    out[to++] = 0x80 | (known & 63)
  }
  return to
}

function hex4(bytes: Buffer, at: number): number {
  let value = 0
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i] ?? 0
    const low = byte | 0x20
    if (byte >= 48 && byte <= 57) value = value * 16 + byte - 48
    else if (low >= 97 && low <= 102) value = value * 16 + low - 87
    else return -1
  }
  return value
}
