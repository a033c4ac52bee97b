/**
 * Times as analysts type and read them. A bound is `now`, `now-15m` or ISO 8601; everything that is asked of the server is
 * absolute, so that all parts of one answer speak of the same range.
 */
export interface AbsoluteRange {
  readonly fromMs: number
  readonly toMs: number
}

export const QUICK_RANGES = [
  { from: 'now-5m', label: 'Last 5 minutes' },
  { from: 'now-15m', label: 'Last 15 minutes' },
  { from: 'now-1h', label: 'Last hour' },
  { from: 'now-4h', label: 'Last 4 hours' },
  { from: 'now-24h', label: 'Last 24 hours' },
  { from: 'now-7d', label: 'Last 7 days' },
  { from: 'now-30d', label: 'Last 30 days' },
  { from: 'now-1y', label: 'Last year' },
] as const

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000,
}

/** Milliseconds since the epoch, or undefined when it cannot be read. What has no zone of its own is read in `zone`. */
export function readTime(
  text: string,
  options: { readonly nowMs: number; readonly zone: string },
): number | undefined {
  const trimmed = text.trim()
  const relative = /^now(?:\s*([+-])\s*(\d{1,6})\s*([smhdwMy]))?$/u.exec(trimmed)
  if (relative !== null) {
    const [, sign, amount, unit] = relative
    return options.nowMs + (sign === '-' ? -1 : 1) * Number(amount ?? 0) * (UNIT_MS[unit ?? 's'] ?? 0)
  }
  if (/^\d{12,14}$/u.test(trimmed)) return Number(trimmed)
  return readAbsolute(trimmed, options)
}

function readAbsolute(
  text: string,
  options: { readonly nowMs: number; readonly zone: string },
): number | undefined {
  const match =
    /^(?:(\d{4}-\d{2}-\d{2})(?:[T ]+|$))?(?:(\d{1,2}:\d{2})(?::(\d{2})(\.\d{1,9})?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/u.exec(
      text,
    )
  if (match === null || (match[1] === undefined && match[2] === undefined)) return undefined
  const [, date, time, seconds, fraction, zone] = match
  const day = date ?? wallClock(options.nowMs, options.zone).slice(0, 10)
  const wall = `${day}T${(time ?? '00:00').padStart(5, '0')}:${seconds ?? '00'}${(fraction ?? '').slice(0, 4)}`
  const asUtc = Date.parse(`${wall}Z`)
  // 30 February is rolled over by some engines: what does not come back unchanged was not a date.
  if (Number.isNaN(asUtc) || !new Date(asUtc).toISOString().startsWith(day)) return undefined
  if (zone === undefined) return fromWallClock(asUtc, options.zone)
  if (zone === 'Z' || zone === 'UTC') return asUtc
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return asUtc - (zone.startsWith('-') ? -1 : 1) * minutes * 60_000
}

export function readRange(
  view: { readonly from: string; readonly to: string; readonly zone: string },
  nowMs: number,
): AbsoluteRange | undefined {
  const fromMs = readTime(view.from, { nowMs, zone: view.zone })
  const toMs = readTime(view.to, { nowMs, zone: view.zone })
  return fromMs === undefined || toMs === undefined || fromMs >= toMs ? undefined : { fromMs, toMs }
}

export function isRelative(bound: string): boolean {
  return bound.trim().startsWith('now')
}

export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** `2026-11-24 09:03:11.123` in `zone`. */
export function showTime(ms: number, zone: string): string {
  return wallClock(ms, zone).replace('T', ' ')
}

/** A document's `@timestamp` in `zone`, with as many digits as it came with (nanoseconds matter for order). */
export function showStamp(stamp: string, zone: string, digitsMin = 3): string {
  const ms = Date.parse(stamp)
  if (Number.isNaN(ms)) return stamp
  const fraction = /\.(\d+)/u.exec(stamp)?.[1] ?? ''
  return `${wallClock(ms, zone).slice(0, 19).replace('T', ' ')}.${fraction.padEnd(digitsMin, '0')}`
}

/** `2 h`, `4 s`: the largest unit only. */
export function showDuration(ms: number): string {
  const steps = [
    [31_536_000_000, 'y'],
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ] as const
  for (const [unitMs, unit] of steps) if (ms >= unitMs) return `${Math.round(ms / unitMs)} ${unit}`
  return `${Math.max(0, Math.round(ms))} ms`
}

/** What the range button says. */
export function showRange(view: {
  readonly from: string
  readonly to: string
  readonly zone: string
}): string {
  const quick = view.to === 'now' ? QUICK_RANGES.find((range) => range.from === view.from) : undefined
  if (quick !== undefined) return quick.label
  const [from, to] = [showBound(view.from, view.zone), showBound(view.to, view.zone)]
  const sameDay = from.length >= 16 && from.slice(0, 11) === to.slice(0, 11)
  return `${from} → ${sameDay ? to.slice(11) : to}`
}

function showBound(bound: string, zone: string): string {
  if (isRelative(bound)) return bound
  const ms = readTime(bound, { nowMs: 0, zone })
  return ms === undefined ? bound : showTime(ms, zone).replace(/(?::00)?\.000$/u, '')
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** ISO without a zone, milliseconds included: what a clock on the wall in `zone` shows. */
export function wallClock(ms: number, zone: string): string {
  if (Number.isNaN(ms) || Math.abs(ms) > 8.64e15) return 'invalid time'
  const utc = new Date(ms).toISOString()
  if (zone === 'UTC') return utc.slice(0, -1)
  let format = formats.get(zone)
  if (format === undefined) formats.set(zone, (format = newFormat(zone)))
  const parts = new Map(format.formatToParts(ms).map((part) => [part.type, part.value]))
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? ''
  return `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}T${part('hour')}:${part('minute')}:${part('second')}${utc.slice(-5, -1)}`
}

export function isZone(zone: string): boolean {
  try {
    newFormat(zone)
    return true
  } catch {
    return false
  }
}

function newFormat(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
}

/** The instant at which the wall clock of `zone` shows what UTC shows at `wallMs`. Two rounds settle a change of the offset. */
function fromWallClock(wallMs: number, zone: string): number {
  let ms = wallMs
  for (let round = 0; round < 2; round++) ms += wallMs - Date.parse(`${wallClock(ms, zone)}Z`)
  return ms
}
