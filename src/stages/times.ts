/** The second that was formatted last: its day changes rarely. */
let cachedDay = -1
let cachedDayText = ''

/** RFC 3339 in UTC with `digits` digits of the fraction, none when 0. */
export function formatTime(seconds: number, nanos: number, digits: number): string {
  const day = Math.floor(seconds / 86_400)
  if (day !== cachedDay) {
    cachedDay = day
    cachedDayText = new Date(day * 86_400_000).toISOString().slice(0, 11)
  }
  const rest = seconds - day * 86_400
  const clock = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`
  const fraction = digits === 0 ? '' : `.${String(nanos).padStart(9, '0').slice(0, digits)}`
  return `${cachedDayText}${clock}${fraction}Z`
}

/** `2026-11-24T08:00:00.` of the second that was written last: most records of a batch share it. */
let writtenSecond = -1
const writtenText = Buffer.alloc(20)

/** The same into bytes. Returns where it ends: at most 30 bytes on. */
export function putClock(
  { seconds, nanos, digits }: { readonly seconds: number; readonly nanos: number; readonly digits: number },
  out: Buffer,
  start: number,
): number {
  if (seconds !== writtenSecond) {
    writtenText.write(`${formatTime(seconds, 0, 0).slice(0, 19)}.`, 'latin1')
    writtenSecond = seconds
  }
  out.set(writtenText, start)
  const fraction = start + writtenText.length
  const end = digits === 0 ? fraction - 1 : fraction + digits
  let rest = digits === 9 ? nanos : Math.floor(nanos / POWERS[9 - digits]!)
  for (let at = end - 1; at >= fraction; at--) {
    const next = Math.floor(rest / 10)
    out[at] = 48 + rest - next * 10
    rest = next
  }
  out[end] = LETTER_Z
  return end + 1
}

const POWERS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
const LETTER_Z = 0x5a

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

/** Digits that a time needs: as many as milliseconds, microseconds or nanoseconds have. */
export function digitsOf(nanos: number): number {
  if (nanos % 1_000_000 === 0) return 3
  return nanos % 1000 === 0 ? 6 : 9
}

/** A record whose time is later than this after its batch is from the future. */
export const FUTURE_SECONDS = 86_400
