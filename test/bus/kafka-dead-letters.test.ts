import { describe, expect, test } from 'vitest'
import { openKafkaBus } from '../../src/bus/kafka.ts'
import type { KafkaBusOptions } from '../../src/bus/kafka/options.ts'
import { DecklogError } from '../../src/core/errors.ts'
import type { Bus, Delivery } from '../../src/ports/bus.ts'
import type { DeadLetter } from '../../src/roles/index/dead-letters.ts'
import { busOptions, freshName, madeTopics, noKafka, plaintext, until } from '../support/kafka.ts'

describe.skipIf(noKafka !== undefined)('a message that no subscriber can handle', () => {
  test('goes to the dead letters after its tries, with reason, place and bytes; its partition goes on', async () => {
    await using place = await openPlace({ attemptsMax: 3 })
    const { bus, topic } = place
    const attempts: number[] = []
    const done: string[] = []
    await bus.subscribe({
      group: 'g',
      topics: [topic],
      bytesMax: 1 << 20,
      handle(delivery) {
        if (textOf(delivery) === 'poison') {
          attempts.push(delivery.attempt)
          delivery.nack(new Error('no batch'))
          return
        }
        done.push(textOf(delivery))
        delivery.ack()
      },
    })
    await bus.publish(
      topic,
      ['a', 'poison', 'b'].map((text) => ({ key: 'k', value: Buffer.from(text) })),
    )
    const letters = await place.letters(1)
    expect(attempts).toEqual([1, 2, 3])
    expect(done).toEqual(['a', 'b'])
    expect(letters[0]).toMatchObject({
      id: `position:${topic}/0/1:g`,
      reason: 'given-up',
      detail: 'g could not handle it in 3 deliveries: no batch',
      class: 'ssh',
      stream: 'k',
      kind: 'raw',
      bytes: Buffer.from('poison').toString('base64'),
    })
    await until(async () => (await bus.lag()).every(({ messages }) => messages === 0))
  })

  test('is not given up while the cause is one that passes', async () => {
    await using place = await openPlace({ attemptsMax: 2 })
    const { bus, topic } = place
    let last = 0
    await bus.subscribe({
      group: 'g',
      topics: [topic],
      bytesMax: 1 << 20,
      handle(delivery) {
        last = delivery.attempt
        if (last < 6) delivery.nack(new DecklogError('unreachable', 'the store is away', { retryable: true }))
        else delivery.ack()
      },
    })
    await bus.publish(topic, [{ key: 'k', value: Buffer.from('x') }])
    await until(() => last === 6)
    await until(async () => (await bus.lag()).every(({ messages }) => messages === 0))
    expect(place.count()).toBe(0)
  })

  test('leaves a letter without its bytes where the letters may not be so large', async () => {
    await using place = await openPlace({ attemptsMax: 1 }, 100_000)
    const { bus, topic } = place
    await bus.subscribe({
      group: 'g',
      topics: [topic],
      bytesMax: 1 << 20,
      handle: (delivery) => delivery.nack('never'),
    })
    await bus.publish(topic, [{ key: 'k', value: Buffer.alloc(200_000) }])
    const letters = await place.letters(1)
    expect(letters[0]).toMatchObject({ reason: 'given-up', kind: 'unknown', bytes: '' })
  })

  test('a subscriber that throws is a subscriber that refuses', async () => {
    await using place = await openPlace({ attemptsMax: 2 })
    const { bus, topic } = place
    await bus.subscribe({
      group: 'g',
      topics: [topic],
      bytesMax: 1 << 20,
      handle() {
        throw new TypeError('a bug')
      },
    })
    await bus.publish(topic, [{ key: 'k', value: Buffer.from('x') }])
    expect((await place.letters(1))[0]!.detail).toContain('a bug')
  })
})

interface Place extends AsyncDisposable {
  readonly bus: Bus
  readonly topic: string
  count(): number
  letters(count: number): Promise<DeadLetter[]>
}

async function openPlace(options: Partial<KafkaBusOptions>, letterBytesMax?: number): Promise<Place> {
  const name = freshName('poison')
  const [topic, deadLetterTopic] = [`${name}.raw.ssh`, `${name}.dead-letter`]
  const topics = await madeTopics(plaintext, [topic], { partitions: 1 })
  const dead = await madeTopics(
    plaintext,
    [deadLetterTopic],
    letterBytesMax === undefined ? {} : { messageBytesMax: letterBytesMax },
  )
  const bus = await openKafkaBus(busOptions(plaintext, { deadLetterTopic, ...options }))
  const found: DeadLetter[] = []
  await bus.subscribe({
    group: 'letters',
    topics: [deadLetterTopic],
    bytesMax: 1 << 20,
    handle(delivery) {
      found.push(JSON.parse(textOf(delivery)) as DeadLetter)
      delivery.ack()
    },
  })
  return {
    bus,
    topic,
    count: () => found.length,
    async letters(count) {
      await until(() => found.length >= count)
      return found
    },
    async [Symbol.asyncDispose]() {
      await bus.close()
      await topics[Symbol.asyncDispose]()
      await dead[Symbol.asyncDispose]()
    },
  }
}

function textOf(delivery: Delivery): string {
  return Buffer.from(delivery.value).toString()
}
