import PQueue from 'p-queue'
import { decodeEventBatch } from '../../codec/event-batch.ts'
import { DecklogError, isAbort } from '../../core/errors.ts'
import type { EventBatch } from '../../core/event-batch.ts'
import type { Telemetry } from '../../core/telemetry.ts'
import type { Bus, Delivery, Subscription } from '../../ports/bus.ts'
import type { Clock } from '../../ports/clock.ts'
import { Outcome, type Store } from '../../ports/store.ts'
import type { Log } from '../log.ts'
import { Complaints } from '../complaints.ts'
import { withoutCopies } from './claim-ids.ts'
import { deadLetterOf, keepDeadLetters, publishDeadLetters } from './dead-letters.ts'

export interface IndexRoleOptions {
  readonly bus: Bus
  readonly store: Store
  readonly classes: readonly string[]
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly log: Log
  /** One write holds at most so many bytes. @default 8 MiB */
  readonly writeBytesMax?: number
  /** Writes of one class at a time: a store over a network works on one while the next is on its way. @default 1 */
  readonly writesOpen?: number
  /** Bytes that one class may hold here, unsettled. @default 32 MiB */
  readonly classBytesMax?: number
}

export interface IndexRole {
  close(): Promise<void>
}

/** First pause after a failed write; doubles up to RETRY_MS_MAX, with jitter. */
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 5_000
/** What the store wants again so often does not pass by itself: an operator is told. */
const PASSING_ATTEMPTS = 3

/**
 * index: event batches → Store. Each class has a queue of its own, so that a full class delays no other. A write takes all that
 * has gathered since the one before: the slower the store, the larger the writes.
 */
export async function startIndexRole(options: IndexRoleOptions): Promise<IndexRole> {
  const stop = new AbortController()
  const lanes = options.classes.map((name) => new Lane(name, options, stop.signal))
  const subscriptions: Subscription[] = []
  for (const lane of lanes) {
    subscriptions.push(
      await options.bus.subscribe({
        group: 'index',
        topics: [`decklog.events.${lane.class}`],
        bytesMax: options.classBytesMax ?? 32 * 1024 * 1024,
        handle: (delivery) => lane.take(delivery),
      }),
    )
  }
  subscriptions.push(await keepDeadLetters(options))
  return {
    async close() {
      for (const subscription of subscriptions) subscription.pause()
      stop.abort()
      await Promise.all(lanes.map((lane) => lane.idle()))
      for (const subscription of subscriptions) await subscription.close()
    },
  }
}

interface Waiting {
  readonly delivery: Delivery
  readonly batch: EventBatch
}

/** One class on its way to the store, in order of arrival. */
class Lane {
  readonly class: string
  readonly #options: IndexRoleOptions
  readonly #signal: AbortSignal
  readonly #writes: PQueue
  readonly #complaints: Complaints
  #waiting: Waiting[] = []

  constructor(name: string, options: IndexRoleOptions, signal: AbortSignal) {
    this.class = name
    this.#options = options
    this.#signal = signal
    this.#writes = new PQueue({ concurrency: options.writesOpen ?? 1 })
    this.#complaints = new Complaints(options.log, options.clock)
  }

  take(delivery: Delivery): void {
    let batch: EventBatch
    try {
      batch = decodeEventBatch(delivery.value)
    } catch (error) {
      this.#refuse(delivery, error)
      return
    }
    this.#waiting.push({ delivery, batch })
    if (this.#writes.size === 0) void this.#writes.add(() => this.#writeWaiting())
  }

  idle(): Promise<void> {
    return this.#writes.onIdle()
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#signal.aborted) {
      const group = this.#nextGroup()
      try {
        await this.#write(group)
        for (const { delivery } of group) delivery.ack()
      } catch (error) {
        for (const { delivery } of group) delivery.nack(error)
        if (!isAbort(error))
          this.#options.log.error({ class: this.class }, 'a write was given up; its events come again')
      }
    }
  }

