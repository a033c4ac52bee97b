import { afterEach, describe, expect, test } from 'vitest'
import type { Bus, Delivery, Message, Subscription } from '../../src/ports/bus.ts'

/** How an implementation is opened for the suite. Every test gets topics of its own. */
export interface BusUnderTest {
  /** `groups`: those that must acknowledge before a publish is safe, where the implementation knows such. */
  open(options: {
    readonly topics: readonly string[]
    readonly groups: readonly string[]
    readonly topicBytesMax?: number
  }): Promise<Bus>
  /** Another bus on the same place, for topics that `open` has made: with a broker, what was published is still there. */
  reopen?(): Promise<Bus>
  /** A broker is safe at publish; the memory bus when all groups have acknowledged. */
  readonly safeWhen: 'published' | 'acknowledged'
}

/** What a `Bus` promises, as tests. See `src/ports/bus.ts`. */
export function busContract(name: string, implementation: BusUnderTest): void {
  describe(`bus contract: ${name}`, () => {
    const open: AsyncDisposable[] = []
    let serial = 0
    const freshTopic = (): string => `contract.${process.pid}.${Date.now().toString(36)}.${serial++}`
    const openBus = async (
      topics: readonly string[],
      groups: readonly string[] = ['a'],
      topicBytesMax?: number,
    ): Promise<Bus> => {
      const bus = await implementation.open({
        topics,
        groups,
        ...(topicBytesMax === undefined ? {} : { topicBytesMax }),
      })
      open.push(bus)
      return bus
    }
    const reopenBus = async (): Promise<Bus> => {
      const bus = await implementation.reopen!()
      open.push(bus)
      return bus
    }
    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
    })

    test('delivers what was published, byte for byte, with key and headers', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const seen = await collect(bus, 'a', [topic])
      const value = Uint8Array.from({ length: 256 }, (_, i) => i)
      await bus.publish(topic, [{ key: 'k', value, headers: { h: 'v' } }])
      await until(() => seen.length === 1)
      expect(Buffer.from(seen[0]!.value).equals(value)).toBe(true)
      expect(seen[0]).toMatchObject({ key: 'k', attempt: 1, topic, headers: { h: 'v' } })
    })

    test('keeps the order of publish calls for each key, with many publishes open', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const seen = await collect(bus, 'a', [topic])
      const publishes = Array.from({ length: 300 }, (_, i) =>
        bus.publish(topic, [message(`key-${i % 3}`, i)]),
      )
      await Promise.all(publishes)
      await until(() => seen.length === 300)
      for (const key of ['key-0', 'key-1', 'key-2']) {
        const numbers = seen.filter((one) => one.key === key).map(numberOf)
        expect(numbers).toEqual([...numbers].sort((x, y) => x - y))
        expect(numbers).toHaveLength(100)
      }
    })

    test('delivers message 2 of a key to a subscriber that acknowledges message 1 only after it has seen message 2', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const held: Delivery[] = []
      await subscribe(bus, 'a', [topic], (delivery) => {
        held.push(delivery)
        if (held.length === 2) held.forEach((one) => one.ack())
      })
      await Promise.all([bus.publish(topic, [message('k', 1)]), bus.publish(topic, [message('k', 2)])])
      await until(() => held.length === 2)
      expect(held.map(numberOf)).toEqual([1, 2])
    })

    test('gives each group every message', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic], ['a', 'b'])
      const [a, b] = [await collect(bus, 'a', [topic]), await collect(bus, 'b', [topic])]
      await bus.publish(topic, [message('k', 1), message('k', 2)])
      await until(() => a.length === 2 && b.length === 2)
      expect(a.map(numberOf)).toEqual([1, 2])
      expect(b.map(numberOf)).toEqual([1, 2])
    })

    test('a nacked message comes again, with the next attempt and the same receipt time', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const seen: Delivery[] = []
      await subscribe(bus, 'a', [topic], (delivery) => {
        seen.push(delivery)
        if (delivery.attempt < 3) delivery.nack('not yet')
        else delivery.ack()
      })
      await bus.publish(topic, [message('k', 7)])
      await until(() => seen.length === 3)
      expect(seen.map((one) => one.attempt)).toEqual([1, 2, 3])
      expect(new Set(seen.map((one) => one.receivedMs)).size).toBe(1)
    })

    test('a nacked message does not hold up other keys', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const done: number[] = []
      const subscription = await subscribe(bus, 'a', [topic], (delivery) => {
        if (delivery.key === 'poison') return delivery.nack('never')
        done.push(numberOf(delivery))
        delivery.ack()
      })
      const poison = bus.publish(topic, [message('poison', 0)]).catch(() => {})
      await bus.publish(topic, [message('good', 1), message('good', 2)])
      await until(() => done.length === 2)
      await subscription.close()
      await bus.close()
      await poison
    })

    test('a second answer to a delivery changes nothing', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const seen: Delivery[] = []
      await subscribe(bus, 'a', [topic], (delivery) => {
        seen.push(delivery)
        delivery.ack()
        delivery.nack('too late')
        delivery.ack()
      })
      await bus.publish(topic, [message('k', 1)])
      await bus.publish(topic, [message('k', 2)])
      await until(() => seen.length >= 2)
      await settle()
      expect(seen.map(numberOf)).toEqual([1, 2])
    })

    test('delivers no more than the bytes that a subscriber may hold', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const held: Delivery[] = []
      const subscription = await subscribe(bus, 'a', [topic], (delivery) => held.push(delivery), 10_000)
      const publishes = Array.from({ length: 50 }, (_, i) =>
        bus.publish(topic, [{ key: `k${i}`, value: new Uint8Array(1_000) }]),
      )
      for (let settled = 0; settled < 50; ) {
        await until(() => held.length > 0)
        expect(subscription.openBytes).toBeLessThanOrEqual(10_000)
        for (const delivery of held.splice(0, 3)) {
          delivery.ack()
          settled++
        }
      }
      await Promise.all(publishes)
    })

    test('one message larger than the bound is delivered alone', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const seen: Delivery[] = []
      await subscribe(
        bus,
        'a',
        [topic],
        (delivery) => {
          seen.push(delivery)
          setTimeout(() => delivery.ack(), 5)
        },
        100,
      )
      await Promise.all([
        bus.publish(topic, [{ key: 'k', value: new Uint8Array(5_000) }]),
        bus.publish(topic, [{ key: 'k', value: new Uint8Array(10) }]),
      ])
      await until(() => seen.length === 2)
      expect(seen.map((one) => one.value.byteLength)).toEqual([5_000, 10])
    })

    test('a subscriber that is slow or dead does not starve another topic', async () => {
      const [loud, quiet] = [freshTopic(), freshTopic()]
      const bus = await openBus([loud, quiet])
      await subscribe(bus, 'a', [loud], () => {}, 1_000)
      const quietSeen = await collect(bus, 'a', [quiet])
      const stuck = Array.from({ length: 20 }, (_, i) =>
        bus.publish(loud, [{ key: `${i}`, value: new Uint8Array(500) }]).catch(() => {}),
      )
      await bus.publish(quiet, [message('k', 1)])
      await until(() => quietSeen.length === 1)
      await bus.close()
      await Promise.all(stuck)
    })

    test('what a closed subscriber left unsettled goes to the next of its group', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const first: Delivery[] = []
      const subscription = await subscribe(bus, 'a', [topic], (delivery) => {
        first.push(delivery)
        if (numberOf(delivery) === 1) delivery.ack()
      })
      const publishes = [
        bus.publish(topic, [message('k', 1)]),
        bus.publish(topic, [message('k', 2)]),
        bus.publish(topic, [message('k', 3)]),
      ]
      await until(() => first.length === 3)
      await subscription.close()
      const second = await collect(bus, 'a', [topic])
      await until(() => second.length >= 2)
      await Promise.all(publishes)
      expect(second.map(numberOf).slice(-2)).toEqual([2, 3])
      for (const delivery of first) delivery.ack()
    })

    test('an answer under an older assignment is discarded', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const first: Delivery[] = []
      const subscription = await subscribe(bus, 'a', [topic], (delivery) => first.push(delivery))
      const publish = bus.publish(topic, [message('k', 1)])
      await until(() => first.length === 1)
      await subscription.close()
      first[0]!.ack()
      const second = await collect(bus, 'a', [topic])
      await until(() => second.length === 1)
      expect(second[0]!.assignment).toBeGreaterThan(first[0]!.assignment)
      await publish
    })

    test('two subscribers of one group share the keys, and each key stays in order', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const [x, y] = [await collect(bus, 'a', [topic]), await collect(bus, 'a', [topic])]
      await Promise.all(
        Array.from({ length: 200 }, (_, i) => bus.publish(topic, [message(`key-${i % 20}`, i)])),
      )
      await until(() => new Set([...x, ...y].map(numberOf)).size === 200)
      for (const seen of [x, y]) {
        for (const key of new Set(seen.map((one) => one.key))) {
          const numbers = seen.filter((one) => one.key === key && one.attempt === 1).map(numberOf)
          expect(numbers).toEqual([...numbers].sort((p, q) => p - q))
        }
      }
    })

    test('pause holds deliveries back, resume lets them go', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const seen: Delivery[] = []
      const subscription = await subscribe(bus, 'a', [topic], (delivery) => {
        seen.push(delivery)
        delivery.ack()
      })
      await bus.publish(topic, [message('k', 1)])
      await until(() => seen.length === 1)
      subscription.pause()
      const publish = bus.publish(topic, [message('k', 2)])
      await settle()
      expect(seen).toHaveLength(1)
      subscription.resume()
      await publish
      await until(() => seen.length === 2)
    })

    test('a publish that is aborted rejects, and the bus goes on', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const controller = new AbortController()
      controller.abort()
      await expect(
        bus.publish(topic, [message('k', 1)], { signal: controller.signal }),
      ).rejects.toMatchObject({ code: 'aborted' })
      const seen = await collect(bus, 'a', [topic])
      await bus.publish(topic, [message('k', 2)])
      await until(() => seen.some((one) => numberOf(one) === 2))
    })

    test('lag counts messages, bytes and age of what is unsettled', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      const held: Delivery[] = []
      await subscribe(bus, 'a', [topic], (delivery) => held.push(delivery))
      const publish = bus.publish(topic, [{ key: 'k', value: new Uint8Array(100) }])
      await until(() => held.length === 1)
      const lag = (await bus.lag()).find((one) => one.topic === topic && one.group === 'a')
      expect(lag).toMatchObject({ messages: 1 })
      held[0]!.ack()
      await publish
      await until(
        async () => (await bus.lag()).find((one) => one.topic === topic && one.group === 'a')?.messages === 0,
      )
    })

    test('after close, publish and subscribe say so', async () => {
      const topic = freshTopic()
      const bus = await openBus([topic])
      await bus.close()
      await expect(bus.publish(topic, [message('k', 1)])).rejects.toMatchObject({ code: 'closed' })
      await expect(
        bus.subscribe({ group: 'a', topics: [topic], bytesMax: 1, handle: () => {} }),
      ).rejects.toMatchObject({ code: 'closed' })
    })

    if (implementation.safeWhen === 'acknowledged') acknowledgedContract(freshTopic, openBus)
    else publishedContract(freshTopic, openBus, reopenBus)

    async function subscribe(
      bus: Bus,
      group: string,
      topics: string[],
      handle: (delivery: Delivery) => void,
      bytesMax = 1 << 20,
    ): Promise<Subscription> {
      const subscription = await bus.subscribe({ group, topics, bytesMax, handle })
      open.push(subscription)
      return subscription
    }
    async function collect(bus: Bus, group: string, topics: string[]): Promise<Delivery[]> {
      const seen: Delivery[] = []
      await subscribe(bus, group, topics, (delivery) => {
        seen.push(delivery)
        delivery.ack()
      })
      return seen
    }
  })
}

