import type { FormatContext } from '../../ports/format.ts'

/** A time stamp that was found: where it ends, and when it was. `ns` undefined: written like one, but no such moment exists. */
export interface Stamp {
  readonly end: number
  readonly ns: bigint | undefined
}

/** i64 nanoseconds end in 2262; what lies outside is no time of a log. */
const YEAR_MIN = 1900
const YEAR_MAX = 2261
const DAY_MS = 86_400_000
/** 29 February is at most eight years back (1896 to 1904, 2096 to 2104). */
const YEARS_BACK = 8

/**
 * Reads `2026-11-24T08:00:00[.123456][Z|+01:00|+0100]` at `from` (RFC 3339; a space may stand for the T). Without a zone
 * the context's offset holds. Up to nine digits of a second count. A leap second (:60) has no number in POSIX time: no moment.
 */
export function readIso(text: string, from: number, utcOffsetMinutes: number): Stamp | undefined {
  if (text.charCodeAt(from + 4) !== 45 || text.charCodeAt(from + 7) !== 45) return undefined
  const year = digits(text, from, 4)
  const month = digits(text, from + 5, 2)
  const day = digits(text, from + 8, 2)
  const separator = text.charCodeAt(from + 10)
  if (year < 0 || month < 0 || day < 0 || (separator !== 84 && separator !== 116 && separator !== 32))
    return undefined
  const clock = readClock(text, from + 11)
  if (clock === undefined) return undefined
  const zone = readZone(text, clock.end)
  if (zone === undefined) return undefined
  const offset = zone.minutes ?? utcOffsetMinutes
  return { end: zone.end, ns: nanoseconds(dateMs(year, month, day), clock, offset) }
}

/**
 * Reads the year-less stamp of RFC 3164 at `from`: `Nov 24 08:00:00[.123]`, day with or without padding. A year after the
 * day, as some devices write it, is taken. Otherwise it is the latest year in which the moment is not more than a day after
 * the batch: so 31 December in a batch of January is last year's, and a clock that runs ahead stays in its year.
 */
export function readMonthDay(text: string, from: number, context: FormatContext): Stamp | undefined {
  const month = monthAt(text, from)
  if (month === 0 || text.charCodeAt(from + 3) !== 32) return undefined
  let at = from + 4
  if (text.charCodeAt(at) === 32) at++
  const first = digit(text, at)
  if (first < 0) return undefined
  const second = digit(text, at + 1)
  const day = second < 0 ? first : first * 10 + second
  at += second < 0 ? 1 : 2
  if (text.charCodeAt(at) !== 32) return undefined
  at++
  const year = text.charCodeAt(at + 4) === 32 ? digits(text, at, 4) : -1
  const clock = readClock(text, year < 0 ? at : at + 5)
  if (clock === undefined) return undefined
  const date = year < 0 ? latestDateMs(month, day, clock, context) : dateMs(year, month, day)
  return { end: clock.end, ns: nanoseconds(date, clock, context.utcOffsetMinutes) }
}

interface Clock {
  readonly end: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  /** Nanoseconds of the second. */
  readonly nanos: number
}

function readClock(text: string, from: number): Clock | undefined {
  const hour = digits(text, from, 2)
  const minute = digits(text, from + 3, 2)
  const second = digits(text, from + 6, 2)
  if (hour < 0 || minute < 0 || second < 0) return undefined
  if (text.charCodeAt(from + 2) !== 58 || text.charCodeAt(from + 5) !== 58) return undefined
  let end = from + 8
  let nanos = 0
  if (text.charCodeAt(end) === 46 || text.charCodeAt(end) === 44) {
    let scale = 100_000_000
    let value = digit(text, ++end)
    if (value < 0) return undefined
    for (; value >= 0; value = digit(text, ++end)) {
      nanos += value * scale
      scale = Math.floor(scale / 10)
    }
  }
  return { end, hour, minute, second, nanos }
}

