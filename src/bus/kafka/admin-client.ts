import type { Admin } from 'kafkajs'
import { DecklogError } from '../../core/errors.ts'
import { type Client, type ClientOptions, openClient } from './client.ts'
import { judge, missingTopic, translate } from './errors.ts'

/** What kafkajs can ask the brokers about topics and groups. Connects when first used, and anew after a failure. */
export class AdminClient {
  readonly #options: ClientOptions
  #open: Promise<{ readonly client: Client; readonly admin: Admin }> | undefined
  #closed = false

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** @throws {DecklogError} one sentence that begins with `cannot <what>`. */
  async use<T>(what: string, ask: (admin: Admin) => Promise<T>): Promise<T> {
    if (this.#closed) throw new DecklogError('closed', `cannot ${what}: the bus is closed`)
    const open = (this.#open ??= this.#connect())
    try {
      return await ask((await open).admin)
    } catch (error) {
      if (this.#open === open && judge(error) !== 'no-topic') {
        this.#open = undefined
        void disconnect(open)
      }
      throw translate(error, what, this.#options)
    }
  }

  /** Partitions of a topic, `undefined` where it does not exist. */
  async partitionCount(topic: string): Promise<number | undefined> {
    return this.use(`look up the topic ${topic}`, async (admin) => {
      try {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
        return topics[0]?.partitions.length
      } catch (error) {
        if (judge(error) === 'no-topic') return undefined
        throw error
      }
    })
  }

  /** @throws {DecklogError} `unreachable`, also where the topic does not exist. */
  async partitionsOf(topic: string): Promise<number> {
    const count = await this.partitionCount(topic)
    if (count === undefined || count === 0) throw missingTopic(topic)
    return count
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#open) await disconnect(this.#open)
  }

  async #connect(): Promise<{ client: Client; admin: Admin }> {
    const client = openClient(this.#options)
    const admin = client.kafka.admin()
    try {
      await admin.connect()
    } catch (error) {
      client.sockets.cut()
      throw error
    }
    return { client, admin }
  }
}

async function disconnect(open: Promise<{ client: Client; admin: Admin }>): Promise<void> {
  try {
    const { client, admin } = await open
    client.sockets.cut()
    await admin.disconnect()
  } catch {
    // It is gone anyway.
  }
}
