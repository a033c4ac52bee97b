import kafkajs from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { openKafkaBus } from '../../src/bus/kafka.ts'
import type { BusLoss, KafkaBusOptions } from '../../src/bus/kafka/options.ts'
import { type Marks, startOf } from '../../src/bus/kafka/start-offsets.ts'
import type { Bus, Delivery } from '../../src/ports/bus.ts'
import {
  busOptions,
  freshName,
  madeTopics,
  noKafka,
  plaintext,
  recordingLog,
  until,
} from '../support/kafka.ts'

describe.skipIf(noKafka !== undefined)('offsets', () => {
  test('what was deleted while the group was away is a declared loss, and the group goes on behind it', async () => {
    const topic = freshName('gone')
    await using _topics = await madeTopics(plaintext, [topic], { partitions: 1 })
    const first = await open()
    const seen: number[] = []
    await first.subscribe(reader(topic, seen))
    await publish(first, topic, 0, 10)
    await until(() => seen.length === 10)
    await first.close()
    await using second = await open()
    await publish(second, topic, 10, 20)
    await deleteBefore(topic, 25)
    const losses: BusLoss[] = []
    const log = recordingLog()
    await using third = await open({ onLoss: (loss) => losses.push(loss), log })
    await third.subscribe(reader(topic, seen))
    await until(() => seen.length === 15)
    expect(seen.slice(10)).toEqual([25, 26, 27, 28, 29])
    expect(losses).toEqual([{ topic, group: 'g', partition: 0, from: 10, to: 24 }])
    expect(log.said.filter(({ level }) => level === 'error')).toHaveLength(1)
  })

  test('what is deleted under a slow subscriber is a declared loss too', { timeout: 60_000 }, async () => {
    const topic = freshName('overtaken')
    await using _topics = await madeTopics(plaintext, [topic], { partitions: 1 })
    const losses: BusLoss[] = []
    await using bus = await open({ onLoss: (loss) => losses.push(loss), fetchBytesMax: 1_000 })
    const held: Delivery[] = []
    await bus.subscribe({ group: 'g', topics: [topic], bytesMax: 2_000, handle: (one) => held.push(one) })
    for (let i = 0; i < 30; i++) await bus.publish(topic, [{ key: 'k', value: Buffer.alloc(500, i) }])
    await until(() => held.length >= 4)
    await deleteBefore(topic, 20)
    const numbers: number[] = []
    await until(() => {
      for (const one of held.splice(0)) {
        numbers.push(one.value[0]!)
        one.ack()
      }
      return numbers.at(-1) === 29
    }, 40_000)
    const lost = losses.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i))
    expect(lost.length).toBeGreaterThan(0)
    expect([...numbers, ...lost].sort((x, y) => x - y)).toEqual(Array.from({ length: 30 }, (_, i) => i))
  })

  test('only what is settled with all before it is committed', async () => {
    const topic = freshName('low')
    await using _topics = await madeTopics(plaintext, [topic], { partitions: 1 })
    const first = await open()
    const held: Delivery[] = []
    await first.subscribe({ group: 'g', topics: [topic], bytesMax: 1 << 20, handle: (one) => held.push(one) })
    await publish(first, topic, 0, 10)
    await until(() => held.length === 10)
    for (const i of [0, 1, 2, 4, 5, 9]) held[i]!.ack()
    expect((await first.lag())[0]).toMatchObject({ messages: 4 })
    await first.close()
    await using second = await open({ watch: [{ topic, group: 'g' }] })
    expect((await second.lag())[0]).toMatchObject({ messages: 7 })
    const seen: number[] = []
    await second.subscribe(reader(topic, seen))
    await until(() => seen.length === 7)
    expect(seen).toEqual([3, 4, 5, 6, 7, 8, 9])
  })

  test('lag tells messages, bytes and age of a group that nobody runs', async () => {
    const topic = freshName('lag')
    await using _topics = await madeTopics(plaintext, [topic])
    await using bus = await open({ watch: [{ topic, group: 'idle' }] })
    expect(await bus.lag()).toEqual([{ topic, group: 'idle', messages: 0, bytes: 0, oldestMs: 0 }])
    await publish(bus, topic, 0, 30)
    const [lag] = await bus.lag()
    expect(lag).toMatchObject({ messages: 30 })
    expect([1_000, 5_000]).toContain(lag!.oldestMs)
  })

  test('lag of many topics is right at once, also when one of them goes', async () => {
    const topics = Array.from({ length: 6 }, () => freshName('many'))
    await using _topics = await madeTopics(plaintext, topics.slice(1))
    const gone = await madeTopics(plaintext, [topics[0]!])
    await using bus = await open({ watch: topics.map((topic) => ({ topic, group: 'g' })) })
    await Promise.all(topics.map((topic, i) => publish(bus, topic, 0, i + 1)))
    const counts = async (): Promise<number[]> => (await bus.lag()).map(({ messages }) => messages)
    expect(await Promise.all([counts(), counts(), bus.lag()])).toMatchObject([
      [1, 2, 3, 4, 5, 6],
      [1, 2, 3, 4, 5, 6],
      {},
    ])
    await gone[Symbol.asyncDispose]()
    await until(async () => (await counts()).length === 5)
    expect(await counts()).toEqual([2, 3, 4, 5, 6])
  })

  test('lag leaves out a topic that does not exist', async () => {
    await using bus = await open({ watch: [{ topic: freshName('none'), group: 'g' }] })
    expect(await bus.lag()).toEqual([])
  })
})

describe('where a group starts', () => {
  const marks = (options: Partial<Marks>): Marks => ({
    partition: 0,
    low: 0,
    high: 100,
    committed: undefined,
    ...options,
  })

  test('at the beginning when it never was here', () => {
    expect(startOf(marks({ low: 7 }))).toMatchObject({ start: 7, lost: undefined })
  })
  test('where it has stopped', () => {
    expect(startOf(marks({ committed: 50 }))).toMatchObject({ start: 50, lost: undefined })
    expect(startOf(marks({ committed: 100 }))).toMatchObject({ start: 100, lost: undefined })
  })
  test('behind what is gone, and says what that was', () => {
    expect(startOf(marks({ low: 60, committed: 50 }))).toMatchObject({
      start: 60,
      lost: { from: 50, to: 59 },
    })
  })
  test('at the beginning of a topic that was made anew', () => {
    expect(startOf(marks({ committed: 101 }))).toMatchObject({ start: 0, isNewTopic: true })
  })
})

function open(options: Partial<KafkaBusOptions> = {}): Promise<Bus> {
  return openKafkaBus(busOptions(plaintext, options))
}

function reader(topic: string, seen: number[]): Parameters<Bus['subscribe']>[0] {
  return {
    group: 'g',
    topics: [topic],
    bytesMax: 1 << 20,
    handle(delivery) {
      seen.push(Number(Buffer.from(delivery.value).toString()))
      delivery.ack()
    },
  }
}

async function publish(bus: Bus, topic: string, first: number, count: number): Promise<void> {
  await bus.publish(
    topic,
    Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: Buffer.from(String(first + i)) })),
  )
}

async function deleteBefore(topic: string, offset: number): Promise<void> {
  const admin = new kafkajs.Kafka({
    brokers: [...plaintext.brokers],
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin()
  await admin.connect()
  await admin.fetchTopicOffsets(topic) // loads what kafkajs needs to know of the topic
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] })
  await admin.disconnect()
}
