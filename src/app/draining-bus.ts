import type { Bus, Message, PublishOptions, SubscribeOptions, Subscription, TopicLag } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'

/** Where nothing was settled for so long, what is open waits for something that will not come here. */
const STILL_MS = 2_000
const LOOK_MS = 50

/** A bus that can end what this process has taken before it ends itself, so that others need not do it again. */
export class DrainingBus implements Bus {
  readonly #inner: Bus
  readonly #clock: Clock
  readonly #subscriptions: { readonly topics: readonly string[]; readonly subscription: Subscription }[] = []

  constructor(inner: Bus, clock: Clock) {
    this.#inner = inner
    this.#clock = clock
  }

  /**
   * Takes nothing new and waits for what is open: raw batches first, for their events go on to the other topics. Resolves
   * after `timeoutMs` at the latest; what is open then is delivered again to the next one.
   */
  async drain(timeoutMs: number): Promise<void> {
    const untilMs = this.#clock.now() + timeoutMs
    const isRaw = ({ topics }: { readonly topics: readonly string[] }): boolean =>
      topics.every((topic) => topic.startsWith('decklog.raw.'))
    const all = [...this.#subscriptions]
    for (const some of [all.filter(isRaw), all.filter((one) => !isRaw(one))]) {
      for (const { subscription } of some) subscription.pause()
      await this.#settled(
        some.map(({ subscription }) => subscription),
        untilMs,
      )
    }
  }

  async #settled(subscriptions: readonly Subscription[], untilMs: number): Promise<void> {
    let before = -1
    let movedMs = this.#clock.now()
    for (;;) {
      const open = subscriptions.reduce((sum, { openBytes }) => sum + openBytes, 0)
      const nowMs = this.#clock.now()
      if (open !== before) movedMs = nowMs
      if (open === 0 || nowMs >= untilMs || nowMs - movedMs >= STILL_MS) return
      before = open
      await this.#clock.sleep(LOOK_MS)
    }
  }

  publish(topic: string, messages: readonly Message[], options?: PublishOptions): Promise<void> {
    return this.#inner.publish(topic, messages, options)
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription = await this.#inner.subscribe(options)
    this.#subscriptions.push({ topics: options.topics, subscription })
    return subscription
  }

  lag(): Promise<readonly TopicLag[]> {
    return this.#inner.lag()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
