import type { FormatContext } from '../../ports/format.ts'
import { digit, type Moment, readMonthDay } from './time.ts'

/**
 * What Cisco's devices send after `<PRI>` (IOS "System Message Logging", ASA "Syslog Messages", NX-OS):
 *
 *     header  = [ sequence ":" SP ] [ host ":" SP ] [ ":" ] [ mark ] [ year SP ] time [ SP zone ] [ SP host SP ] ":" SP message
 *     mark    = "*" | "."            the clock was never set, or has lost its source
 *     time    = Mon day [ year ] HH:MM:SS [ .fraction ]
 *     message = "%" FACILITY "-" [ … "-" ] SEVERITY "-" MNEMONIC ":" SP text
 */
export interface CiscoHeader {
  readonly sequence: number | undefined
  readonly host: string | undefined
  readonly moment: Moment | undefined
  /** `CONFIG_I`, `302013`. */
  readonly code: string
  /** Where the message begins: at its percent sign. */
  readonly end: number
}

const PERCENT = 37
const COLON = 58
const SPACE = 32
/** The message's percent sign lies within so many characters. */
const HEADER_MAX = 128
const CODE_MAX = 64

/** `from` is what follows `<PRI>`. Undefined: it is no such message. */
export function readCisco(text: string, from: number, context: FormatContext): CiscoHeader | undefined {
  const end = percentAt(text, from)
  const code = end < 0 ? undefined : codeAt(text, end)
  if (code === undefined) return undefined
  let at = from
  let sequence: number | undefined
  let host: string | undefined
  // What stands before the time: numbers and names, each with its colon.
  for (let colon = text.indexOf(': ', at); colon >= 0 && colon < end; colon = text.indexOf(': ', at)) {
    const word = text.slice(at, colon)
    if (word.includes(' ')) break
    if (/^\d{1,15}$/.test(word)) sequence = Number(word)
    else if (word !== '') host = word
    at = colon + 2
  }
  const moment = readTime(text, at, end, context)
  if (moment !== undefined) {
    // `… 08:00:00 UTC fw1 : %ASA`: behind the time and its zone. What has more there is another's header.
    const rest = text.slice(moment.end, end).replace(/:? ?$/, '').trim().split(' ')
    if (rest.length > 2 || (rest.length === 2 && !isZone(rest[0]!))) return undefined
    const last = rest.at(-1)!
    if (last !== '' && (rest.length === 2 || !isZone(last))) host ??= last
  }
  return { sequence, host, moment, code, end }
}

function readTime(text: string, from: number, end: number, context: FormatContext): Moment | undefined {
  let at = from
  while (at < end && (text.charCodeAt(at) === COLON || text[at] === '*' || text[at] === '.')) at++
  // NX-OS has the year first: its time is read as if it stood behind the day, as ASA has it.
  const year = /^\d{4} (?=[A-Z][a-z]{2} )/.exec(text.slice(at, at + 9))
  const utc = isUtc(text, at, end) ? { ...context, utcOffsetMinutes: 0 } : context
  if (year === null) return readMonthDay(text, at, utc)
  const day = /^([A-Z][a-z]{2} +\d{1,2}) /.exec(text.slice(at + 5, at + 13))
  if (day === null) return undefined
  const moment = readMonthDay(`${day[1]} ${year[0]}${text.slice(at + 5 + day[0].length, end)}`, 0, utc)
  return moment === undefined ? undefined : { ...fields(moment), end: moment.end + at }
}

function fields({ seconds, nanos, ns }: Moment): Omit<Moment, 'end'> {
  return { seconds, nanos, ns }
}

function isUtc(text: string, from: number, end: number): boolean {
  return / (?:UTC|GMT|Z)\b/.test(text.slice(from, end))
}

/** `CET`, `UTC`, `EST5EDT`: a name that is written as zones are. */
function isZone(word: string): boolean {
  return /^[A-Z]{1,5}$/.test(word)
}

/** Behind nothing, or behind a colon and a space: `: %SYS`. */
function percentAt(text: string, from: number): number {
  if (text.charCodeAt(from) === PERCENT) return from
  const limit = Math.min(text.length, from + HEADER_MAX)
  for (let at = from + 2; at < limit; at++) {
    if (text.charCodeAt(at) !== PERCENT) continue
    return text.charCodeAt(at - 1) === SPACE && text.charCodeAt(at - 2) === COLON ? at : -1
  }
  return -1
}

/** The last part before the colon, where the one before it is a severity: `%SYS-5-CONFIG_I:`, `%ASA-session-6-302013:`. */
function codeAt(text: string, percent: number): string | undefined {
  const colon = text.indexOf(':', percent)
  if (colon < 0 || colon - percent > CODE_MAX) return undefined
  const parts = text.slice(percent + 1, colon).split('-')
  const severity = parts.at(-2) ?? ''
  const isSeverity = severity.length === 1 && digit(severity, 0) >= 0 && digit(severity, 0) <= 7
  const isWhole = parts.every((part) => /^[A-Za-z0-9_]+$/.test(part))
  return parts.length >= 3 && isSeverity && isWhole ? parts.at(-1) : undefined
}
