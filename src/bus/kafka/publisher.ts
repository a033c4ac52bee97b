import { DecklogError } from '../../core/errors.ts'
import type { Message, PublishOptions } from '../../ports/bus.ts'
import type { AdminClient } from './admin-client.ts'
import { Complaints } from './complaints.ts'
import { judge, missingTopic, tooLarge, translate } from './errors.ts'
import { type Entry, Lane, type Publish } from './lane.ts'
import type { KafkaBusOptions } from './options.ts'
import { partitionOf } from './partition-of.ts'
import { IdempotentProducer } from './producer.ts'

const SEND_BYTES_MAX = 900_000
/** What a record takes beside key, value and headers, at most. */
const RECORD_BYTES = 64
const PAUSE_MS_MIN = 100
const PAUSE_MS_MAX = 2_000
const CLOSE_TIMEOUT_MS = 3_000

/** One topic: what waits until its partitions are known, then a lane for each. */
interface Topic {
  readonly name: string
  waiting: Entry[]
  lanes: readonly Lane[] | undefined
  isLoading: boolean
  bytes: number
}

/** The sending half of the bus. Holds messages by reference until they are safe; what is copied is one send a broker. */
export class Publisher {
  readonly #options: KafkaBusOptions
  readonly #admin: AdminClient
  readonly #producer: IdempotentProducer
  readonly #complaints: Complaints
  readonly #topics = new Map<string, Topic>()
  readonly #publishes = new Set<Publish>()
  readonly #stop = new AbortController()

  constructor(options: KafkaBusOptions, admin: AdminClient) {
    this.#options = options
    this.#admin = admin
    this.#producer = new IdempotentProducer(options)
    this.#complaints = new Complaints(options)
  }

  async publish(name: string, messages: readonly Message[], { signal }: PublishOptions): Promise<void> {
    if (this.#stop.signal.aborted) throw closed(name)
    if (signal?.aborted) throw aborted(name)
    if (messages.length === 0) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const publish: Publish = { left: messages.length, resolve, reject }
    this.#publishes.add(publish)
    const entries = this.#enter(name, messages, publish)
    const onAbort = (): void => {
      for (const entry of entries) entry.cancelled = true
      reject(aborted(name))
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#publishes.delete(publish)
      this.#count(this.#topic(name), -bytesOf(entries))
    }
  }

  async close(): Promise<void> {
    this.#stop.abort()
    for (const topic of this.#topics.values()) for (const lane of topic.lanes ?? []) lane.close()
    for (const publish of this.#publishes)
      publish.reject(new DecklogError('closed', 'the bus was closed before the message was safe'))
    this.#publishes.clear()
    await this.#producer.close(CLOSE_TIMEOUT_MS)
  }

  #enter(name: string, messages: readonly Message[], publish: Publish): Entry[] {
    const topic = this.#topic(name)
    const timestamp = String(Math.trunc(this.#options.clock.now()))
    const entries = messages.map(
      (message): Entry => ({ message, bytes: sizeOf(message), timestamp, publish, cancelled: false }),
    )
    this.#count(topic, bytesOf(entries))
    if (topic.lanes) this.#distribute(topic.lanes, entries)
    else {
      topic.waiting.push(...entries)
      void this.#load(topic)
    }
    return entries
  }

  #topic(name: string): Topic {
    let topic = this.#topics.get(name)
    if (!topic) {
      topic = { name, waiting: [], lanes: undefined, isLoading: false, bytes: 0 }
      this.#topics.set(name, topic)
    }
    return topic
  }

  #distribute(lanes: readonly Lane[], entries: readonly Entry[]): void {
    for (const entry of entries) lanes[partitionOf(entry.message.key, lanes.length)]!.push(entry)
  }

  /** Finds the topic's partitions, however long the brokers are away; what waits is refused when there is no such topic. */
  async #load(topic: Topic): Promise<void> {
    if (topic.isLoading) return
    topic.isLoading = true
    try {
      const count = await this.#partitionsOf(topic)
      topic.lanes = Array.from({ length: count }, (_, partition) => this.#lane(topic, partition))
    } catch (error) {
      for (const entry of topic.waiting.splice(0)) entry.publish.reject(error)
      return
    } finally {
      topic.isLoading = false
    }
    this.#distribute(topic.lanes, topic.waiting.splice(0))
  }

  async #partitionsOf(topic: Topic): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        const count = await this.#admin.partitionCount(topic.name)
        if (count !== undefined && count > 0) return count
      } catch (error) {
        if (judge(error) !== 'retry' || topic.waiting.every(({ cancelled }) => cancelled)) throw error
        this.#complaints.raise(publishing(topic.name), `${(error as Error).message}; trying again`)
        await this.#pause(attempt)
        continue
      }
      throw missingTopic(topic.name)
    }
  }

  #lane(topic: Topic, partition: number): Lane {
    const { telemetry, sendBytesMax = SEND_BYTES_MAX } = this.#options
    const { name } = topic
    return new Lane({
      topic: name,
      partition,
      sendBytesMax,
      send: (messages) => this.#producer.send(name, partition, messages),
      renew: () => this.#producer.renew(),
      pause: (attempt) => this.#pause(attempt),
      onRetry: (error) => {
        telemetry?.add('decklog_bus_retries_total', 1, { topic: name })
        this.#complaints.raise(publishing(name), `${this.#refusal(name, error).message}; trying again`)
      },
      onSafe: (entries) => {
        this.#complaints.over(publishing(name))
        telemetry?.add('decklog_bus_published_total', entries.length, { topic: name })
        for (const { publish } of entries) if (--publish.left === 0) publish.resolve()
      },
      refusal: (error, entry) =>
        judge(error) === 'too-large'
          ? tooLarge(name, entry.message.value.byteLength, error)
          : this.#refusal(name, error),
      onTopicRefused: (error) => this.#refuseAll(topic, error),
    })
  }

  /** Its partitions are looked up again with the next publish. */
  #refuseAll(topic: Topic, error: unknown): void {
    const refusal = this.#refusal(topic.name, error)
    for (const lane of topic.lanes ?? [])
      for (const entry of lane.takeWaiting()) entry.publish.reject(refusal)
    if (judge(error) === 'no-topic') topic.lanes = undefined
  }

  #refusal(name: string, error: unknown): DecklogError {
    if (judge(error) === 'no-topic') return missingTopic(name, error)
    return translate(error, `publish to ${name}`, this.#options)
  }

  #pause(attempt: number): Promise<void> {
    const pauseMs = Math.min(PAUSE_MS_MIN * 2 ** (attempt - 1), PAUSE_MS_MAX)
    return this.#options.clock.sleep(pauseMs * (0.5 + Math.random() / 2), this.#stop.signal)
  }

  #count(topic: Topic, bytes: number): void {
    topic.bytes += bytes
    this.#options.telemetry?.set('decklog_bus_queued_bytes', topic.bytes, { topic: topic.name })
  }
}

function publishing(topic: string): string {
  return `publishing to ${topic}`
}

function sizeOf({ key, value, headers }: Message): number {
  let bytes = RECORD_BYTES + key.length * 3 + value.byteLength
  if (headers !== undefined)
    for (const [name, text] of Object.entries(headers)) bytes += name.length + text.length + 8
  return bytes
}

function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entry.bytes
  return bytes
}

function closed(topic: string): DecklogError {
  return new DecklogError('closed', `cannot publish to ${topic}: the bus is closed`)
}

function aborted(topic: string): DecklogError {
  return new DecklogError(
    'aborted',
    `publishing to ${topic} was aborted; the messages may have been delivered`,
  )
}
