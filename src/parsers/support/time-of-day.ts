import type { FormatContext } from '../../ports/format.ts'
import { digit, readIso, type Stamp } from './time.ts'

const DAY_MS = 86_400_000
const AHEAD_MS = 3_600_000

/**
 * Reads `HH:MM:SS[.fraction]` at the start of `text`: the latest moment of that name which is not more than an hour after the
 * batch, in the zone of the context.
 */
export function readTimeOfDay(text: string, context: FormatContext): Stamp | undefined {
  if (text.charCodeAt(2) !== 58 || text.charCodeAt(5) !== 58 || digit(text, 0) < 0) return undefined
  const { batchTimeMs, utcOffsetMinutes } = context
  let end = 8
  while (text.charCodeAt(end) === 46 || digit(text, end) >= 0) if (++end > 20) break
  const local = batchTimeMs + utcOffsetMinutes * 60_000
  if (!Number.isFinite(local) || Math.abs(local) > 8e15) return { end, ns: undefined }
  const today = readIso(`${isoDay(local)}T${text.slice(0, end)}`, 0, utcOffsetMinutes)
  if (today === undefined || today.end !== end + 11) return undefined
  if (today.ns === undefined) return { end, ns: undefined }
  const ms = Number(today.ns / 1_000_000n)
  const days = Math.floor((batchTimeMs + AHEAD_MS - ms) / DAY_MS)
  return { end, ns: today.ns + BigInt(days * DAY_MS) * 1_000_000n }
}

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
