import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { openKafkaBus } from '../../src/bus/kafka.ts'
import type { KafkaBusOptions } from '../../src/bus/kafka/options.ts'
import type { Bus, Delivery } from '../../src/ports/bus.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import {
  busOptions,
  freshName,
  madeTopics,
  noKafka,
  pause,
  plaintext,
  recordingLog,
  until,
} from '../support/kafka.ts'

describe.skipIf(noKafka !== undefined)('a group of consumers', () => {
  test('two buses share the keys; when one goes the other has all, and what was settled does not come again', async () => {
    const topic = freshName('share')
    await using _topics = await madeTopics(plaintext, [topic], { partitions: 4 })
    await using first = await open()
    const second = await open()
    const [x, y]: [Delivery[], Delivery[]] = [[], []]
    await first.subscribe(reader(topic, x))
    await second.subscribe(reader(topic, y))
    // Until both have a share: the first gives up half of its own when the second has come.
    await until(async () => {
      await publish(first, topic, 0, 40)
      return x.length > 0 && y.length > 0
    })
    await publish(first, topic, 1_000, 100)
    await until(() => countFrom([...x, ...y], 1_000) === 100)
    expect(repeated([...x, ...y].filter((one) => numberOf(one) >= 1_000))).toEqual([])
    await second.close()
    const before = x.length
    await publish(first, topic, 2_000, 100)
    await until(() => countFrom(x, 2_000) === 100)
    expect(x.slice(before).filter((one) => numberOf(one) < 2_000)).toEqual([])
  })

  test('what a member keeps in a rebalance goes on: it is not delivered again, and its answers count', async () => {
    const topic = freshName('keep')
    await using _topics = await madeTopics(plaintext, [topic], { partitions: 4 })
    await using first = await open()
    const held: Delivery[] = []
    await first.subscribe({ group: 'g', topics: [topic], bytesMax: 1 << 20, handle: (one) => held.push(one) })
    await publish(first, topic, 0, 80)
    await until(() => held.length === 80)
    const second = await open()
    const other: Delivery[] = []
    await second.subscribe(reader(topic, other))
    await until(() => other.length > 0)
    await pause(1_000)
    const moved = new Set(other.map(partitionIn))
    const kept = held.filter((one) => !moved.has(partitionIn(one)))
    expect(kept.length).toBeGreaterThan(0)
    expect(held).toHaveLength(80)
    for (const one of held) one.ack()
    await until(async () => (await first.lag())[0]?.messages === 0)
    expect(other).toHaveLength(80 - kept.length)
    await second.close()
    // Answers for partitions that went to the other changed nothing there, and nothing comes back.
    await pause(1_500)
    expect(held).toHaveLength(80)
  })

  test('members that come and go in a storm leave no partition behind', { timeout: 90_000 }, async () => {
    const topic = freshName('storm')
    await using _topics = await madeTopics(plaintext, [topic], { partitions: 6 })
    await using writer = await open()
    const seen: Delivery[] = []
    const members: Bus[] = []
    const join = async (): Promise<void> => {
      const bus = await open()
      members.push(bus)
      await bus.subscribe(reader(topic, seen, 5))
    }
    await join()
    let next = 0
    const open1: Promise<void>[] = []
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 50; i++) open1.push(writer.publish(topic, [messageOf(next++)]))
      if (round % 3 < 2) await join()
      else await members.shift()!.close()
      if (round % 4 === 3) await members.shift()!.close()
    }
    await Promise.all(open1)
    await until(() => new Set(seen.map(numberOf)).size === next, 60_000)
    const watcher = await open({ watch: [{ topic, group: 'g' }] })
    await until(async () => (await watcher.lag())[0]?.messages === 0, 30_000)
    // Each key's first deliveries come in order, whoever had it.
    for (const key of new Set(seen.map((one) => one.key))) {
      const firsts = [...new Set(seen.filter((one) => one.key === key).map(numberOf))]
      expect(firsts).toEqual([...firsts].sort((p, q) => p - q))
    }
    await Promise.all([watcher, ...members].map((bus) => bus.close()))
  })

  test('a process that stands still loses its partitions; when it goes on it is a member again, and nothing is missing', {
    timeout: 90_000,
  }, async () => {
    const topic = freshName('stopped')
    await using _topics = await madeTopics(plaintext, [topic], { partitions: 2 })
    await using bus = await open({ sessionTimeoutMs: 6_000, watch: [{ topic, group: 'g' }] })
    const member = await startMember(topic)
    try {
      await publish(bus, topic, 0, 40)
      await until(() => member.lines.length > 0)
      member.child.kill('SIGSTOP')
      const seen: Delivery[] = []
      await bus.subscribe(reader(topic, seen))
      await publish(bus, topic, 1_000, 40)
      await until(() => countFrom(seen, 1_000) === 40, 40_000)
      const numbers = new Set([...seen.map(numberOf), ...member.lines.map(Number.parseFloat)])
      expect(numbers.size).toBe(80)
      member.child.kill('SIGCONT')
      // It comes back as a member, and both go on.
      await until(async () => {
        const before = member.lines.length
        await publish(bus, topic, 2_000, 20)
        await pause(500)
        return member.lines.slice(before).some((line) => Number.parseFloat(line) >= 2_000)
      }, 40_000)
      await until(async () => (await bus.lag())[0]?.messages === 0)
    } finally {
      member.child.kill('SIGKILL')
    }
  })

  test('a reader whose connections are cut, and whose answers vanish, reads all of it', {
    timeout: 90_000,
  }, async () => {
    const topic = freshName('cut')
    await using _topics = await madeTopics(plaintext, [topic])
    const [host, port] = plaintext.brokers[0]!.split(':')
    await using proxy = await openTcpProxy({ host: host!, port: Number(port) })
    await using writer = await open({ watch: [{ topic, group: 'g' }] })
    await using reading = await open({
      reroute: () => ({ host: '127.0.0.1', port: proxy.port }),
      requestTimeoutMs: 1_000,
      connectTimeoutMs: 1_000,
    })
    const seen: Delivery[] = []
    await reading.subscribe(reader(topic, seen, 1))
    for (let round = 0; round < 10; round++) {
      await publish(writer, topic, round * 100, 100)
      if (round === 4) proxy.dropResponses(true)
      else if (round === 9) proxy.freeze()
      else proxy.cut()
      await pause(round === 4 ? 3_000 : 300)
      proxy.dropResponses(false)
    }
    await until(() => countFrom(seen, 0) === 1_000, 40_000)
    await until(async () => (await writer.lag())[0]?.messages === 0)
  })

  test('a subscription closes though the brokers are away, and so does a bus', async () => {
    const topic = freshName('close')
    await using _topics = await madeTopics(plaintext, [topic])
    const [host, port] = plaintext.brokers[0]!.split(':')
    await using proxy = await openTcpProxy({ host: host!, port: Number(port) })
    const bus = await open({ reroute: () => ({ host: '127.0.0.1', port: proxy.port }) })
    const troubles: string[] = []
    const other = await open({
      reroute: () => ({ host: '127.0.0.1', port: proxy.port }),
      onTrouble: (subject, message) => troubles.push(`${subject}: ${message}`),
    })
    const subscription = await bus.subscribe(reader(topic, []))
    await other.subscribe(reader(topic, []))
    proxy.refuse(true)
    proxy.cut()
    await until(() => troubles.length > 0)
    expect(troubles[0]).toContain(`reading ${topic} as g: cannot read `)
    await Promise.all([subscription.close(), other.close()])
    await bus.close()
  })

  test('a process that has closed its bus ends by itself, and Node has warned of nothing', async () => {
    const topic = freshName('exit')
    await using _topics = await madeTopics(plaintext, [topic])
    const script = `
      import { openKafkaBus } from '${new URL('../../src/bus/kafka.ts', import.meta.url).href}'
      import { busOptions, plaintext } from '${new URL('../support/kafka.ts', import.meta.url).href}'
      const bus = await openKafkaBus(busOptions(plaintext))
      await bus.subscribe({ group: 'g', topics: ['${topic}'], bytesMax: 1000, handle: (one) => one.ack() })
      await bus.publish('${topic}', [{ key: 'k', value: Buffer.from('x') }])
      await new Promise((resolve) => setTimeout(resolve, 300))
      await bus.close()
      console.log('closed')
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', script])
    const [out, err]: [string[], string[]] = [[], []]
    child.stdout.on('data', (text: Buffer) => out.push(text.toString()))
    child.stderr.on('data', (text: Buffer) => err.push(text.toString()))
    const [code] = (await once(child, 'close')) as [number]
    expect({ code, out: out.join(''), err: err.join('') }).toEqual({ code: 0, out: 'closed\n', err: '' })
  })

  test('a subscriber that never answers is named, with the offset that holds the partition', async () => {
    const topic = freshName('never')
    await using _topics = await madeTopics(plaintext, [topic], { partitions: 1 })
    const log = recordingLog()
    await using bus = await open({ log, stallMs: 1_000 })
    const held: Delivery[] = []
    await bus.subscribe({ group: 'g', topics: [topic], bytesMax: 100, handle: (one) => held.push(one) })
    await publish(bus, topic, 0, 60)
    const warnings = (): string[] =>
      log.said
        .filter(({ level, message }) => level === 'warn' && message.includes('makes no progress'))
        .map(({ fields }) => String(fields['reason']))
    await until(() => warnings().length > 0)
    expect(warnings()[0]).toMatch(/^offset 0 was delivered and not settled \(attempt 1/)
    // And it goes on where it is answered after all.
    const numbers = new Set<number>()
    await until(() => {
      for (const one of held.splice(0)) {
        numbers.add(numberOf(one))
        one.ack()
      }
      return numbers.size === 60
    })
    expect(numbers.size).toBe(60)
  })

  test('a message keeps its receipt time over a restart of the consumer', async () => {
    const topic = freshName('time')
    await using _topics = await madeTopics(plaintext, [topic])
    const first = await open()
    const held: Delivery[] = []
    await first.subscribe({ group: 'g', topics: [topic], bytesMax: 1 << 20, handle: (one) => held.push(one) })
    const before = Date.now()
    await publish(first, topic, 0, 3)
    await until(() => held.length === 3)
    await first.close()
    await using second = await open()
    const again: Delivery[] = []
    await second.subscribe(reader(topic, again))
    await until(() => again.length === 3)
    const times = (deliveries: Delivery[]): [number, number][] =>
      deliveries.map((one): [number, number] => [numberOf(one), one.receivedMs]).sort(([a], [b]) => a - b)
    expect(times(again)).toEqual(times(held))
    expect(held[0]!.receivedMs).toBeGreaterThan(before - 1_000)
    expect(held[0]!.receivedMs).toBeLessThan(Date.now() + 1_000)
  })
})

function open(options: Partial<KafkaBusOptions> = {}): Promise<Bus> {
  return openKafkaBus(busOptions(plaintext, options))
}

function reader(topic: string, seen: Delivery[], ms = 0): Parameters<Bus['subscribe']>[0] {
  return {
    group: 'g',
    topics: [topic],
    bytesMax: 1 << 20,
    handle(delivery) {
      seen.push(delivery)
      if (ms === 0) delivery.ack()
      else setTimeout(() => delivery.ack(), ms)
    },
  }
}

function messageOf(number: number): { key: string; value: Buffer } {
  return { key: `key-${number % 20}`, value: Buffer.from(String(number)) }
}

async function publish(bus: Bus, topic: string, first: number, count: number): Promise<void> {
  await bus.publish(
    topic,
    Array.from({ length: count }, (_, i) => messageOf(first + i)),
  )
}

function numberOf(delivery: Delivery): number {
  return Number(Buffer.from(delivery.value).toString())
}

function partitionIn({ position }: Delivery): string {
  return position.split('/')[1]!
}

function countFrom(deliveries: readonly Delivery[], first: number): number {
  return new Set(deliveries.map(numberOf).filter((number) => number >= first)).size
}

function repeated(deliveries: readonly Delivery[]): string[] {
  const positions = deliveries.map(({ position }) => position)
  return positions.filter((position, i) => positions.indexOf(position) !== i)
}

async function startMember(topic: string): Promise<{ child: ChildProcess; lines: string[] }> {
  const script = new URL('../support/kafka-member.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, topic, 'g'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const reading = createInterface({ input: child.stdout })
  await once(reading, 'line')
  reading.on('line', (line) => lines.push(line))
  return { child, lines }
}
