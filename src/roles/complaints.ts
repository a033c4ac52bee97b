import type { Clock } from '../ports/clock.ts'
import type { Log } from './log.ts'

const REPEAT_MS = 60_000
const KEPT_MAX = 1_000

/** Says what is wrong once, again every minute while it lasts, and once more when it is over. */
export class Complaints {
  readonly #log: Log
  readonly #clock: Clock
  readonly #open = new Map<string, { readonly message: string; saidMs: number }>()

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  raise(what: string, message: string, level: 'warn' | 'error' = 'error'): void {
    const known = this.#open.get(what)
    const nowMs = this.#clock.now()
    if (known !== undefined && nowMs - known.saidMs < REPEAT_MS) return
    if (known === undefined && this.#open.size >= KEPT_MAX) this.#open.delete(this.#open.keys().next().value!)
    this.#open.set(what, { message, saidMs: nowMs })
    this.#log[level]({ what }, message)
  }

  over(what: string): void {
    if (this.#open.delete(what)) this.#log.info({ what }, `${what}: it works again`)
  }

  current(): readonly { readonly what: string; readonly message: string }[] {
    return [...this.#open].map(([what, { message }]) => ({ what, message }))
  }
}
