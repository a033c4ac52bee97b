import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import kafkajs from 'kafkajs'
import { decodeEventBatch } from '../../src/codec/event-batch.ts'
import { EventIndex } from '../../src/core/event-batch.ts'
import type { Engines } from './engines.ts'

/** The yardstick: bodies of the bulk API, made beforehand, posted by node:http. Nothing that writes over HTTP is faster. */

const BODY_BYTES = 5_000_000
const IN_FLIGHT = 4

/** Makes bodies of the documents that are on a topic of events. Returns how many documents there are. */
export async function bodiesOfTopic(
  { broker }: Engines,
  { topic, events, directory }: { topic: string; events: number; directory: string },
): Promise<number> {
  mkdirSync(directory, { recursive: true })
  const writer = new BodyWriter(directory)
  const kafka = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId: `bench-bodies-${Date.now()}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  await consumer.run({
    autoCommit: false,
    eachMessage: ({ message }) => {
      try {
        writer.add(message.value!)
      } catch (error) {
        reject(error)
      }
      if (writer.documents >= events) resolve()
      return Promise.resolve()
    },
  })
  await promise
  await consumer.disconnect()
  writer.end()
  return writer.documents
}

class BodyWriter {
  documents = 0
  readonly #directory: string
  #parts: Buffer[] = []
  #bytes = 0
  #bodies = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  add(message: Buffer): void {
    const batch = decodeEventBatch(message)
    const index = new EventIndex(batch)
    const documents =
      batch.codec === 'none' ? Buffer.from(batch.documents) : zstdDecompressSync(batch.documents)
    for (let row = 0; row < index.count; row++) {
      const document = documents.subarray(index.offset(row), index.offset(row) + index.length(row) + 1)
      const action = Buffer.from(`{"create":{"_id":"${index.id(row)}"}}\n`)
      if (this.#bytes + action.length + document.length > BODY_BYTES) this.end()
      this.#parts.push(action, document)
      this.#bytes += action.length + document.length
    }
    this.documents += index.count
  }

  end(): void {
    if (this.#parts.length === 0) return
    const fd = openSync(join(this.#directory, `${String(this.#bodies++).padStart(5, '0')}.ndjson`), 'w')
    writeSync(fd, Buffer.concat(this.#parts))
    closeSync(fd)
    this.#parts = []
    this.#bytes = 0
  }
}

/** Posts all bodies to a data stream. Returns how long it took, in seconds. */
export async function postBodies(engines: Engines, directory: string, dataStream: string): Promise<number> {
  const bodies = readdirSync(directory)
    .toSorted()
    .map((name) => readFileSync(join(directory, name)))
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT })
  const filter = 'filter_path=errors,items.*.status,items.*.error.type'
  const url = `${engines.elasticsearch}/${dataStream}/_bulk?require_data_stream=true&${filter}`
  const startMs = performance.now()
  const post = async (): Promise<void> => {
    for (let body = bodies.shift(); body !== undefined; body = bodies.shift()) await postOne(agent, url, body)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, post))
  const seconds = (performance.now() - startMs) / 1000
  agent.destroy()
  return seconds
}

function postOne(agent: Agent, url: string, body: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.length }
  const sent = request(url, { agent, method: 'POST', headers }, (answer) => {
    answer.resume()
    answer.once('end', () =>
      answer.statusCode === 200 ? resolve() : reject(new Error(`raw bulk: ${answer.statusCode}`)),
    )
    answer.once('error', reject)
  })
  sent.once('error', reject)
  sent.end(body)
  return promise
}
