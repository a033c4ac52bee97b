import type { Bus, Message, PublishOptions, SubscribeOptions, Subscription, TopicLag } from '../ports/bus.ts'

/**
 * Brokers for what leaves the process, memory for what two of its roles hand to one another: what is published there is safe only
 * when the other role has finished with it, so nothing is settled too early.
 */
export class HandOverBus implements Bus {
  readonly #kafka: Bus
  readonly #events: Bus
  readonly #isHandedOver: (topic: string) => boolean

  constructor(options: { kafka: Bus; events: Bus; isHandedOver: (topic: string) => boolean }) {
    this.#kafka = options.kafka
    this.#events = options.events
    this.#isHandedOver = options.isHandedOver
  }

  publish(topic: string, messages: readonly Message[], options?: PublishOptions): Promise<void> {
    return this.#of(topic).publish(topic, messages, options)
  }

  /** Topics of one subscription lie all on one side. */
  subscribe(options: SubscribeOptions): Promise<Subscription> {
    return this.#of(options.topics[0]!).subscribe(options)
  }

  async lag(): Promise<readonly TopicLag[]> {
    const [brokers, memory] = await Promise.all([this.#kafka.lag(), this.#events.lag()])
    return [...brokers.filter(({ topic }) => !this.#isHandedOver(topic)), ...memory]
  }

  async close(): Promise<void> {
    await this.#kafka.close()
    await this.#events.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #of(topic: string): Bus {
    return this.#isHandedOver(topic) ? this.#events : this.#kafka
  }
}
