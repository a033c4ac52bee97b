import { connect } from 'node:net'
import kafkajs from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { openKafkaBus } from '../../src/bus/kafka.ts'
import type { KafkaBusOptions } from '../../src/bus/kafka/options.ts'
import { partitionOf } from '../../src/bus/kafka/partition-of.ts'
import { busOptions, freshName, madeTopics, noKafka, pause, plaintext, until } from '../support/kafka.ts'
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']
const MESSAGE_BYTES = 20_000

describe.skipIf(noKafka !== undefined)('a bad network between publisher and broker', () => {
  test('connections cut between request and answer lose nothing, double nothing and keep the order', async () => {
    await using place = await openPlace()
    const { bus, proxy, topic } = place
    const cuts = proxy.cutBeforeResponse({ times: 10, requestBytesMin: MESSAGE_BYTES })
    let [next, isCutting] = [0, true]
    void cuts.then(() => (isCutting = false))
    const open: Promise<void>[] = []
    while (isCutting && next < 4_000) {
      for (let i = 0; i < 20; i++) open.push(bus.publish(topic, [messageOf(next++)]))
      await pause(20)
    }
    await Promise.all(open)
    expect(isCutting).toBe(false)
    const stored = await numbersIn(topic)
    expect([...stored].sort((x, y) => x - y)).toEqual(Array.from({ length: next }, (_, i) => i))
    for (const [k] of KEYS.entries()) {
      const own = stored.filter((number) => number % KEYS.length === k)
      expect(own).toEqual([...own].sort((x, y) => x - y))
    }
  })

  test('answers that are lost again and again, with their connections, are waited for all the same', async () => {
    await using place = await openPlace()
    const { bus, proxy, topic } = place
    await bus.publish(topic, [messageOf(0)])
    const cuts = proxy.cutBeforeResponse({ times: 25, requestBytesMin: MESSAGE_BYTES })
    const open = Array.from({ length: 40 }, (_, i) => bus.publish(topic, [messageOf(i + 1)]))
    await cuts
    await Promise.all(open)
    const stored = await numbersIn(topic)
    expect([...stored].sort((x, y) => x - y)).toEqual(Array.from({ length: 41 }, (_, i) => i))
  })

  test('answers that never come are asked for again over a new connection', async () => {
    await using place = await openPlace({ requestTimeoutMs: 500 })
    const { bus, proxy, topic } = place
    await bus.publish(topic, [messageOf(0)])
    proxy.dropResponses(true)
    const open = Array.from({ length: 30 }, (_, i) => bus.publish(topic, [messageOf(i + 1)]))
    await pause(1_500)
    proxy.dropResponses(false)
    await Promise.all(open)
    const stored = await numbersIn(topic)
    expect([...stored].sort((x, y) => x - y)).toEqual(Array.from({ length: 31 }, (_, i) => i))
  })

  test('a connection whose other end is gone without a word is given up', async () => {
    await using place = await openPlace({ requestTimeoutMs: 500 })
    const { bus, proxy, topic } = place
    await bus.publish(topic, [messageOf(0)])
    proxy.freeze()
    await Promise.all(Array.from({ length: 30 }, (_, i) => bus.publish(topic, [messageOf(i + 1)])))
    expect([...(await numbersIn(topic))].sort((x, y) => x - y)).toEqual(
      Array.from({ length: 31 }, (_, i) => i),
    )
  })

  test('a connection to a broker that was silent when it was made is not kept', async () => {
    await using place = await openPlace({ requestTimeoutMs: 300, connectTimeoutMs: 300 })
    const { bus, proxy, topic } = place
    await bus.publish(topic, [messageOf(0)])
    proxy.dropResponses(true)
    proxy.cut()
    const open = bus.publish(topic, [messageOf(1)])
    await pause(3_000)
    proxy.dropResponses(false)
    await open
    expect(new Set(await numbersIn(topic))).toEqual(new Set([0, 1]))
  })

  test('a message that was aborted while its answer was lost takes no other message with it', async () => {
    await using place = await openPlace()
    const { bus, proxy, topic } = place
    await bus.publish(topic, [messageOf(0)])
    for (let round = 0; round < 5; round++) {
      const controller = new AbortController()
      // Twice, for kafkajs tries once more by itself; aborted in between.
      const before = proxy.cuts
      const cut = proxy.cutBeforeResponse({ times: 2, requestBytesMin: MESSAGE_BYTES })
      const first = bus.publish(topic, [messageOf(KEYS.length * (2 * round + 1))], {
        signal: controller.signal,
      })
      const refused = expect(first).rejects.toMatchObject({ code: 'aborted' })
      await until(() => proxy.cuts > before)
      controller.abort()
      await refused
      await cut
      await bus.publish(topic, [messageOf(KEYS.length * (2 * round + 2))])
    }
    const stored = await numbersIn(topic)
    for (let round = 0; round < 5; round++) expect(stored).toContain(KEYS.length * (2 * round + 2))
    expect(new Set(stored).size).toBe(stored.length)
  })

  test('a broker that is away for a while is waited for, and publishes can be aborted meanwhile', async () => {
    await using place = await openPlace()
    const { bus, proxy, topic } = place
    await bus.publish(topic, [messageOf(0)])
    proxy.refuse(true)
    proxy.cut()
    const controller = new AbortController()
    const aborted = bus.publish(topic, [messageOf(1)], { signal: controller.signal })
    const kept = bus.publish(topic, [messageOf(2)])
    await pause(700)
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
    proxy.refuse(false)
    await kept
    expect(await numbersIn(topic)).toContain(2)
  })

  test('closing while the broker is away ends at once, and says so to who publishes', async () => {
    await using place = await openPlace()
    const { bus, proxy, topic } = place
    await bus.publish(topic, [messageOf(0)])
    proxy.refuse(true)
    proxy.cut()
    const publish = expect(bus.publish(topic, [messageOf(1)])).rejects.toMatchObject({ code: 'closed' })
    await pause(200)
    await bus.close()
    await publish
  })

  test('the hazard is real: two sends in flight to a partition, and kafkajs acknowledges what is not stored', async () => {
    const topic = freshName('naive')
    await using _topics = await madeTopics(plaintext, [topic], { partitions: 1 })
    await using proxy = await proxyToBroker()
    const kafka = new kafkajs.Kafka({
      brokers: [...plaintext.brokers],
      socketFactory: naiveSockets(proxy),
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 50, maxRetryTime: 200 },
    })
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const acknowledged: number[] = []
    const open: Promise<unknown>[] = []
    let next = 0
    const send = (): void => {
      const number = next++
      const sent = producer.send({ topic, messages: [{ value: messageOf(number).value }] })
      open.push(
        sent.then(
          () => acknowledged.push(number),
          () => {},
        ),
      )
    }
    for (let cut = 0; cut < 5; cut++) {
      const isCut = proxy.cutBeforeResponse({ requestBytesMin: MESSAGE_BYTES })
      for (let i = 0; i < 8; i++) send()
      await isCut
      await Promise.all(open)
    }
    await producer.disconnect()
    const stored = new Set(await numbersIn(topic))
    const lost = acknowledged.filter((number) => !stored.has(number))
    expect(lost.length).toBeGreaterThan(0)
  })
})

