import type { Json } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { ipOf } from './endpoint.ts'
import { readMoment } from './moment.ts'
import { readIso, readMonthDay } from './time.ts'

/** What a value of CEF or LEEF is by their definitions. */
export type DeviceKind = 'text' | 'integer' | 'number' | 'ip' | 'mac' | 'time'

/** The value as that kind, or undefined where it is none. A time is a moment; `momentText` writes it. */
export function deviceValue(
  kind: DeviceKind,
  text: string,
  context: FormatContext,
): Json | bigint | undefined {
  switch (kind) {
    case 'text':
      return text
    case 'integer':
      return integerOf(text)
    case 'number': {
      const value = text === '' ? Number.NaN : Number(text)
      return Number.isFinite(value) ? value : undefined
    }
    case 'ip':
      return ipOf(text)
    case 'mac':
      return macOf(text)
    case 'time':
      return deviceMoment(text, context)
  }
}

export function momentText(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString()
}

function integerOf(text: string): number | undefined {
  if (!/^[+-]?(?:\d{1,16}|0[xX][0-9a-fA-F]{1,13})$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

/** Six bytes in hexadecimal, separated by colons, dashes or dots: lower case with colons. */
function macOf(text: string): string | undefined {
  if (text.length < 12 || text.length > 17) return undefined
  const digits = text.replace(/[:.-]/g, '').toLowerCase()
  if (!/^[0-9a-f]{12}$/.test(digits)) return undefined
  return digits.replace(/(..)(?=.)/g, '$1:')
}

/** Milliseconds since the epoch, RFC 3339, or `MMM dd[ yyyy] HH:mm:ss[.SSS][ zone]`; of zones UTC is known, others are the context's. */
export function deviceMoment(text: string, context: FormatContext): bigint | undefined {
  if (/^\d{12,14}$/.test(text)) return BigInt(text) * 1_000_000n
  const moment = readMoment(text, context)
  if (moment !== undefined) return moment
  const stamp = readMonthDay(text, 0, context)
  if (stamp === undefined) return undefined
  const zone = text.slice(stamp.end).trim()
  if (!/^[A-Za-z/_+:0-9-]{0,40}$/.test(zone)) return undefined
  const isUtc = zone === 'UTC' || zone === 'GMT' || zone === 'Z'
  return isUtc ? readMonthDay(text, 0, { ...context, utcOffsetMinutes: 0 })?.ns : stamp.ns
}

/** The time of a syslog header that stands before the event in the same record: `[<PRI>[VERSION ]]TIME …`. */
export function headerMoment(text: string, context: FormatContext): bigint | undefined {
  const close = text.charCodeAt(0) === 60 ? text.indexOf('>') : -1
  const from = close > 0 && close <= 4 ? close + 1 : 0
  const at = text.startsWith('1 ', from) ? from + 2 : from
  return (readMonthDay(text, at, context) ?? readIso(text, at, context.utcOffsetMinutes))?.ns
}
