/**
 * Bus: carries bytes between roles and knows no schema. Contract suite: `test/contracts/bus.ts`.
 *
 * - A message is *safe* when a crash of any process can no longer lose it. For a broker: when it has acknowledged. For the
 *   memory bus: when every group that subscribes to the topic has acknowledged, for then it needs no disk of its own.
 * - Order: messages of one key reach each group in the order of their `publish` calls, for each first delivery.
 * - Bounds are in bytes. `publish` resolves late rather than the bus growing; a group that does not acknowledge gets no more
 *   once it holds `bytesMax`.
 */
export interface Message {
  /** Keeps order: the stream's id for raw and events. */
  readonly key: string
  readonly value: Uint8Array
  /** Small, ASCII. Kept as they are. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface Delivery {
  readonly topic: string
  readonly key: string
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  /** When the bus took the message, milliseconds since the epoch: the same at every redelivery, after a restart of the
   * consumer too. It becomes `event.ingested`. */
  readonly receivedMs: number
  /** 1 for the first delivery to this group, then counting. */
  readonly attempt: number
  /** Under which assignment it was delivered. Results of an older one are discarded by the bus. */
  readonly assignment: number
  /** Where it stands, for a person: `topic/partition/offset`. */
  readonly position: string
  /** The group has finished with it. In any order, late, once; a second call does nothing. */
  ack(): void
  /** The group could not handle it: it comes again after a pause (`attempt` + 1), not before other keys get their turn.
   * Later messages of its key that were already delivered do not come again. */
  nack(cause: unknown): void
}

export interface PublishOptions {
  readonly signal?: AbortSignal
}

export interface SubscribeOptions {
  readonly group: string
  readonly topics: readonly string[]
  /** Bytes delivered and not yet settled, at most (one message may exceed it alone). */
  readonly bytesMax: number
  /** Called in order of delivery for each key. Must not throw; it may return before it has finished: settle with `ack`. */
  readonly handle: (delivery: Delivery) => void
  /**
   * An assignment has ended while this subscription goes on: others of the group get what was not settled under it, and answers to it
   * change nothing. Whoever keeps something for later lets go of it. Must not throw. The memory bus has one assignment for ever.
   */
  readonly onLost?: (assignment: number) => void
}

export interface Subscription extends AsyncDisposable {
  /** Bytes delivered and not settled. */
  readonly openBytes: number
  /** No new deliveries; what is open stays open and may be settled until `close`. */
  pause(): void
  resume(): void
  /** Stops deliveries. What is not settled is delivered again to the next subscriber of the group. */
  close(): Promise<void>
}

export interface TopicLag {
  readonly topic: string
  readonly group: string
  readonly messages: number
  readonly bytes: number
  /** Age of the oldest unsettled message in milliseconds; 0 when there is none. */
  readonly oldestMs: number
}

export interface Bus extends AsyncDisposable {
  /**
   * Resolves when all messages are safe. Callers keep many publishes open for one key, bounded in bytes; a caller that
   * waited for each would keep a reader's carry waiting for ever.
   * @throws {DecklogError} `aborted` (the messages may have been published), `closed`, `unreachable` (retryable)
   */
  publish(topic: string, messages: readonly Message[], options?: PublishOptions): Promise<void>
  /** One handler a group and process; two subscriptions of one group share its messages by key. */
  subscribe(options: SubscribeOptions): Promise<Subscription>
  lag(): Promise<readonly TopicLag[]>
  /** Publishes in flight are rejected with `closed`; subscriptions close. */
  close(): Promise<void>
}
