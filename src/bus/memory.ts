import { DecklogError } from '../core/errors.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { Bus, Message, PublishOptions, SubscribeOptions, Subscription, TopicLag } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import { type Entry, MemoryGroup } from './memory-group.ts'

export interface MemoryBusOptions {
  readonly clock: Clock
  /** Groups that must acknowledge a topic's messages even before they subscribe: nothing is safe without them. */
  readonly groupsOf?: (topic: string) => readonly string[]
  /** Bytes that a topic may hold, unsettled; `publish` waits above it. @default 64 MiB */
  readonly topicBytesMax?: number
  /** First pause before a nacked message comes again; doubles up to 5 s. @default 100 */
  readonly nackPauseMs?: number
  readonly telemetry?: Telemetry
}

/**
 * The embedded bus. A message is safe when every group has acknowledged it, so it keeps nothing on disk: the sources are
 * the log, and a shipper's checkpoint moves only when `publish` has resolved.
 */
export function openMemoryBus(options: MemoryBusOptions): Bus {
  return new MemoryBus(options)
}

interface Topic {
  readonly name: string
  readonly groups: Map<string, MemoryGroup>
  /** Unsettled entries, for groups that come later: they get what the others have not all acknowledged. */
  readonly entries: Set<Entry>
  readonly waiting: Waiting[]
  bytes: number
  nextOffset: number
}

/** A publish: `left` messages are not yet safe. */
interface Publish {
  left: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface Waiting {
  readonly message: Message
  readonly publish: Publish
  cancelled: boolean
}

class MemoryBus implements Bus {
  readonly #topics = new Map<string, Topic>()
  readonly #publishes = new Set<Publish>()
  readonly #options: MemoryBusOptions
  readonly #topicBytesMax: number
  #closed = false

  constructor(options: MemoryBusOptions) {
    this.#options = options
    this.#topicBytesMax = options.topicBytesMax ?? 64 * 1024 * 1024
  }

  async publish(name: string, messages: readonly Message[], options: PublishOptions = {}): Promise<void> {
    const { signal } = options
    if (this.#closed) throw new DecklogError('closed', `cannot publish to ${name}: the bus is closed`)
    if (signal?.aborted) throw aborted(name)
    if (messages.length === 0) return
    const topic = this.#topic(name)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const publish: Publish = { left: messages.length, resolve, reject }
    this.#publishes.add(publish)
    const waiting = messages.map((message): Waiting => ({ message, publish, cancelled: false }))
    topic.waiting.push(...waiting)
    const onAbort = (): void => {
      for (const one of waiting) one.cancelled = true
      reject(aborted(name))
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#admit(topic)
    try {
      await promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#publishes.delete(publish)
    }
  }

  subscribe(options: SubscribeOptions): Promise<Subscription> {
    if (this.#closed)
      return Promise.reject(
        new DecklogError('closed', `cannot subscribe ${options.group}: the bus is closed`),
      )
    const members = options.topics.map((name) => this.#group(this.#topic(name), options.group))
    return Promise.resolve(joinAll(members, options))
  }

  lag(): Promise<readonly TopicLag[]> {
    const now = this.#options.clock.now()
    const lags: TopicLag[] = []
    for (const topic of this.#topics.values()) {
      for (const [group, state] of topic.groups) lags.push({ topic: topic.name, group, ...state.lag(now) })
    }
    return Promise.resolve(lags)
  }

  close(): Promise<void> {
    this.#closed = true
    for (const topic of this.#topics.values()) for (const group of topic.groups.values()) group.close()
    for (const publish of this.#publishes)
      publish.reject(new DecklogError('closed', 'the bus was closed before the message was safe'))
    this.#publishes.clear()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #topic(name: string): Topic {
    let topic = this.#topics.get(name)
    if (!topic) {
      topic = { name, groups: new Map(), entries: new Set(), waiting: [], bytes: 0, nextOffset: 0 }
      this.#topics.set(name, topic)
      for (const group of this.#options.groupsOf?.(name) ?? []) this.#group(topic, group)
    }
    return topic
  }

  #group(topic: Topic, name: string): MemoryGroup {
    let group = topic.groups.get(name)
    if (!group) {
      group = new MemoryGroup({
        name,
        topic: topic.name,
        clock: this.#options.clock,
        nackPauseMs: this.#options.nackPauseMs ?? 100,
        telemetry: this.#options.telemetry,
      })
      topic.groups.set(name, group)
      for (const entry of topic.entries) {
        entry.unacknowledged++
        group.take(entry)
      }
    }
    return group
  }

  /** Lets waiting messages in, in order, while there is room. */
  #admit(topic: Topic): void {
    let admitted = 0
    for (const { message, publish, cancelled } of topic.waiting) {
      const bytes = message.value.byteLength
      if (!cancelled && topic.bytes > 0 && topic.bytes + bytes > this.#topicBytesMax) break
      admitted++
      if (!cancelled) this.#enter(topic, message, publish)
    }
    if (admitted > 0) topic.waiting.splice(0, admitted)
  }

  #enter(topic: Topic, message: Message, publish: Publish): void {
    const entry: Entry = {
      message,
      bytes: message.value.byteLength,
      offset: topic.nextOffset++,
      receivedMs: this.#options.clock.now(),
      unacknowledged: topic.groups.size,
      settled: () => this.#settle(topic, entry, publish),
    }
    topic.entries.add(entry)
    topic.bytes += entry.bytes
    this.#report(topic)
    for (const group of topic.groups.values()) group.take(entry)
  }

  #settle(topic: Topic, entry: Entry, publish: Publish): void {
    topic.entries.delete(entry)
    topic.bytes -= entry.bytes
    this.#report(topic)
    publish.left--
    if (publish.left === 0) publish.resolve()
    this.#admit(topic)
  }

  #report(topic: Topic): void {
    this.#options.telemetry?.set('decklog_bus_queued_bytes', topic.bytes, { topic: topic.name })
  }
}

/** One subscription over several topics: its bytes are counted together by sharing one account. */
function joinAll(groups: readonly MemoryGroup[], options: SubscribeOptions): Subscription {
  const account = { bytes: 0, bytesMax: options.bytesMax, paused: false, closed: false }
  const members = groups.map((group) => group.join(account, options.handle))
  const wake = (): void => groups.forEach((group) => group.pump())
  for (const member of members) member.onRoom = wake
  wake()
  return {
    get openBytes() {
      return account.bytes
    },
    pause() {
      account.paused = true
    },
    resume() {
      account.paused = false
      wake()
    },
    close() {
      account.closed = true
      groups.forEach((group, i) => group.leave(members[i]!))
      return Promise.resolve()
    },
    [Symbol.asyncDispose]() {
      return this.close()
    },
  }
}

function aborted(topic: string): DecklogError {
  return new DecklogError(
    'aborted',
    `publishing to ${topic} was aborted; the messages may have been delivered`,
  )
}
