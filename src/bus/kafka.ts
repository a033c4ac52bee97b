import { DecklogError } from '../core/errors.ts'
import type { Bus, Message, PublishOptions, SubscribeOptions, Subscription, TopicLag } from '../ports/bus.ts'
import { Account } from './kafka/account.ts'
import { AdminClient } from './kafka/admin-client.ts'
import { letterOf } from './kafka/dead-letter.ts'
import { Deliveries } from './kafka/deliveries.ts'
import { missingTopic } from './kafka/errors.ts'
import { GroupConsumer } from './kafka/group-consumer.ts'
import { lagOf, type Watched } from './kafka/lag.ts'
import type { KafkaBusOptions } from './kafka/options.ts'
import type { Item } from './kafka/partition-window.ts'
import { Publisher } from './kafka/publisher.ts'
import { watch } from './kafka/watchdog.ts'

const DEAD_LETTER_TOPIC = 'decklog.dead-letter'
/** A subscription is returned after so long though the brokers are away: it joins when they are back, and says so in the log. */
const JOIN_WAIT_MS = 10_000
const LOOK_ATTEMPTS = 5
const LOOK_PAUSE_MS = 500

/**
 * The bus on Kafka brokers. A message is safe when all in-sync replicas have it (`acks=all`), so `publish` needs no subscriber.
 * Topics are made by `decklog setup`, never by use.
 *
 * @throws {DecklogError} `unreachable`: one sentence that says what is wrong; `retryable` unless somebody must mend it.
 */
export async function openKafkaBus(options: KafkaBusOptions): Promise<Bus> {
  const admin = new AdminClient(options)
  try {
    await admin.use('open the bus', (client) => client.listTopics())
  } catch (error) {
    await admin.close()
    throw error
  }
  return new KafkaBus(options, admin)
}

interface Open {
  readonly account: Account
  readonly consumers: readonly GroupConsumer[]
  readonly stop: AbortController
}

class KafkaBus implements Bus {
  readonly #options: KafkaBusOptions
  readonly #admin: AdminClient
  readonly #publisher: Publisher
  readonly #subscriptions = new Set<Open>()
  /** Sizes seen, for the estimate of `lag`. */
  readonly #sizes = new Map<string, { messages: number; bytes: number }>()
  #assignments = 0
  #isClosed = false

  constructor(options: KafkaBusOptions, admin: AdminClient) {
    this.#options = options
    this.#admin = admin
    this.#publisher = new Publisher(options, admin)
  }

  publish(topic: string, messages: readonly Message[], options: PublishOptions = {}): Promise<void> {
    return this.#publisher.publish(topic, messages, options)
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    if (this.#isClosed)
      throw new DecklogError('closed', `cannot subscribe ${options.group}: the bus is closed`)
    for (const topic of options.topics) if (!(await this.#has(topic))) throw missingTopic(topic)
    const account = new Account(options.bytesMax)
    const consumers = options.topics.map((topic) => this.#consumer(topic, account, options))
    const open: Open = { account, consumers, stop: new AbortController() }
    this.#subscriptions.add(open)
    try {
      await this.#join(open)
    } catch (error) {
      await this.#end(open)
      throw error
    }
    return this.#handleOf(open)
  }

  async lag(): Promise<readonly TopicLag[]> {
    const watched = this.#watched()
    const options = {
      bus: this.#options,
      admin: this.#admin,
      meanBytes: (topic: string) => {
        const sizes = this.#sizes.get(topic)
        return sizes === undefined ? undefined : sizes.bytes / sizes.messages
      },
    }
    const lags = await Promise.all(watched.map((one) => lagOf(options, one)))
    return lags.filter((lag) => lag !== undefined)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([
      this.#publisher.close(),
      ...[...this.#subscriptions].map((subscription) => this.#end(subscription)),
    ])
    await this.#admin.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #consumer(topic: string, account: Account, { group, handle, onLost }: SubscribeOptions): GroupConsumer {
    return new GroupConsumer({
      bus: this.#options,
      admin: this.#admin,
      group,
      topic,
      account,
      nextAssignment: () => ++this.#assignments,
      deliveries: (onMoved) =>
        new Deliveries({
          bus: this.#options,
          topic,
          group,
          account,
          onMoved,
          onLost,
          handle: (delivery) => {
            this.#measure(topic, delivery.value.byteLength)
            handle(delivery)
          },
          giveUp: (partition, item, reason) => this.#giveUp({ topic, group, partition, item, reason }),
        }),
    })
  }

  /** Asks again for a while where a broker is busy with something else. */
  async #has(topic: string): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.#admin.partitionCount(topic)) !== undefined
      } catch (error) {
        if (!(error instanceof DecklogError) || !error.retryable || attempt === LOOK_ATTEMPTS) throw error
      }
      await this.#options.clock.sleep(LOOK_PAUSE_MS)
    }
  }

  async #join({ consumers, account, stop }: Open): Promise<void> {
    for (const consumer of consumers)
      void watch({ bus: this.#options, admin: this.#admin, consumer, account, signal: stop.signal })
    const waited = new AbortController()
    await Promise.race([
      Promise.all(consumers.map((consumer) => consumer.start())),
      this.#options.clock.sleep(JOIN_WAIT_MS, waited.signal).catch(() => {}),
    ]).finally(() => waited.abort())
  }

  #handleOf(open: Open): Subscription {
    const { account } = open
    return {
      get openBytes() {
        return account.openBytes
      },
      pause() {
        account.isPaused = true
      },
      resume() {
        account.isPaused = false
        account.wake()
      },
      close: () => this.#end(open),
      [Symbol.asyncDispose]: () => this.#end(open),
    }
  }

  async #end(open: Open): Promise<void> {
    this.#subscriptions.delete(open)
    open.account.isClosed = true
    open.stop.abort()
    await Promise.all(open.consumers.map((consumer) => consumer.close()))
  }

  /** A letter that is too large for its topic leaves without the bytes: they stay where they are until their retention ends. */
  async #giveUp(given: {
    topic: string
    group: string
    partition: number
    item: Item
    reason: string
  }): Promise<void> {
    const { clock, deadLetterTopic = DEAD_LETTER_TOPIC } = this.#options
    const letter = { ...given, atMs: clock.now() }
    try {
      await this.publish(deadLetterTopic, [letterOf(letter, { withBytes: true })])
    } catch (error) {
      if (!(error instanceof DecklogError) || error.code !== 'too-large') throw error
      await this.publish(deadLetterTopic, [letterOf(letter, { withBytes: false })])
    }
  }

  #measure(topic: string, bytes: number): void {
    const sizes = this.#sizes.get(topic) ?? { messages: 0, bytes: 0 }
    sizes.messages++
    sizes.bytes += bytes
    this.#sizes.set(topic, sizes)
  }

  #watched(): Watched[] {
    const byName = new Map<string, { topic: string; group: string; windows: Watched['windows'][number][] }>()
    const at = (topic: string, group: string): Watched['windows'][number][] => {
      const name = `${group} ${topic}`
      const known = byName.get(name) ?? { topic, group, windows: [] }
      byName.set(name, known)
      return known.windows
    }
    for (const { topic, group } of this.#options.watch ?? []) at(topic, group)
    for (const { consumers } of this.#subscriptions)
      for (const { topic, group, windows } of consumers) at(topic, group).push(windows)
    return [...byName.values()]
  }
}
