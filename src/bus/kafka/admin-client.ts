import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { DecklogError } from '../../core/errors.ts'
import { type Client, type ClientOptions, openClient } from './client.ts'
import { isAnswer, isOutOfDate, judge, translate } from './errors.ts'
import { topicsOf } from './topics.ts'

/** For a cluster that is choosing leaders, as it does when a topic is new. */
const ATTEMPTS = 8
const PAUSE_MS = 250

export type { Admin }

interface Open {
  readonly client: Client
  readonly admin: Admin
}

/**
 * What kafkajs can ask the brokers about topics and groups. Connects when first used, and anew after a failure.
 *
 * One question at a time: a question about one topic replaces what kafkajs knows of all others, and an answer that is being put
 * together from that comes out empty.
 */
export class AdminClient {
  readonly #options: ClientOptions
  #open: Promise<Open> | undefined
  /** Questions that the present connection has answered. */
  #answered = 0
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** Not to be called within `ask`. @throws {DecklogError} one sentence that begins with `cannot <what>`. */
  use<T>(what: string, ask: (admin: Admin) => Promise<T>): Promise<T> {
    const asked = this.#last.then(() => this.#tryToAsk(what, ask))
    this.#last = asked.catch(() => {})
    return asked
  }

  async #tryToAsk<T>(what: string, ask: (admin: Admin) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      if (this.#closed) throw new DecklogError('closed', `cannot ${what}: the bus is closed`)
      const answered = this.#answered
      try {
        return await this.#ask(ask)
      } catch (error) {
        if (this.#closed) throw new DecklogError('closed', `cannot ${what}: the bus was closed`)
        // A topic that was asked about before and is gone makes kafkajs fail for every other one.
        const mayPass = isOutOfDate(error) || (judge(error) === 'no-topic' && answered > 0)
        if (attempt === ATTEMPTS || !mayPass) throw translate(error, what, this.#options)
      }
      await sleep(PAUSE_MS)
    }
  }

  async #ask<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
    const open = (this.#open ??= this.#connect())
    try {
      const answer = await this.#inTime(open.then(({ admin }) => ask(admin)))
      this.#answered++
      return answer
    } catch (error) {
      if (!isAnswer(error) || isOutOfDate(error) || judge(error) === 'no-topic') {
        this.#open = undefined
        this.#answered = 0
        void disconnect(open)
      }
      throw error
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
    if (this.#open) await disconnect(this.#open)
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
