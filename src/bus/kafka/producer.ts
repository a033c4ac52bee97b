import type { Message as KafkaMessage, Producer } from 'kafkajs'
import type { Clock } from '../../ports/clock.ts'
import { type Client, type ClientOptions, openClient } from './client.ts'
import { deadConnection } from './errors.ts'
import { CompressionTypes } from './kafkajs.ts'
import { within } from './within.ts'

interface Open {
  readonly client: Client
  readonly producer: Producer
}

/** The brokers' answer has nothing of the partition: kafkajs drops what is for a partition that it does not know. */
export class PartitionGoneError extends Error {
  readonly type = 'UNKNOWN_TOPIC_OR_PARTITION'
}

/**
 * One idempotent producer: the brokers recognise what is sent again by (producer, partition, sequence number).
 *
 * kafkajs gives a sequence number back when a send fails, so the number of a send whose outcome is unknown is used again by the
 * next send to that partition. If that is another message of as many records, the brokers take it for the first one and
 * acknowledge it without storing it. Hence the rule for all callers: one send in flight a partition, and after a failure the same
 * records again, unchanged, until they are acknowledged. Who cannot keep it calls `renew` before the next send.
 */
export class IdempotentProducer {
  readonly #options: ClientOptions & { readonly clock: Clock }
  #open: Promise<Open> | undefined

  constructor(options: ClientOptions & { readonly clock: Clock }) {
    this.#options = options
  }

  /** @throws kafkajs' error; the outcome is then unknown unless a broker answered. */
  async send(topic: string, partition: number, messages: KafkaMessage[]): Promise<void> {
    const open = (this.#open ??= this.#connect())
    let client: Client | undefined
    try {
      const { producer, ...rest } = await this.#inTime(open, open)
      client = rest.client
      const sending = producer.send({ topic, messages, acks: -1, compression: CompressionTypes.None })
      const answer = await this.#inTime(open, sending)
      if (!answer.some((one) => one.partition === partition && one.errorCode === 0)) {
        throw new PartitionGoneError(`${topic}/${partition} is unknown`)
      }
    } catch (error) {
      if (client === undefined && this.#open === open) this.#open = undefined
      const dead = deadConnection(error)
      if (dead) client?.sockets.cut(dead.broker)
      throw error
    }
  }

  /**
   * kafkajs can lose a promise where connections break while others are being made. What has not settled long after every time-out is
   * given up with its producer: the next one has an identity of its own, so a message may be doubled then, and none is lost.
   */
  async #inTime<T>(open: Promise<Open>, promise: Promise<T>): Promise<T> {
    const { requestTimeoutMs = 30_000, connectTimeoutMs = 5_000 } = this.#options
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => {
        if (this.#open === open) this.renew()
        void open.then(
          ({ client }) => client.sockets.shut(),
          () => {},
        )
        reject(new Error('kafkajs has neither sent nor failed'))
      },
      2 * (requestTimeoutMs + connectTimeoutMs),
    )
    try {
      return await Promise.race([promise, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** The next send is made by a new producer, with an identity and sequence numbers of its own. */
  renew(): void {
    const open = this.#open
    this.#open = undefined
    if (open) void disconnect(open)
  }

  async close(timeoutMs: number): Promise<void> {
    const open = this.#open
    this.#open = undefined
    if (!open) return
    await within(disconnect(open), timeoutMs, this.#options.clock)
    void open.then(
      ({ client }) => client.sockets.shut(),
      () => {},
    )
  }

  async #connect(): Promise<Open> {
    const client = openClient(this.#options)
    const producer = client.kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!,
      retry: { retries: 1 },
    })
    try {
      await producer.connect()
    } catch (error) {
      client.sockets.shut()
      throw error
    }
    return { client, producer }
  }
}

async function disconnect(open: Promise<Open>): Promise<void> {
  try {
    const { producer, client } = await open
    await producer.disconnect()
    client.sockets.shut()
  } catch {
    // It is gone anyway.
  }
}
