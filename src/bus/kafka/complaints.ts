import type { KafkaBusOptions } from './options.ts'

const REPEAT_MS = 60_000

/** Says what goes wrong once, again each minute while it lasts, and once that it is over. */
export class Complaints {
  readonly #options: Pick<KafkaBusOptions, 'log' | 'clock' | 'onTrouble'>
  readonly #open = new Map<string, { saidMs: number; count: number }>()

  constructor(options: Pick<KafkaBusOptions, 'log' | 'clock' | 'onTrouble'>) {
    this.#options = options
  }

  raise(subject: string, message: string): void {
    this.#options.onTrouble?.(subject, message)
    const now = this.#options.clock.now()
    const known = this.#open.get(subject)
    if (known === undefined) this.#open.set(subject, { saidMs: now, count: 1 })
    else {
      known.count++
      if (now - known.saidMs < REPEAT_MS) return
      known.saidMs = now
    }
    this.#options.log.warn({ subject, count: known?.count ?? 1 }, message)
  }

  over(subject: string): void {
    if (this.#open.size === 0 || !this.#open.delete(subject)) return
    this.#options.onTrouble?.(subject, undefined)
    this.#options.log.info({ subject }, 'it works again')
  }
}
