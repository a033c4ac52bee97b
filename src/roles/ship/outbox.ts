import { DecklogError, isAbort } from '../../core/errors.ts'
import { passStep } from '../../core/faults.ts'
import { release } from '../../core/release.ts'
import type { Bus } from '../../ports/bus.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Complaints } from '../complaints.ts'

export interface Parcel {
  readonly topic: string
  readonly key: string
  readonly ordinal: number
  readonly value: Uint8Array
  /** Called once, when the bus says that it is safe. */
  readonly onSafe: () => void
}

export interface OutboxOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly complaints: Complaints
  readonly onFailure: () => void
  /** What is safe is kept by nobody. */
  readonly releases: boolean
  readonly signal: AbortSignal
}

const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 5_000

/**
 * Publishes, many at a time, in order for each key. What fails is published again until it is safe; later parcels of its
 * key then wait behind it.
 */
export class Outbox {
  readonly #options: OutboxOptions
  /** By key: parcels that wait for another attempt, in order. */
  readonly #stalled = new Map<string, Parcel[]>()
  #inFlight = 0

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  get open(): number {
    return this.#inFlight
  }

  send(parcel: Parcel): void {
    const stalled = this.#stalled.get(parcel.key)
    if (stalled === undefined) void this.#attempt([parcel])
    else stalled.push(parcel)
  }

  /** Parcels of one key, in order. */
  async #attempt(parcels: readonly Parcel[]): Promise<void> {
    const { bus, signal } = this.#options
    const { topic, key } = parcels[0]!
    this.#inFlight += parcels.length
    try {
      const messages = parcels.map(({ value }) => ({ key, value }))
      await bus.publish(topic, messages, { signal })
    } catch (error) {
      this.#failed(parcels, error)
      return
    } finally {
      this.#inFlight -= parcels.length
    }
    if (signal.aborted) return
    passStep('batch-published')
    this.#options.complaints.over(troubleOf(topic))
    for (const parcel of parcels) {
      parcel.onSafe()
      if (this.#options.releases) release(parcel.value)
    }
  }

  #failed(parcels: readonly Parcel[], error: unknown): void {
    if (this.#options.signal.aborted || isAbort(error)) return
    this.#options.onFailure()
    const { topic, key, ordinal } = parcels[0]!
    const why = error instanceof DecklogError ? error.message : 'unknown error'
    const what = `cannot publish to ${topic}: `
    const sentence = `${what}${why.replace(what, '')}; it is tried again, the logs stay where they are`
    this.#options.complaints.raise(troubleOf(topic), sentence)
    const stalled = this.#stalled.get(key)
    if (stalled === undefined) {
      this.#stalled.set(key, [...parcels])
      void this.#retry(key)
      return
    }
    const at = stalled.findIndex((one) => one.ordinal > ordinal)
    stalled.splice(at === -1 ? stalled.length : at, 0, ...parcels)
  }

  /** What waits goes in one call, so that a second failure leaves none of it before another. */
  async #retry(key: string): Promise<void> {
    const { clock, signal } = this.#options
    const stalled = this.#stalled.get(key)!
    for (let pauseMs = RETRY_MS_MIN; stalled.length > 0; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      try {
        await clock.sleep(pauseMs, signal)
      } catch {
        return
      }
      await this.#attempt(stalled.splice(0))
    }
    this.#stalled.delete(key)
  }
}

function troubleOf(topic: string): string {
  return `publish to ${topic}`
}
