import type { Message as KafkaMessage } from 'kafkajs'
import type { DecklogError } from '../../core/errors.ts'
import type { Message } from '../../ports/bus.ts'
import { judge, type Verdict } from './errors.ts'

/** A publish: `left` messages are not yet safe. */
export interface Publish {
  left: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface Entry {
  readonly message: Message
  readonly bytes: number
  /** Set when it was first published: the same however often it is sent. */
  readonly timestamp: string
  readonly publish: Publish
  /** Its publish was aborted: it need not be sent, unless it has been tried. */
  cancelled: boolean
}

export interface LaneOptions {
  readonly topic: string
  readonly partition: number
  readonly sendBytesMax: number
  readonly send: (messages: KafkaMessage[]) => Promise<void>
  /** See `IdempotentProducer.renew`. */
  readonly renew: () => void
  /** Rejects when the bus is closed. */
  readonly pause: (attempt: number) => Promise<void>
  readonly onRetry: (error: unknown) => void
  readonly onSafe: (entries: readonly Entry[]) => void
  readonly refusal: (error: unknown, entry: Entry) => DecklogError
  /** The topic does not take messages now: all that wait for it are refused too, so that their order is the callers' again. */
  readonly onTopicRefused: (error: unknown) => void
}

const RECORDS_MAX = 1_000
/** A topic whose leader is being chosen is unknown for a moment. */
const NO_TOPIC_ATTEMPTS = 5

/**
 * What waits for one partition, and its one send in flight. A send takes several small messages or one large one. Once tried it
 * is tried again as it is: see `IdempotentProducer`.
 */
export class Lane {
  readonly #options: LaneOptions
  /** What is before `#head` was taken, and is let go. */
  #queue: (Entry | undefined)[] = []
  #head = 0
  #sendBytesMax: number
  #isRunning = false
  #isClosed = false

  constructor(options: LaneOptions) {
    this.#options = options
    this.#sendBytesMax = options.sendBytesMax
  }

  push(entry: Entry): void {
    this.#queue.push(entry)
    if (this.#isRunning) return
    this.#isRunning = true
    // In a turn of its own, so that the publishes of this turn share a send.
    queueMicrotask(() => void this.#run())
  }

  /** Takes out what has not been tried. */
  takeWaiting(): Entry[] {
    const waiting = this.#queue.slice(this.#head) as Entry[]
    this.#queue = []
    this.#head = 0
    return waiting
  }

  close(): void {
    this.#isClosed = true
    this.takeWaiting()
  }

  async #run(): Promise<void> {
    for (let unit = this.#next(); unit.length > 0; unit = this.#next()) await this.#deliver(unit)
    this.#isRunning = false
  }

  /** The next messages that fit into one send. */
  #next(): Entry[] {
    const unit: Entry[] = []
    let bytes = 0
    while (this.#head < this.#queue.length && unit.length < RECORDS_MAX) {
      const entry = this.#queue[this.#head]!
      if (!entry.cancelled) {
        if (unit.length > 0 && bytes + entry.bytes > this.#sendBytesMax) break
        unit.push(entry)
        bytes += entry.bytes
      }
      this.#queue[this.#head++] = undefined
    }
    if (this.#head > 64 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    return unit
  }

  /** Returns when the messages are safe or refused. */
  async #deliver(unit: readonly Entry[]): Promise<void> {
    const messages = unit.map((entry) => recordOf(entry, this.#options.partition))
    let isUncertain = false
    let missing = 0
    for (let attempt = 1; !this.#isClosed; attempt++) {
      try {
        await this.#options.send(messages)
        this.#options.onSafe(unit)
        return
      } catch (error) {
        const verdict = judge(error)
        if (verdict === 'no-topic') missing++
        if (isFinal(verdict, missing)) {
          // The number of an attempt that may have been stored must not be used for other messages.
          if (isUncertain) this.#options.renew()
          await this.#refuse(unit, verdict, error)
          return
        }
        // A topic that is gone makes kafkajs fail for all others that the same producer has sent to.
        if (verdict === 'fenced' || verdict === 'no-topic') this.#options.renew()
        isUncertain ||= verdict === 'retry'
        this.#options.onRetry(error)
      }
      try {
        await this.#options.pause(attempt)
      } catch {
        return
      }
    }
  }

  async #refuse(unit: readonly Entry[], verdict: Verdict, error: unknown): Promise<void> {
    if (verdict !== 'too-large') {
      for (const entry of unit) entry.publish.reject(this.#options.refusal(error, entry))
      this.#options.onTopicRefused(error)
      return
    }
    if (unit.length === 1) {
      unit[0]!.publish.reject(this.#options.refusal(error, unit[0]!))
      return
    }
    // The topic takes less than was assumed: from now on one by one, or half as much.
    this.#sendBytesMax = Math.ceil(this.#sendBytesMax / 2)
    for (const entry of unit) await this.#deliver([entry])
  }
}

function isFinal(verdict: Verdict, missing: number): boolean {
  return verdict === 'too-large' || verdict === 'refused' || missing >= NO_TOPIC_ATTEMPTS
}

function recordOf({ message, timestamp }: Entry, partition: number): KafkaMessage {
  return {
    key: message.key,
    value: asBuffer(message.value),
    partition,
    timestamp,
    ...(message.headers === undefined ? {} : { headers: { ...message.headers } }),
  }
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
