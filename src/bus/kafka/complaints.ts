import type { Clock } from '../../ports/clock.ts'
import type { BusLog } from './options.ts'

const REPEAT_MS = 60_000

/** Says what goes wrong once, again each minute while it lasts, and once that it is over. */
export class Complaints {
  readonly #log: BusLog
  readonly #clock: Clock
  readonly #open = new Map<string, { saidMs: number; count: number }>()

  constructor(log: BusLog, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  raise(subject: string, message: string): void {
    const now = this.#clock.now()
    const known = this.#open.get(subject)
    if (known === undefined) this.#open.set(subject, { saidMs: now, count: 1 })
    else {
      known.count++
      if (now - known.saidMs < REPEAT_MS) return
      known.saidMs = now
    }
    this.#log.warn({ subject, count: known?.count ?? 1 }, message)
  }

  over(subject: string): void {
    if (this.#open.size > 0 && this.#open.delete(subject)) this.#log.info({ subject }, 'it works again')
  }
}