  #nextGroup(): Waiting[] {
    const bytesMax = this.#options.writeBytesMax ?? 8 * 1024 * 1024
    let bytes = 0
    let count = 0
    while (count < this.#waiting.length && (count === 0 || bytes < bytesMax)) {
      bytes += this.#waiting[count]!.batch.documentBytes
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /** Writes until each event has a final outcome: only what the store wants again is sent again. */
  async #write(group: readonly Waiting[]): Promise<void> {
    let batches: readonly EventBatch[] = group.map((one) => one.batch)
    let isClaimed = false
    for (let attempt = 0; ; attempt++) {
      if (!isClaimed) {
        const claimed = await this.#claim(batches)
        isClaimed = claimed !== undefined
        batches = claimed ?? batches
      }
      if (isClaimed) batches = await this.#attempt(batches, attempt)
      if (batches.length === 0) return
      const pauseMs = Math.min(RETRY_MS_MIN * 2 ** attempt, RETRY_MS_MAX)
      await this.#options.clock.sleep(pauseMs * (0.5 + Math.random() / 2), this.#signal)
    }
  }

  /** The batches without copies of events that came by other ways; undefined when that is not known yet. */
  async #claim(batches: readonly EventBatch[]): Promise<readonly EventBatch[] | undefined> {
    const { store, telemetry } = this.#options
    const what = `asking the store for ids of class ${this.class}`
    try {
      const claimed = await withoutCopies(store, batches, this.#signal)
      if (claimed.copies > 0)
        telemetry.add('decklog_index_events_total', claimed.copies, {
          class: this.class,
          outcome: 'duplicate',
        })
      this.#complaints.over(what)
      return claimed.batches
    } catch (error) {
      if (isAbort(error)) throw error
      const code = error instanceof DecklogError ? error.code : 'internal'
      telemetry.add('decklog_index_retries_total', 1, { class: this.class, reason: code })
      this.#complaints.raise(what, `${what}: ${(error as Error).message}; trying again`, 'warn')
      return undefined
    }
  }

  /** Returns the batches that must be written again. */
  async #attempt(batches: readonly EventBatch[], before: number): Promise<EventBatch[]> {
    const { store, telemetry } = this.#options
    const what = `writing class ${this.class} to the store`
    try {
      const results = await store.write(batches, { signal: this.#signal })
      const again: EventBatch[] = []
      let reason = ''
      for (const [i, result] of results.entries()) {
        const tally = tallyOf(result.outcomes)
        for (const [outcome, count] of Object.entries(tally)) {
          if (count > 0) telemetry.add('decklog_index_events_total', count, { class: this.class, outcome })
        }
        if (tally.retry > 0) {
          again.push(batches[i]!)
          reason ||= result.reasons.get(result.outcomes.indexOf(Outcome.retry)) ?? 'the store gives no reason'
        }
        if (tally.reject > 0) await publishDeadLetters(this.#options, batches[i]!, result, this.#signal)
      }
      if (again.length === 0) this.#complaints.over(what)
      else if (before >= PASSING_ATTEMPTS)
        this.#complaints.raise(what, `${what}: ${reason}; trying again`, 'warn')
      return again
    } catch (error) {
      if (isAbort(error)) throw error
      const code = error instanceof DecklogError ? error.code : 'internal'
      telemetry.add('decklog_index_retries_total', 1, { class: this.class, reason: code })
      this.#complaints.raise(what, `${what}: ${(error as Error).message}; trying again`, 'warn')
      return [...batches]
    }
  }

  /** Bytes that are no event batch: they go to the dead letters, and their neighbours go on. */
  #refuse(delivery: Delivery, error: unknown): void {
    const { bus, clock, log, telemetry } = this.#options
    const letter = deadLetterOf(this.class, delivery, error, clock.now())
    telemetry.add('decklog_process_dead_letters_total', 1, { reason: 'unreadable-envelope' })
    log.error(
      { class: this.class, position: delivery.position },
      'a message is no event batch; it is kept as a dead letter',
    )
    bus.publish('decklog.dead-letter', [letter], { signal: this.#signal }).then(
      () => delivery.ack(),
      (cause: unknown) => delivery.nack(cause),
    )
  }
}

function tallyOf(outcomes: Uint8Array): { stored: number; duplicate: number; retry: number; reject: number } {
  const tally = { stored: 0, duplicate: 0, retry: 0, reject: 0 }
  for (const outcome of outcomes) {
    if (outcome === Outcome.stored) tally.stored++
    else if (outcome === Outcome.duplicate) tally.duplicate++
    else if (outcome === Outcome.retry) tally.retry++
    else tally.reject++
  }
  return tally
}
