import type { Draft } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'

/** A time stamp that was found: where it ends, and when it was. `ns` undefined: written like one, but no such moment exists. */
export interface Stamp {
  readonly end: number
  readonly ns: bigint | undefined
}

/** A stamp whose time can be had without making a bigint of it. */
export interface Moment extends Stamp {
  /** Whole seconds since the epoch, UTC; NaN where no such moment exists. */
  readonly seconds: number
  /** Nanoseconds of the second. */
  readonly nanos: number
}

/** A class for the sake of `ns`, which most readers do not ask for: it costs as much as reading the stamp. */
class ReadStamp implements Moment {
  readonly end: number
  readonly seconds: number
  readonly nanos: number

  constructor(end: number, seconds: number, nanos: number) {
    this.end = end
    this.seconds = seconds
    this.nanos = nanos
  }

  get ns(): bigint | undefined {
    return Number.isNaN(this.seconds) ? undefined : BigInt(this.seconds) * 1_000_000_000n + BigInt(this.nanos)
  }
}

/** Gives the draft the time that was read; says so where it is no moment. */
export function putMoment(draft: Draft, { seconds, nanos }: Moment): void {
  if (!Number.isNaN(seconds)) putTime(draft, seconds, nanos)
  else {
    draft.timeNs = undefined
    if (!draft.quality.includes('time-invalid')) draft.quality.push('time-invalid')
  }
}

/** Gives the draft its time: whole seconds since the epoch, UTC, and nanoseconds of the second. */
export function putTime(draft: Draft, seconds: number, nanos: number): void {
  if (draft.setTime !== undefined) draft.setTime(seconds, nanos)
  else draft.timeNs = BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
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
export function readIso(text: string, from: number, utcOffsetMinutes: number): Moment | undefined {
  if (text.charCodeAt(from + 4) !== 45 || text.charCodeAt(from + 7) !== 45) return undefined
  const century = twoDigits(text, from)
  const year = twoDigits(text, from + 2)
  const month = twoDigits(text, from + 5)
  const day = twoDigits(text, from + 8)
  const separator = text.charCodeAt(from + 10)
  if ((century | year | month | day) < 0 || (separator !== 84 && separator !== 116 && separator !== 32))
    return undefined
  if (!readClock(text, from + 11)) return undefined
  const end = readZone(text, clock.end, utcOffsetMinutes)
  if (end < 0) return undefined
  return momentOf(end, dateMs(century * 100 + year, month, day), zoneMinutes)
}

/**
 * Reads the year-less stamp of RFC 3164 at `from`: `Nov 24 08:00:00[.123]`, day with or without padding. A year after the
 * day, as some devices write it, is taken. Otherwise it is the latest year in which the moment is not more than a day after
 * the batch: so 31 December in a batch of January is last year's, and a clock that runs ahead stays in its year.
 */
export function readMonthDay(text: string, from: number, context: FormatContext): Moment | undefined {
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
  if (!readClock(text, year < 0 ? at : at + 5)) return undefined
  const seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
  const date = year < 0 ? midnightMs(month, day, seconds, context) : dateMs(year, month, day)
  return momentOf(clock.end, date, context.utcOffsetMinutes)
}

/** What `readClock` has read last; used at once, so that no object is made a stamp. */
const clock = { end: 0, hour: 0, minute: 0, second: 0, nanos: 0 }

function readClock(text: string, from: number): boolean {
  const hour = twoDigits(text, from)
  const minute = twoDigits(text, from + 3)
  const second = twoDigits(text, from + 6)
  if ((hour | minute | second) < 0) return false
  if (text.charCodeAt(from + 2) !== 58 || text.charCodeAt(from + 5) !== 58) return false
  let end = from + 8
  let nanos = 0
  if (text.charCodeAt(end) === 46 || text.charCodeAt(end) === 44) {
    let scale = 100_000_000
    let value = digit(text, ++end)
    if (value < 0) return false
    for (; value >= 0; value = digit(text, ++end)) {
      nanos += value * scale
      scale = Math.floor(scale / 10)
    }
  }
  clock.end = end
  clock.hour = hour
  clock.minute = minute
  clock.second = second
  clock.nanos = nanos
  return true
}

/** Minutes east of UTC that `readZone` has read last. */
let zoneMinutes = 0

/** Returns where the zone ends, or -1 where it is none that there can be. */
function readZone(text: string, at: number, utcOffsetMinutes: number): number {
  const sign = text.charCodeAt(at)
  zoneMinutes = 0
  if (sign === 90 || sign === 122) return at + 1
  if (sign !== 43 && sign !== 45) {
    zoneMinutes = utcOffsetMinutes
    return at
  }
  const hours = twoDigits(text, at + 1)
  const colon = text.charCodeAt(at + 3) === 58 ? 1 : 0
  const minutes = twoDigits(text, at + 3 + colon)
  if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59) return -1
  const total = hours * 60 + minutes
  zoneMinutes = sign === 45 ? -total : total
  return at + 5 + colon
}

/** The clock that was read, on a date. */
function momentOf(end: number, date: number, offsetMinutes: number): Moment {
  const { hour, minute, second, nanos } = clock
  const exists = hour < 24 && minute < 60 && second < 60
  const seconds = date / 1000 + (hour * 60 + minute) * 60 + second - offsetMinutes * 60
  return new ReadStamp(end, exists ? seconds : Number.NaN, nanos)
}

/** The date that was asked for last: logs ask for the same one many times. A pure function's memory. */
const lastDate = { key: -1, ms: 0 }

/** Midnight UTC of a date, or NaN when it does not exist: `Date` rolls 30 February to 2 March, silently. */
export function dateMs(year: number, month: number, day: number): number {
  if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1) return Number.NaN
  if (day > daysOf(year, month)) return Number.NaN
  const key = (year * 12 + month) * 32 + day
  if (key !== lastDate.key) {
    lastDate.key = key
    lastDate.ms = Date.UTC(year, month - 1, day)
  }
  return lastDate.ms
}

function daysOf(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
}

/** `seconds` of the day. */
function latestDateMs(month: number, day: number, seconds: number, context: FormatContext): number {
  const shift = context.utcOffsetMinutes * 60_000 - seconds * 1000
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
  const ms = latestDateMs(month, day, seconds, context)
  // Only what holds for the whole day may be remembered.
  const first = latestDateMs(month, day, 0, context)
  if (first === latestDateMs(month, day, 86_399, context)) {
    last.key = key
    last.batchTimeMs = context.batchTimeMs
    last.offset = context.utcOffsetMinutes
    last.ms = first
  }
  return ms
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

/** The number of two digits at `at`, or -1. */
function twoDigits(text: string, at: number): number {
  const high = text.charCodeAt(at) - 48
  const low = text.charCodeAt(at + 1) - 48
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : -1
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
