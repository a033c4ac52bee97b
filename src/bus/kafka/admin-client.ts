import type { Admin } from 'kafkajs'
import { DecklogError } from '../../core/errors.ts'
import { type Client, type ClientOptions, openClient } from './client.ts'
import { isAnswer, translate } from './errors.ts'
import { topicsOf } from './topics.ts'

interface Open {
  readonly client: Client
  readonly admin: Admin
}

/** A connection, and who uses it now. One that has failed is left by the next, and ends with its last user. */
interface Connection {
  readonly open: Promise<Open>
  users: number
}

const RACES_MAX = 20

/**
 * A question about one topic replaces what kafkajs knows of all others, also while they are asked about: it then stumbles over the
 * missing topic with a TypeError, and looks it up when it is asked again.
 */
async function askAgain<T>(admin: Admin, ask: (admin: Admin) => Promise<T>): Promise<T> {
  for (let races = 0; ; races++) {
    try {
      return await ask(admin)
    } catch (error) {
      if (!(error instanceof TypeError) || races === RACES_MAX) throw error
    }
  }
}

/** What kafkajs can ask the brokers about topics and groups. Connects when first used, and anew after a failure. */
export class AdminClient {
  readonly #options: ClientOptions
  #current: Connection | undefined
  #closed = false

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** @throws {DecklogError} one sentence that begins with `cannot <what>`. */
  async use<T>(what: string, ask: (admin: Admin) => Promise<T>): Promise<T> {
    if (this.#closed) throw new DecklogError('closed', `cannot ${what}: the bus is closed`)
    const connection = (this.#current ??= { open: this.#connect(), users: 0 })
    connection.users++
    try {
      return await this.#inTime(connection.open.then(({ admin }) => askAgain(admin, ask)))
    } catch (error) {
      if (this.#current === connection && !isAnswer(error)) this.#current = undefined
      if (this.#closed) throw new DecklogError('closed', `cannot ${what}: the bus was closed`)
      throw translate(error, what, this.#options)
    } finally {
      connection.users--
      if (connection.users === 0 && this.#current !== connection) void disconnect(connection.open)
    }
  }

  /** kafkajs can lose a promise where connections break while others are being made. */
  async #inTime<T>(promise: Promise<T>): Promise<T> {
    const { requestTimeoutMs = 30_000, connectTimeoutMs = 5_000 } = this.#options
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new Error('kafkajs has neither answered nor failed')),
      2 * (requestTimeoutMs + connectTimeoutMs),
    )
    try {
      return await Promise.race([promise, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Partitions of a topic, `undefined` where it does not exist. */
  async partitionCount(topic: string): Promise<number | undefined> {
    const [found] = await this.use(`look up the topic ${topic}`, (admin) => topicsOf(admin, [topic]))
    return found?.partitions.length
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#current) await disconnect(this.#current.open)
  }

  async #connect(): Promise<Open> {
    const client = openClient(this.#options)
    const admin = client.kafka.admin()
    try {
      await admin.connect()
    } catch (error) {
      client.sockets.shut()
      throw error
    }
    return { client, admin }
  }
}

async function disconnect(open: Promise<Open>): Promise<void> {
  try {
    const { client, admin } = await open
    client.sockets.shut()
    await admin.disconnect()
  } catch {
    // It is gone anyway.
  }
}
