import type { Clock } from '../../ports/clock.ts'

/** Bytes of bodies in memory, over all requests of a server. */
export class MemoryBudget {
  readonly #max: number
  #used = 0

  constructor(max: number) {
    this.#max = max
  }

  get used(): number {
    return this.#used
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#max) return false
    this.#used += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#used -= bytes
  }
}

/** A token bucket for each sender: it holds a second's worth, so a request is let in while there is anything left in it. */
export class RateLimit {
  readonly #bytesPerSecond: number
  readonly #clock: Clock
  readonly #buckets = new Map<string, { left: number; atNs: bigint }>()

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond
    this.#clock = clock
  }

  /** Seconds to wait before the sender may send again; 0: now. */
  waitOf(sender: string): number {
    const { left } = this.#filled(sender)
    return left > 0 ? 0 : Math.ceil((1 - left) / this.#bytesPerSecond)
  }

  spend(sender: string, bytes: number): void {
    this.#filled(sender).left -= bytes
  }

  #filled(sender: string): { left: number; atNs: bigint } {
    const nowNs = this.#clock.monotonicNs()
    const bucket = this.#buckets.get(sender) ?? { left: this.#bytesPerSecond, atNs: nowNs }
    const passedSeconds = Number(nowNs - bucket.atNs) / 1e9
    bucket.left = Math.min(this.#bytesPerSecond, bucket.left + passedSeconds * this.#bytesPerSecond)
    bucket.atNs = nowNs
    this.#buckets.set(sender, bucket)
    return bucket
  }
}
