import type { Admin } from 'kafkajs'
import { DecklogError } from '../../core/errors.ts'
import { type Client, type ClientOptions, openClient } from './client.ts'
import { isAnswer, translate } from './errors.ts'
import { topicsOf } from './topics.ts'

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
      if (this.#open === open && !isAnswer(error)) {
        this.#open = undefined
        void disconnect(open)
      }
      throw translate(error, what, this.#options)
    }
  }

  /** Partitions of a topic, `undefined` where it does not exist. */
  async partitionCount(topic: string): Promise<number | undefined> {
    const [found] = await this.use(`look up the topic ${topic}`, (admin) => topicsOf(admin, [topic]))
    return found?.partitions.length
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
