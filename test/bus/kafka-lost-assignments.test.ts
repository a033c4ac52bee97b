import { expect, test } from 'vitest'
import { openKafkaBus } from '../../src/bus/kafka.ts'
import type { Delivery } from '../../src/ports/bus.ts'
import { busOptions, freshName, madeTopics, noKafka, plaintext, until } from '../support/kafka.ts'

test.skipIf(noKafka !== undefined)(
  'a subscriber is told which assignments are over when another one joins, and not when it closes',
  { timeout: 60_000 },
  async () => {
    const topic = freshName('lost')
    await using _topics = await madeTopics(plaintext, [topic])
    await using bus = await openKafkaBus(busOptions(plaintext))
    await using other = await openKafkaBus(busOptions(plaintext))
    const held: Delivery[] = []
    const lost: number[] = []
    const common = { group: 'a', topics: [topic], bytesMax: 1 << 20 }
    const first = await bus.subscribe({
      ...common,
      handle: (delivery) => void held.push(delivery),
      onLost: (assignment) => void lost.push(assignment),
    })
    const messages = Array.from({ length: 30 }, (_, i) => ({ key: `k${i}`, value: Buffer.from(String(i)) }))
    await bus.publish(topic, messages)
    await until(() => held.length === 30)

    const taken = new Set<string>()
    await other.subscribe({ ...common, handle: ({ position }) => void taken.add(position) })
    await until(() => lost.length > 0 && taken.size > 0)
    const gone = held.filter(({ assignment }) => lost.includes(assignment))
    expect(gone.length).toBeGreaterThan(0)
    expect(gone.length).toBeLessThan(30)
    await until(() => gone.every(({ position }) => taken.has(position)))
    const before = [...lost]
    await first.close()
    expect(lost).toEqual(before)
  },
)
