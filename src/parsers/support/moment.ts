import type { Json } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { readIso } from './time.ts'

/** Below are seconds, milliseconds, microseconds, nanoseconds since the epoch, each from 1973 to 5138. */
const SECONDS_END = 1e11
const MILLIS_END = 1e14
const MICROS_END = 1e17

/**
 * A moment as loggers write it: RFC 3339, `2026-11-24 08:00:00,123` (in the context's zone), or a number of seconds, milli-, micro-
 * or nanoseconds since the epoch, also as text. Undefined for what is none.
 */
export function readMoment(value: Json, context: FormatContext): bigint | undefined {
  if (typeof value === 'number') return fromNumber(value)
  if (typeof value !== 'string') return undefined
  const code = value.charCodeAt(4)
  if (code === 45) {
    const stamp = readIso(value, 0, context.utcOffsetMinutes)
    // Some write the zone's name or ` +0000` behind it: the moment alone is taken where nothing but a space and UTC follows.
    const rest = stamp === undefined ? '' : value.slice(stamp.end)
    return stamp !== undefined && (rest === '' || rest === ' UTC' || rest === ' Z') ? stamp.ns : undefined
  }
  return fromDecimal(value)
}

/** `1795549082.123456789`: its digits, for a double holds fewer. */
function fromDecimal(text: string): bigint | undefined {
  const match = /^(\d{9,19})(?:\.(\d{1,9})\d{0,9})?$/.exec(text)
  if (match === null) return undefined
  if (match[2] === undefined || match[1]!.length > 11) return fromNumber(Number(match[1]))
  return BigInt(match[1]!) * 1_000_000_000n + BigInt(match[2].padEnd(9, '0'))
}

function fromNumber(value: number): bigint | undefined {
  if (!Number.isFinite(value) || value < 1e8) return undefined
  if (value < SECONDS_END) return millisWithFraction(value * 1000)
  if (value < MILLIS_END) return millisWithFraction(value)
  if (value < MICROS_END) return BigInt(Math.round(value)) * 1000n
  return value < 9.2e18 ? BigInt(value) : undefined
}

/** A double of today's seconds holds microseconds, not more. */
function millisWithFraction(millis: number): bigint {
  const whole = Math.floor(millis)
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((millis - whole) * 1000)) * 1000n
}