/** What only a bus promises that is safe when all groups have acknowledged. */
function acknowledgedContract(
  freshTopic: () => string,
  openBus: (topics: readonly string[], groups?: readonly string[], topicBytesMax?: number) => Promise<Bus>,
): void {
  test('a publish is safe only when every group has acknowledged, one that has not subscribed yet included', async () => {
    const topic = freshTopic()
    const bus = await openBus([topic], ['a', 'b'])
    let safe = false
    await bus.subscribe({
      group: 'a',
      topics: [topic],
      bytesMax: 1 << 20,
      handle: (delivery) => delivery.ack(),
    })
    const publish = bus.publish(topic, [message('k', 1)]).then(() => (safe = true))
    await settle()
    expect(safe).toBe(false)
    await bus.subscribe({
      group: 'b',
      topics: [topic],
      bytesMax: 1 << 20,
      handle: (delivery) => delivery.ack(),
    })
    await publish
    expect(safe).toBe(true)
  })

  test('a topic holds no more than its bytes: publish waits, in order', async () => {
    const topic = freshTopic()
    const bus = await openBus([topic], ['a'], 4_000)
    const held: Delivery[] = []
    await bus.subscribe({
      group: 'a',
      topics: [topic],
      bytesMax: 1 << 20,
      handle: (delivery) => held.push(delivery),
    })
    const publishes = Array.from({ length: 10 }, (_, i) =>
      bus.publish(topic, [{ key: 'k', value: new Uint8Array(1_000).fill(i) }]),
    )
    await until(() => held.length === 4)
    await settle()
    expect(held).toHaveLength(4)
    const order: number[] = []
    while (order.length < 10) {
      await until(() => held.length > 0)
      const delivery = held.shift()!
      order.push(delivery.value[0]!)
      delivery.ack()
    }
    await Promise.all(publishes)
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('closing with work in flight rejects the publishes that are not safe', async () => {
    const topic = freshTopic()
    const bus = await openBus([topic])
    await bus.subscribe({ group: 'a', topics: [topic], bytesMax: 1 << 20, handle: () => {} })
    const publish = bus.publish(topic, [message('k', 1)])
    await settle()
    await bus.close()
    await expect(publish).rejects.toMatchObject({ code: 'closed' })
  })
}

/** What only a bus promises that keeps messages itself. */
function publishedContract(
  freshTopic: () => string,
  openBus: (topics: readonly string[]) => Promise<Bus>,
  reopenBus: () => Promise<Bus>,
): void {
  const collect = async (
    bus: Bus,
    topic: string,
    settle: (delivery: Delivery) => void,
  ): Promise<Delivery[]> => {
    const seen: Delivery[] = []
    const handle = (delivery: Delivery): void => {
      seen.push(delivery)
      settle(delivery)
    }
    await bus.subscribe({ group: 'a', topics: [topic], bytesMax: 1 << 20, handle })
    return seen
  }

  test('a publish is safe without any subscriber, who gets it when he comes', async () => {
    const topic = freshTopic()
    const bus = await openBus([topic])
    await bus.publish(topic, [message('k', 1), message('k', 2)])
    const other = await reopenBus()
    const seen = await collect(other, topic, (delivery) => delivery.ack())
    await until(() => seen.length === 2)
    expect(seen.map(numberOf)).toEqual([1, 2])
  })

  test('after a restart what was not settled comes again, in order and with the same receipt time, and nothing else', async () => {
    const topic = freshTopic()
    const bus = await openBus([topic])
    const before = await reopenBus()
    const first = await collect(before, topic, (delivery) => {
      if (numberOf(delivery) <= 2) delivery.ack()
    })
    await bus.publish(
      topic,
      [1, 2, 3, 4].map((number) => message('k', number)),
    )
    await until(() => first.length === 4)
    await before.close()
    const after = await reopenBus()
    const again = await collect(after, topic, (delivery) => delivery.ack())
    await until(() => again.length >= 2)
    await settle()
    expect(again.map(numberOf)).toEqual([3, 4])
    expect(again.map((one) => one.receivedMs)).toEqual(first.slice(2).map((one) => one.receivedMs))
  })

  test('closing rejects nothing that is safe, and closing twice is closing once', async () => {
    const topic = freshTopic()
    const bus = await openBus([topic])
    await bus.publish(topic, [message('k', 1)])
    await Promise.all([bus.close(), bus.close()])
    await bus.close()
  })
}

function message(key: string, number: number): Message {
  return { key, value: Buffer.from(String(number)) }
}

function numberOf(delivery: Delivery): number {
  return Number(Buffer.from(delivery.value).toString())
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50))

async function until(condition: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${condition.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
