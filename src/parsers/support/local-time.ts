import type { Draft } from '../../core/document.ts'

const QUARTER_MICROS = 900_000_000
/** Zones lie within 14 hours of UTC on either side; two of them, the one that was taken and the true one, twice that apart. */
const QUARTERS_MAX = 2 * 14 * 4

/**
 * A time that was written without its zone, told by the time of what it came in (a line of syslog, an entry of the journal), which
 * is known and differs by what a pipe needs: so the zone is moved by whole quarters of an hour until both agree. Without such a
 * time, or where no zone explains the difference, it stays as it is. Microseconds since the epoch.
 */
export function inZoneOf(draft: Draft, micros: number): number {
  const outer = draft.timeNs
  if (outer === undefined || Number.isNaN(micros)) return micros
  const quarters = Math.round((Number(outer) / 1000 - micros) / QUARTER_MICROS)
  return quarters !== 0 && Math.abs(quarters) <= QUARTERS_MAX ? micros + quarters * QUARTER_MICROS : micros
}