function readZone(
  text: string,
  at: number,
): { readonly end: number; readonly minutes: number | undefined } | undefined {
  const sign = text.charCodeAt(at)
  if (sign === 90 || sign === 122) return { end: at + 1, minutes: 0 }
  if (sign !== 43 && sign !== 45) return { end: at, minutes: undefined }
  const hours = digits(text, at + 1, 2)
  const colon = text.charCodeAt(at + 3) === 58 ? 1 : 0
  const minutes = digits(text, at + 3 + colon, 2)
  if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59) return undefined
  const total = hours * 60 + minutes
  return { end: at + 5 + colon, minutes: sign === 45 ? -total : total }
}

/** Midnight UTC of a date, or NaN when it does not exist: `Date` rolls 30 February to 2 March, silently. */
export function dateMs(year: number, month: number, day: number): number {
  if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1) return Number.NaN
  return day > daysOf(year, month) ? Number.NaN : Date.UTC(year, month - 1, day)
}

function daysOf(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
}

function latestDateMs(month: number, day: number, clock: Clock, context: FormatContext): number {
  const shift = context.utcOffsetMinutes * 60_000 - timeOfDayMs(clock)
  const latest = context.batchTimeMs + DAY_MS + shift
  const newest = new Date(latest).getUTCFullYear()
  for (let year = newest; year >= newest - YEARS_BACK; year--) {
    const ms = dateMs(year, month, day)
    if (ms <= latest) return ms
  }
  return Number.NaN
}

/** The day that `midnightMs` was asked for last: logs ask for the same one many times. A pure function's memory. */
const lastMidnight = { key: -1, batchTimeMs: 0, offset: 0, ms: Number.NaN }

/**
 * Midnight UTC of a day without a year, milliseconds since the epoch, by the rule of `readMonthDay`; NaN when there is no such
 * day. `seconds` of that day decide where it is at the limit.
 */
export function midnightMs(month: number, day: number, seconds: number, context: FormatContext): number {
  const key = month * 32 + day
  const last = lastMidnight
  if (
    last.key === key &&
    last.batchTimeMs === context.batchTimeMs &&
    last.offset === context.utcOffsetMinutes
  )
    return last.ms
  const clock = { end: 0, hour: 0, minute: 0, second: seconds, nanos: 0 }
  const ms = latestDateMs(month, day, clock, context)
  // Only what holds for the whole day may be remembered.
  const first = latestDateMs(month, day, { ...clock, second: 0 }, context)
  if (first === latestDateMs(month, day, { ...clock, second: 86_399 }, context)) {
    last.key = key
    last.batchTimeMs = context.batchTimeMs
    last.offset = context.utcOffsetMinutes
    last.ms = first
  }
  return ms
}

function timeOfDayMs(clock: Clock): number {
  return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 1000
}

function nanoseconds(date: number, clock: Clock, offsetMinutes: number): bigint | undefined {
  if (clock.hour > 23 || clock.minute > 59 || clock.second > 59) return undefined
  const ms = date + timeOfDayMs(clock) - offsetMinutes * 60_000
  return Number.isSafeInteger(ms) ? BigInt(ms) * 1_000_000n + BigInt(clock.nanos) : undefined
}

/** Three letters packed into a number, so that a month is found without making a string. */
const MONTHS: ReadonlyMap<number, number> = new Map(
  ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].map((name, index) => [
    packed(name, 0),
    index + 1,
  ]),
)

function packed(text: string, at: number): number {
  return (text.charCodeAt(at) << 16) | (text.charCodeAt(at + 1) << 8) | text.charCodeAt(at + 2)
}

/** 1 to 12, or 0. */
export function monthAt(text: string, at: number): number {
  return MONTHS.get(packed(text, at)) ?? 0
}

/** The digit at `at`, or -1. */
export function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48
  return value >= 0 && value <= 9 ? value : -1
}

/** The number of exactly `count` digits at `at`, or -1. */
export function digits(text: string, at: number, count: number): number {
  let value = 0
  for (let i = 0; i < count; i++) {
    const next = digit(text, at + i)
    if (next < 0) return -1
    value = value * 10 + next
  }
  return value
}
