import { dateMs, digit, digits, monthAt } from './time.ts'

/** `25/Oct/2016:14:49:33 +0200`, as Apache's %t and nginx's $time_local: this many characters. */
export const HTTP_DATE_LENGTH = 26

/** The day that was read last: an access log has the same one many times. A pure function's memory. */
const last = { day: -1, month: -1, year: -1, ms: Number.NaN }

/** Milliseconds since the epoch; NaN when it is written like one, but no such moment exists; undefined when it is none. */
export function readHttpDate(text: string, at: number): number | undefined {
  const day = digits(text, at, 2)
  const month = monthAt(text, at + 3)
  const year = digits(text, at + 7, 4)
  const hour = digits(text, at + 12, 2)
  const minute = digits(text, at + 15, 2)
  const second = digits(text, at + 18, 2)
  const sign = text.charCodeAt(at + 21)
  const zone = digits(text, at + 22, 4)
  if (day < 0 || month === 0 || year < 0 || hour < 0 || minute < 0 || second < 0 || zone < 0) return undefined
  if (text.charCodeAt(at + 2) !== 47 || text.charCodeAt(at + 6) !== 47 || (sign !== 43 && sign !== 45))
    return undefined
  if (hour > 23 || minute > 59 || second > 59 || zone % 100 > 59 || zone > 1800) return Number.NaN
  if (last.day !== day || last.month !== month || last.year !== year) {
    Object.assign(last, { day, month, year, ms: dateMs(year, month, day) })
  }
  const offset = (Math.floor(zone / 100) * 60 + (zone % 100)) * (sign === 45 ? -1 : 1)
  return last.ms + ((hour * 60 + minute - offset) * 60 + second) * 1000
}

/** `2016/10/25 14:49:34`, as nginx's error log has it: local time. Undefined when it is none. */
export function readSlashDate(text: string, at: number, utcOffsetMinutes: number): number | undefined {
  const year = digits(text, at, 4)
  const month = digits(text, at + 5, 2)
  const day = digits(text, at + 8, 2)
  const hour = digits(text, at + 11, 2)
  const minute = digits(text, at + 14, 2)
  const second = digits(text, at + 17, 2)
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0) return undefined
  if (text.charCodeAt(at + 4) !== 47 || text.charCodeAt(at + 7) !== 47 || digit(text, at + 19) >= 0)
    return undefined
  if (text.charCodeAt(at + 10) !== 32 || text.charCodeAt(at + 13) !== 58) return undefined
  if (hour > 23 || minute > 59 || second > 59) return Number.NaN
  return dateMs(year, month, day) + ((hour * 60 + minute - utcOffsetMinutes) * 60 + second) * 1000
}
