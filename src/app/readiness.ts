import { isAbort } from '../core/errors.ts'
import type { Bus } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'

/** How often the brokers are asked whether they are there. */
const LOOK_MS = 5_000

/** Why this process is not ready: sentences of its parts, and whether the bus answers. */
export class Readiness implements AsyncDisposable {
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #parts: (() => readonly string[])[] = []
  readonly #stop = new AbortController()
  readonly #watching: Promise<void>
  #busTrouble: string | undefined

  constructor(bus: Bus, clock: Clock) {
    this.#bus = bus
    this.#clock = clock
    this.#watching = this.#watch()
  }

  /** `reasons`: why a part cannot do its work just now; none when it can. */
  add(reasons: () => readonly string[]): void {
    this.#parts.push(reasons)
  }

  /** Undefined when ready. */
  reason(): string | undefined {
    const reasons = new Set([
      ...(this.#busTrouble === undefined ? [] : [this.#busTrouble]),
      ...this.#parts.flatMap((part) => part()),
    ])
    return reasons.size === 0 ? undefined : [...reasons].join('; ')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#watching
  }

  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#bus.lag()
        this.#busTrouble = undefined
      } catch (error) {
        this.#busTrouble = (error as Error).message
      }
      try {
        await this.#clock.sleep(LOOK_MS, this.#stop.signal)
      } catch (error) {
        if (!isAbort(error)) throw error
      }
    }
  }
}
