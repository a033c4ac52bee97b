import { createRequire } from 'node:module'
import { expect, test, vi } from 'vitest'
import { mendEncoder } from '../../src/bus/kafka/mend-encoder.ts'

const require = createRequire(import.meta.url)

interface Encoder {
  readonly buffer: Buffer
  readonly buf: Buffer
  writeInt32(value: number): Encoder
  writeBytes(value: Buffer): Encoder
  writeEncoder(value: Encoder): Encoder
  writeEncoderArray(values: readonly Encoder[]): Encoder
  size(): number
}

const Encoder = require('kafkajs/src/protocol/encoder') as new () => Encoder
const request = require('kafkajs/src/protocol/request') as (options: object) => Promise<Encoder>

const SIZES = [0, 1, 127, 4095, 4096, 4097, 65_000, 300_000]

function bytesOf(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => (i * 31 + size) & 0xff))
}

/** kafkajs loads it when it sends for the first time, and takes other functions as they are then. */
function loadProduce(): (options: object) => object {
  for (const path of Object.keys(require.cache))
    if (path.includes('/protocol/requests/produce/')) delete require.cache[path]
  return require('kafkajs/src/protocol/requests/produce/v7/request') as (options: object) => object
}

/** As a send is encoded, in a sequence of sends of some records each. */
function produceRequests(
  sends = [...SIZES.map((size) => [size]), [4096, 10, 70_000, 0], SIZES],
): Promise<Buffer[]> {
  const produce = loadProduce()
  return Promise.all(
    sends.map(async (sizes, at) => {
      const messages = sizes.map((size) => ({
        key: `stream-${size}`,
        value: bytesOf(size),
        timestamp: '1795528301482',
        headers: size % 2 === 0 ? { reason: 'even' } : {},
      }))
      const partitions = [{ partition: at, firstSequence: at * 10, messages }]
      const encoded = await request({
        correlationId: at,
        clientId: 'test',
        request: produce({
          acks: -1,
          timeout: 30_000,
          transactionalId: null,
          producerId: '7',
          producerEpoch: 1,
          compression: 0,
          topicData: [{ topic: 'topic', partitions }],
        }),
      })
      // Asked twice, as kafkajs does; the second time must not give less.
      expect(encoded.size()).toBe(encoded.buffer.length)
      return Buffer.from(encoded.buffer)
    }),
  )
}

function nested(): Buffer {
  const inner = new Encoder().writeInt32(1).writeBytes(bytesOf(5_000))
  const before = Buffer.from(inner.buffer)
  const outer = new Encoder().writeInt32(2).writeEncoderArray([inner, inner]).writeEncoder(inner)
  // What is written to the inner one later is not in the outer one.
  inner.writeInt32(3)
  expect(inner.buffer.subarray(0, before.length).equals(before)).toBe(true)
  return Buffer.concat([outer.writeInt32(4).buffer, inner.buffer])
}

test('a mended encoder of kafkajs gives the same bytes, and copies a large message less often', async () => {
  const [asItWas, nestedAsItWas] = [await produceRequests(), nested()]
  mendEncoder()
  const [mended, nestedMended] = [await produceRequests(), nested()]
  expect(mended.map((bytes) => bytes.toString('hex'))).toEqual(asItWas.map((bytes) => bytes.toString('hex')))
  expect(nestedMended.equals(nestedAsItWas)).toBe(true)
  const large = bytesOf(300_000)
  expect(new Encoder().writeBytes(large).buf.length).toBeLessThan(large.length)
})

test('of the copies of a mended batch only the request stays in memory', async () => {
  mendEncoder()
  const concat = vi.spyOn(Buffer, 'concat')
  const [sent] = await produceRequests([[70_000, 70_000]])
  const copies = concat.mock.results.map(({ value }) => value as Buffer)
  concat.mockRestore()
  expect(copies.map(({ length }) => length)).toEqual([0, 0, sent!.length])
})
