/**
 * A stretch of time as a person writes it: `2026-11-24` is the whole day, `2026-11-24T10:00` the minute, `now` one
 * nanosecond. Nanoseconds since the epoch, from included, to excluded.
 */
export interface Instant {
  readonly fromNs: bigint
  readonly toNs: bigint
}

/** i64 nanoseconds end in 2262; what lies outside these years is refused. */
const YEAR_MIN = 1900
const YEAR_MAX = 2261

const ISO =
  /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2})(?::(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?$/i
const RELATIVE = /^now((?:[+-]\d{1,9}[smhdwMy])*)(?:\/([smhdwMy]))?$/

/**
 * Reads ISO 8601 (parts may be left out from the right; without a zone UTC), milliseconds since the epoch (five digits or
 * more), and `now-15m/d`. Undefined when it is none of these, or not a date that exists (30 February).
 */
export function parseInstant(text: string, nowMs: number): Instant | undefined {
  if (/^\d{5,15}$/.test(text)) return spanOf(BigInt(text) * 1_000_000n, 1_000_000n)
  return text.startsWith('now') ? parseRelative(text, nowMs) : parseIso(text)
}

/** Reads `from/to`, an interval of ISO 8601: from the beginning of one instant to the beginning of the other. */
export function parseInterval(text: string, nowMs: number): Instant | undefined {
  for (let slash = text.indexOf('/'); slash >= 0; slash = text.indexOf('/', slash + 1)) {
    const from = parseInstant(text.slice(0, slash), nowMs)
    const to = parseInstant(text.slice(slash + 1), nowMs)
    if (from !== undefined && to !== undefined) return { fromNs: from.fromNs, toNs: to.fromNs }
  }
  return undefined
}

/** Nanoseconds since the epoch of an exact ISO 8601 time stamp, as documents hold it; undefined when it is none. */
export function parseIsoNs(text: string): bigint | undefined {
  return parseIso(text)?.fromNs
}

/** ISO 8601 in UTC with 3 digits, or 9 where milliseconds do not hold it. */
export function formatIso(ns: bigint): string {
  const text = new Date(Number(ns / 1_000_000n - (ns % 1_000_000n < 0n ? 1n : 0n))).toISOString()
  const rest = ((ns % 1_000_000n) + 1_000_000n) % 1_000_000n
  return rest === 0n ? text : `${text.slice(0, -1)}${String(rest).padStart(6, '0')}Z`
}

function parseIso(text: string): Instant | undefined {
  const match = ISO.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, fraction, zone] = match
  const given = [year, month, day, hour, minute, second].filter((part) => part !== undefined).map(Number)
  const fromMs = utcMs(given)
  if (fromMs === undefined) return undefined
  const offsetMs = zoneMs(zone)
  if (offsetMs === undefined) return undefined
  const shift = (ms: number): bigint => BigInt(ms - offsetMs) * 1_000_000n
  if (fraction !== undefined) {
    return spanOf(shift(fromMs) + BigInt(fraction.padEnd(9, '0')), 10n ** BigInt(9 - fraction.length))
  }
  const next = given.with(-1, given.at(-1)! + 1)
  return { fromNs: shift(fromMs), toNs: shift(rolledMs(next)) }
}

/** Milliseconds of a date that exists, or undefined: `Date` rolls 30 February to 2 March, silently. */
function utcMs(parts: readonly number[]): number | undefined {
  const [year, month = 1, , hour = 0, minute = 0, second = 0] = parts
  if (year === undefined || year < YEAR_MIN || year > YEAR_MAX) return undefined
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const ms = rolledMs(parts)
  return new Date(ms).getUTCMonth() === month - 1 ? ms : undefined
}

function rolledMs(parts: readonly number[]): number {
  const [year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function zoneMs(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z' || zone === 'z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)) * (zone.length > 3 ? 1 : 0)
  if (minutes > 18 * 60) return undefined
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}

function parseRelative(text: string, nowMs: number): Instant | undefined {
  const match = RELATIVE.exec(text)
  if (!match) return undefined
  let date = new Date(nowMs)
  for (const [, sign, count, unit] of match[1]!.matchAll(/([+-])(\d+)([smhdwMy])/g)) {
    date = moved(date, Number(count) * (sign === '-' ? -1 : 1), unit!)
  }
  if (!inRange(date)) return undefined
  const unit = match[2]
  if (unit === undefined) return spanOf(BigInt(date.getTime()) * 1_000_000n, 1n)
  const start = floored(date, unit)
  return {
    fromNs: BigInt(start.getTime()) * 1_000_000n,
    toNs: BigInt(moved(start, 1, unit).getTime()) * 1_000_000n,
  }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** Months and years end on the last day where the day does not exist: 31 March less a month is 28 February. */
function moved(date: Date, count: number, unit: string): Date {
  const unitMs = UNIT_MS[unit]
  if (unitMs !== undefined) return new Date(date.getTime() + count * unitMs)
  const months = unit === 'y' ? count * 12 : count
  const target = new Date(date)
  target.setUTCDate(1)
  target.setUTCMonth(target.getUTCMonth() + months)
  const lastDay = new Date(Date.UTC(target.getUTCFullYear(), target.getUTCMonth() + 1, 0)).getUTCDate()
  target.setUTCDate(Math.min(date.getUTCDate(), lastDay))
  return target
}

/** Weeks begin on Monday. */
function floored(date: Date, unit: string): Date {
  if (unit === 'y') return new Date(Date.UTC(date.getUTCFullYear(), 0))
  if (unit === 'M') return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth()))
  if (unit === 'w') {
    const day = floored(date, 'd')
    return moved(day, -((day.getUTCDay() + 6) % 7), 'd')
  }
  const unitMs = UNIT_MS[unit]!
  return new Date(Math.floor(date.getTime() / unitMs) * unitMs)
}

function inRange(date: Date): boolean {
  const year = date.getUTCFullYear()
  return year >= YEAR_MIN && year <= YEAR_MAX
}

function spanOf(fromNs: bigint, lengthNs: bigint): Instant | undefined {
  const last = BigInt(Date.UTC(YEAR_MAX + 1, 0)) * 1_000_000n
  return fromNs < last ? { fromNs, toNs: fromNs + lengthNs } : undefined
}
