import type { LineFormat, LineHeader } from '../ports/line-format.ts'

/**
 * Container Runtime Interface log lines, as kubelet and the runtimes define them:
 * ```
 * line    = time SP stream SP tags SP text
 * time    = YYYY-MM-DD "T" HH:MM:SS [ "." 1*9DIGIT ] ( "Z" | ("+" | "-") HH:MM )
 * stream  = "stdout" | "stderr"
 * tags    = tag *( ":" tag )          the first is P (a part, the next line goes on) or F (full: the last part)
 * ```
 * containerd writes RFC3339Nano: the node's zone, and no trailing zeros in the fraction.
 */
export const cri: LineFormat = {
  name: 'cri',
  version: 1,
  keys: ['stdout', 'stderr'],
  read: readCri,
}

const DASH = 0x2d
const COLON = 0x3a
const SPACE = 0x20
const LETTER_T = 0x54
const LETTER_Z = 0x5a
const LETTER_P = 0x50
const LETTER_F = 0x46

/** Shortest: `2026-11-24T08:00:00Z stdout F`. */
const LENGTH_MIN = 29
const NANOS_OF_DIGITS = [1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 100, 10, 1]
/** i64 nanoseconds end in 2262. */
const YEAR_MIN = 1970
const YEAR_MAX = 2261

/** The day that was met last: days change rarely. */
let cachedDate = 0
let cachedDaySeconds = -1

function readCri(bytes: Uint8Array, start: number, end: number, header: LineHeader): boolean {
  if (end - start < LENGTH_MIN) return false
  const zoneAt = readTime(bytes, start, end, header)
  if (zoneAt < 0) return false
  const afterZone = readZone(bytes, zoneAt, end, header)
  // The shortest rest is " stdout F".
  if (afterZone < 0 || end - afterZone < 9) return false
  if (!readKey(bytes, afterZone, header)) return false
  return readTags(bytes, afterZone + 8, end, header)
}

/** Returns where the zone begins, or -1. */
function readTime(bytes: Uint8Array, at: number, end: number, header: LineHeader): number {
  if (bytes[at + 4] !== DASH || bytes[at + 7] !== DASH || bytes[at + 10] !== LETTER_T) return -1
  if (bytes[at + 13] !== COLON || bytes[at + 16] !== COLON) return -1
  const century = twoDigits(bytes, at)
  const year = twoDigits(bytes, at + 2)
  const month = twoDigits(bytes, at + 5)
  const day = twoDigits(bytes, at + 8)
  const hour = twoDigits(bytes, at + 11)
  const minute = twoDigits(bytes, at + 14)
  const second = twoDigits(bytes, at + 17)
  if ((century | year | month | day | hour | minute | second) < 0) return -1
  let next = at + 19
  let nanos = 0
  if (bytes[next] === 0x2e) {
    const fractionStart = ++next
    while (next < end) {
      const digit = bytes[next]! - 48
      if (digit >>> 0 > 9) break
      if (next - fractionStart === 9) return -1
      nanos = nanos * 10 + digit
      next++
    }
    if (next === fractionStart) return -1
    nanos *= NANOS_OF_DIGITS[next - fractionStart]!
  }
  header.timeStart = at
  header.timeEnd = next
  const daySeconds = secondsOfDay((century * 100 + year) * 10_000 + month * 100 + day)
  header.timeValid = daySeconds >= 0 && hour < 24 && minute < 60 && second < 60
  header.seconds = header.timeValid ? daySeconds + hour * 3600 + minute * 60 + second : 0
  header.nanos = header.timeValid ? nanos : 0
  return next
}

/** Returns what follows the zone, or -1. */
function readZone(bytes: Uint8Array, at: number, end: number, header: LineHeader): number {
  header.zoneMinutes = 0
  const sign = bytes[at]
  if (sign === LETTER_Z) return at + 1
  if ((sign !== 0x2b && sign !== DASH) || end - at < 6 || bytes[at + 3] !== COLON) return -1
  const hours = twoDigits(bytes, at + 1)
  const minutes = twoDigits(bytes, at + 4)
  if ((hours | minutes) < 0) return -1
  if (hours > 18 || minutes > 59) invalidate(header)
  if (!header.timeValid) return at + 6
  header.zoneMinutes = (hours * 60 + minutes) * (sign === DASH ? -1 : 1)
  header.seconds -= header.zoneMinutes * 60
  if (header.seconds < 0) invalidate(header)
  return at + 6
}

function invalidate(header: LineHeader): void {
  header.timeValid = false
  header.seconds = 0
  header.nanos = 0
  header.zoneMinutes = 0
}

/** ` stdout ` or ` stderr `. */
function readKey(bytes: Uint8Array, at: number, header: LineHeader): boolean {
  if (bytes[at] !== SPACE || bytes[at + 1] !== 0x73 || bytes[at + 2] !== 0x74 || bytes[at + 3] !== 0x64)
    return false
  if (bytes[at + 7] !== SPACE) return false
  if (bytes[at + 4] === 0x6f && bytes[at + 5] === 0x75 && bytes[at + 6] === 0x74) header.key = 0
  else if (bytes[at + 4] === 0x65 && bytes[at + 5] === 0x72 && bytes[at + 6] === 0x72) header.key = 1
  else return false
  return true
}

function readTags(bytes: Uint8Array, at: number, end: number, header: LineHeader): boolean {
  const tag = bytes[at]
  if (tag !== LETTER_F && tag !== LETTER_P) return false
  header.partial = tag === LETTER_P
  let next = at + 1
  header.canonical = header.timeValid && bytes[next] === SPACE && next < end
  if (next < end && bytes[next] === COLON) {
    while (next < end && bytes[next] !== SPACE) next++
  }
  if (next < end && bytes[next] !== SPACE) return false
  header.textStart = next < end ? next + 1 : end
  return true
}

/** -1 when they are no digits. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! - 48
  const low = bytes[at + 1]! - 48
  return high >>> 0 > 9 || low >>> 0 > 9 ? -1 : high * 10 + low
}

/** Seconds since the epoch at the start of a day YYYYMMDD, or -1 when it does not exist (30 February). */
function secondsOfDay(date: number): number {
  if (date === cachedDate) return cachedDaySeconds
  const year = Math.floor(date / 10_000)
  const month = Math.floor(date / 100) % 100
  const day = date % 100
  const moment = new Date(Date.UTC(year, month - 1, day))
  const exists =
    year >= YEAR_MIN && year <= YEAR_MAX && moment.getUTCMonth() === month - 1 && moment.getUTCDate() === day
  cachedDate = date
  cachedDaySeconds = exists ? moment.getTime() / 1000 : -1
  return cachedDaySeconds
}
