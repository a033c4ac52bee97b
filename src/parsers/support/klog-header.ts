import type { FormatContext } from '../../ports/format.ts'
import { midnightMs } from './time.ts'

/**
 * The header that klog (and glog before it) puts before each message, formatHeader in klog.go:
 *
 *     Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg
 *
 * L is one of I W E F, the thread id is padded with spaces to seven places, the time is the process's local time.
 *
 * A hot path: no regular expression, no string but those that are kept. Invariants: nothing is read beyond `text`, `into` is
 * touched only when true is returned, at most HEADER_LENGTH_MAX characters are looked at.
 */
export interface KlogHeader {
  /** Character code of the severity. */
  severity: number
  /** Microseconds since the epoch, or NaN when no such moment exists. */
  micros: number
  pid: number
  fileStart: number
  /** Where the colon before the line number stands. */
  fileEnd: number
  line: number
  /** Where the message begins. */
  end: number
}

export function newKlogHeader(): KlogHeader {
  return { severity: 0, micros: 0, pid: 0, fileStart: 0, fileEnd: 0, line: 0, end: 0 }
}

const HEADER_LENGTH_MAX = 320

export function readKlogHeader(text: string, context: FormatContext, into: KlogHeader): boolean {
  const severity = text.charCodeAt(0)
  if (severity !== 73 && severity !== 69 && severity !== 87 && severity !== 70) return false
  if (text.charCodeAt(5) !== 32 || text.charCodeAt(8) !== 58 || text.charCodeAt(11) !== 58) return false
  if (text.charCodeAt(14) !== 46 || text.charCodeAt(21) !== 32) return false
  const month = two(text, 1)
  const day = two(text, 3)
  const seconds = two(text, 6) * 3600 + two(text, 9) * 60 + two(text, 12)
  const fraction = two(text, 15) * 10_000 + two(text, 17) * 100 + two(text, 19)
  // NaN where some place holds no digit.
  if (!(month + day + seconds + fraction >= 0)) return false
  let at = 22
  while (text.charCodeAt(at) === 32 && at < 40) at++
  let pid = 0
  const pidStart = at
  for (let code = text.charCodeAt(at) - 48; code >= 0 && code <= 9; code = text.charCodeAt(++at) - 48)
    pid = pid * 10 + code
  if (at === pidStart || at - pidStart > 10 || text.charCodeAt(at) !== 32) return false
  const fileStart = at + 1
  const colon = lineColon(text, fileStart)
  if (colon < 0) return false
  let line = 0
  at = colon + 1
  for (let code = text.charCodeAt(at) - 48; code >= 0 && code <= 9; code = text.charCodeAt(++at) - 48)
    line = line * 10 + code
  if (at === colon + 1 || at - colon > 9 || text.charCodeAt(at) !== 93) return false
  into.severity = severity
  into.micros = microsOf(month, day, seconds, fraction, text, context)
  into.pid = pid
  into.fileStart = fileStart
  into.fileEnd = colon
  into.line = line
  into.end = text.charCodeAt(at + 1) === 32 ? at + 2 : at + 1
  return true
}

/** The colon of `file:line]`: the first that digits and a bracket follow. A name holds no space. */
function lineColon(text: string, from: number): number {
  const limit = Math.min(text.length, from + HEADER_LENGTH_MAX)
  for (let at = from; at < limit; at++) {
    const code = text.charCodeAt(at)
    if (code === 58) return at === from ? -1 : at
    if (code === 32 || code === 93) return -1
  }
  return -1
}

function microsOf(
  month: number,
  day: number,
  seconds: number,
  fraction: number,
  text: string,
  context: FormatContext,
): number {
  if (two(text, 6) > 23 || two(text, 9) > 59 || two(text, 12) > 59) return Number.NaN
  const midnight = midnightMs(month, day, seconds, context)
  return (midnight + seconds * 1000 - context.utcOffsetMinutes * 60_000) * 1000 + fraction
}

/** Two digits, or NaN. */
function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48
  const ones = text.charCodeAt(at + 1) - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}
