import { DecklogError, isAbort } from '../../core/errors.ts'
import type { Delivery } from '../../ports/bus.ts'
import type { Account } from './account.ts'
import type { KafkaBusOptions } from './options.ts'
import type { Item, PartitionWindow } from './partition-window.ts'

const NACK_PAUSE_MS = 100
const NACK_PAUSE_MS_MAX = 5_000
/** Messages of a partition that may be settled above one that is not: each costs a few bytes, and comes again after a crash. */
const WINDOW_MAX = 50_000

export interface DeliveriesOptions {
  readonly bus: KafkaBusOptions
  readonly topic: string
  readonly group: string
  readonly account: Account
  readonly handle: (delivery: Delivery) => void
  /** Makes a message safe among the dead letters. */
  readonly giveUp: (partition: number, item: Item, reason: string) => Promise<void>
  readonly onLost?: ((assignment: number) => void) | undefined
  /** Something may be committed. */
  readonly onMoved: () => void
}

interface Again {
  readonly window: PartitionWindow
  readonly item: Item
}

/** Gives the messages of one topic to a subscriber, and takes its answers. */
export class Deliveries {
  readonly #options: DeliveriesOptions
  readonly #again: Again[] = []
  readonly #stop = new AbortController()
  readonly #pump = (): void => this.#deliverAgain()
  #openBytes = 0

  constructor(options: DeliveriesOptions) {
    this.#options = options
    options.account.onRoom.add(this.#pump)
  }

  hasRoom(window: PartitionWindow, bytes: number): boolean {
    return window.length < WINDOW_MAX && this.#options.account.hasRoom(bytes)
  }

  /** The first delivery of `item`, for which there is room. */
  deliver(window: PartitionWindow, item: Item): void {
    window.add(item)
    this.#hand(window, item)
  }

  /** What of a lost partition is open is no longer ours: others get it. */
  lose(window: PartitionWindow): void {
    window.isLost = true
    for (const item of window.unsettled()) {
      if (item.state === 'open') this.#release(item)
      else this.#options.account.restingBytes -= item.bytes
    }
    this.#options.account.wake()
    if (!this.#options.account.isClosed) this.#options.onLost?.(window.assignment)
  }

  close(): void {
    this.#stop.abort()
    this.#options.account.onRoom.delete(this.#pump)
  }

  #hand(window: PartitionWindow, item: Item): void {
    const { account, topic, handle } = this.#options
    item.attempt++
    item.state = 'open'
    account.openBytes += item.bytes
    this.#count(item.bytes)
    const { attempt } = item
    const isCurrent = (): boolean => !window.isLost && item.state === 'open' && item.attempt === attempt
    const delivery: Delivery = {
      topic,
      key: item.key,
      value: item.value,
      headers: item.headers,
      receivedMs: item.receivedMs,
      attempt,
      assignment: window.assignment,
      position: `${topic}/${window.partition}/${item.offset}`,
      ack: () => {
        if (isCurrent()) this.#acknowledge(window, item)
      },
      nack: (cause) => {
        if (isCurrent()) this.#refuse(window, item, cause)
      },
    }
    try {
      handle(delivery)
    } catch (error) {
      delivery.nack(error)
    }
  }

  #acknowledge(window: PartitionWindow, item: Item): void {
    this.#release(item)
    this.#settle(window, item)
    this.#options.account.wake()
  }

  #settle(window: PartitionWindow, item: Item): void {
    if (!window.settle(item)) return
    window.movedMs = this.#options.bus.clock.now()
    this.#options.onMoved()
  }

  #refuse(window: PartitionWindow, item: Item, cause: unknown): void {
    const { bus, topic, group, account } = this.#options
    bus.telemetry?.add('decklog_bus_redelivered_total', 1, { topic, group })
    if (isOfTheMessage(cause)) item.failures++
    this.#release(item)
    item.state = 'resting'
    account.restingBytes += item.bytes
    account.wake()
    void this.#rest(window, item, item.failures >= (bus.attemptsMax ?? 20) ? cause : undefined)
  }

  /** Never rejects. With a cause of death the message goes to the dead letters; should that fail, it comes again. */
  async #rest(window: PartitionWindow, item: Item, death: unknown): Promise<void> {
    const { bus, account } = this.#options
    if (death !== undefined && (await this.#bury(window, item, death))) return
    const first = bus.nackPauseMs ?? NACK_PAUSE_MS
    const pauseMs = Math.min(first * 2 ** (item.attempt - 1), NACK_PAUSE_MS_MAX)
    try {
      await bus.clock.sleep(pauseMs, this.#stop.signal)
    } catch {
      return
    }
    if (window.isLost) return
    this.#again.push({ window, item })
    account.wake()
  }

  async #bury(window: PartitionWindow, item: Item, cause: unknown): Promise<boolean> {
    const { bus, topic, group, account, giveUp } = this.#options
    const position = `${topic}/${window.partition}/${item.offset}`
    try {
      await giveUp(window.partition, item, reasonOf(cause))
    } catch (error) {
      if (!isAbort(error) && !this.#stop.signal.aborted)
        bus.log.error({ position, reason: (error as Error).message }, 'a dead letter could not be written')
      return false
    }
    if (window.isLost || this.#stop.signal.aborted) return true
    bus.telemetry?.add('decklog_bus_dead_letters_total', 1, { topic, group })
    bus.log.error(
      { position, group, attempts: item.attempt },
      'a message was given up: it is a dead letter now',
    )
    account.restingBytes -= item.bytes
    this.#settle(window, item)
    account.wake()
    return true
  }

  #deliverAgain(): void {
    while (this.#again.length > 0) {
      const { window, item } = this.#again[0]!
      if (!window.isLost && !this.#options.account.hasRoomAgain(item.bytes)) return
      this.#again.shift()
      if (window.isLost) continue
      this.#options.account.restingBytes -= item.bytes
      this.#hand(window, item)
    }
  }

  #release(item: Item): void {
    this.#options.account.openBytes -= item.bytes
    this.#count(-item.bytes)
  }

  #count(bytes: number): void {
    this.#openBytes += bytes
    const { bus, topic, group } = this.#options
    bus.telemetry?.set('decklog_bus_open_bytes', this.#openBytes, { topic, group })
  }
}

/** A store or a bus that is away, and a role that ends, say nothing of the message. */
function isOfTheMessage(cause: unknown): boolean {
  return !isAbort(cause) && !(cause instanceof DecklogError && cause.retryable)
}

function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : 'unknown'
  return text.slice(0, 500)
}