interface Place extends AsyncDisposable {
  readonly bus: Awaited<ReturnType<typeof openKafkaBus>>
  readonly proxy: TcpProxy
  readonly topic: string
}

async function openPlace(options: Partial<KafkaBusOptions> = {}): Promise<Place> {
  const topic = freshName('lost')
  const topics = await madeTopics(plaintext, [topic])
  const proxy = await proxyToBroker()
  const bus = await openKafkaBus(
    busOptions(plaintext, {
      reroute: () => ({ host: '127.0.0.1', port: proxy.port }),
      sendBytesMax: 60_000,
      ...options,
    }),
  )
  expect(new Set(KEYS.map((key) => partitionOf(key, 3))).size).toBe(3)
  return {
    bus,
    proxy,
    topic,
    async [Symbol.asyncDispose]() {
      await bus.close()
      await proxy[Symbol.asyncDispose]()
      await topics[Symbol.asyncDispose]()
    },
  }
}

function proxyToBroker(): Promise<TcpProxy> {
  const [host, port] = plaintext.brokers[0]!.split(':')
  return openTcpProxy({ host: host!, port: Number(port) })
}

function messageOf(number: number): { key: string; value: Buffer } {
  const value = Buffer.alloc(MESSAGE_BYTES)
  value.writeUInt32LE(number)
  return { key: KEYS[number % KEYS.length]!, value }
}

/** Everything that the topic holds, in the order of its partitions. */
async function numbersIn(topic: string): Promise<number[]> {
  await using bus = await openKafkaBus(busOptions(plaintext))
  const numbers: number[] = []
  await bus.subscribe({
    group: 'count',
    topics: [topic],
    bytesMax: 1 << 24,
    handle(delivery) {
      numbers.push(Buffer.from(delivery.value).readUInt32LE())
      delivery.ack()
    },
  })
  await until(async () => (await bus.lag()).every(({ messages }) => messages === 0))
  return numbers
}

function naiveSockets(proxy: TcpProxy): kafkajs.ISocketFactory {
  return ({ onConnect }) => connect({ host: '127.0.0.1', port: proxy.port }, onConnect)
}
