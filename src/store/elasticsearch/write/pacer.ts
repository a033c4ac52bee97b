/**
 * How many requests may be in flight: one more for each round that was answered as fast as before, half as many when the
 * cluster refuses, fails, or takes three times as long for a byte as it did at its best.
 */
export class Pacer {
  readonly #max: number
  #limit: number
  /** Milliseconds for a MiB, at its best lately. */
  #best = Number.POSITIVE_INFINITY
  #loweredAtMs = Number.NEGATIVE_INFINITY

  constructor(options: { readonly start: number; readonly max: number }) {
    this.#max = options.max
    this.#limit = Math.min(options.start, options.max)
  }

  get limit(): number {
    return Math.floor(this.#limit)
  }

  answered({ bytes, tookMs, nowMs }: { bytes: number; tookMs: number; nowMs: number }): void {
    // Small bodies say nothing about load: what they cost is the way there and back.
    if (bytes < SMALL_BYTES) return
    const cost = (tookMs / bytes) * 1024 * 1024
    const isSlow = cost > this.#best * SLOW_FACTOR
    // What was best fades, so that a cluster that has become slower for good is not punished for ever.
    this.#best = Math.min(cost, this.#best * FADE)
    if (isSlow) this.#lower(nowMs)
    else this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit)
  }

  refused(nowMs: number): void {
    this.#lower(nowMs)
  }

  /** At most once a second: the answers of one overload come together. */
  #lower(nowMs: number): void {
    if (nowMs - this.#loweredAtMs < 1000) return
    this.#loweredAtMs = nowMs
    this.#limit = Math.max(1, this.#limit / 2)
  }
}

const SMALL_BYTES = 256 * 1024
const SLOW_FACTOR = 3
const FADE = 1.05
