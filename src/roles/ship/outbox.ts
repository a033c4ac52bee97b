import { DecklogError, isAbort } from '../../core/errors.ts'
import { passStep } from '../../core/faults.ts'
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
    if (stalled === undefined) void this.#attempt(parcel)
    else stalled.push(parcel)
  }

  async #attempt(parcel: Parcel): Promise<boolean> {
    const { bus, signal } = this.#options
    const { topic, key, value } = parcel
    this.#inFlight++
    try {
      await bus.publish(topic, [{ key, value }], { signal })
    } catch (error) {
      this.#failed(parcel, error)
      return false
    } finally {
      this.#inFlight--
    }
    if (signal.aborted) return true
    passStep('batch-published')
    this.#options.complaints.over(troubleOf(topic))
    parcel.onSafe()
    return true
  }

  #failed(parcel: Parcel, error: unknown): void {
    if (this.#options.signal.aborted || isAbort(error)) return
    this.#options.onFailure()
    const code = error instanceof DecklogError ? error.code : 'unknown error'
    const message = `cannot publish to ${parcel.topic}: ${code}; it is tried again, the logs stay where they are`
    this.#options.complaints.raise(troubleOf(parcel.topic), message)
    const stalled = this.#stalled.get(parcel.key)
    if (stalled === undefined) {
      this.#stalled.set(parcel.key, [parcel])
      void this.#retry(parcel.key)
      return
    }
    const at = stalled.findIndex((one) => one.ordinal > parcel.ordinal)
    stalled.splice(at === -1 ? stalled.length : at, 0, parcel)
  }

  async #retry(key: string): Promise<void> {
    const { clock, signal } = this.#options
    const stalled = this.#stalled.get(key)!
    for (let pauseMs = RETRY_MS_MIN; stalled.length > 0; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      try {
        await clock.sleep(pauseMs, signal)
      } catch {
        return
      }
      // All at once: a reader may acknowledge the first only when it has seen the next.
      await Promise.all(stalled.splice(0).map((parcel) => this.#attempt(parcel)))
    }
    this.#stalled.delete(key)
  }
}

function troubleOf(topic: string): string {
  return `publish to ${topic}`
}
