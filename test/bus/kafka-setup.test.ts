import kafkajs from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { openKafkaBus } from '../../src/bus/kafka.ts'
import { applyTopics, deleteTopics, planTopics, type WantedTopic } from '../../src/bus/kafka/admin.ts'
import { busOptions, freshName, noKafka, plaintext, silentLog, until } from '../support/kafka.ts'

const options = { ...plaintext, log: silentLog }

describe.skipIf(noKafka !== undefined)('topics as they are wanted', () => {
  test('a plan shows what would be made and makes nothing; applying makes it; a second time there is nothing to do', async () => {
    await using wanted = topic({
      retentionMs: 3_600_000,
      retentionBytes: 1 << 30,
      messageBytesMax: 2 << 20,
      minInsyncReplicas: 1,
    })
    const plan = await planTopics(options, [wanted])
    expect(plan.changes).toMatchObject([{ topic: wanted.name, what: 'create', from: '' }])
    expect(plan.changes[0]!.to).toContain('retention.ms=3600000')
    expect(await planTopics(options, [wanted])).toEqual(plan)
    expect(await applyTopics(options, [wanted])).toEqual(plan)
    expect(await planTopics(options, [wanted])).toEqual({ changes: [], warnings: [] })
    expect(await applyTopics(options, [wanted])).toEqual({ changes: [], warnings: [] })
  })

  test('what differs is changed, and what somebody else has set stays', async () => {
    await using wanted = topic({ retentionMs: 3_600_000 })
    await applyTopics(options, [wanted])
    await setByHand(wanted.name, 'segment.ms', '600000')
    await until(async () => (await settingOf(wanted.name, 'segment.ms')) === '600000')
    const other = { ...wanted, retentionMs: 7_200_000, messageBytesMax: 3 << 20 }
    const plan = await applyTopics(options, [other])
    expect(plan.changes).toEqual([
      { topic: wanted.name, what: 'retention.ms', from: '3600000', to: '7200000' },
      { topic: wanted.name, what: 'max.message.bytes', from: '1048588', to: '3145728' },
    ])
    expect(await settingOf(wanted.name, 'segment.ms')).toBe('600000')
    expect(await planTopics(options, [other])).toEqual({ changes: [], warnings: [] })
  })

  test('partitions grow, with a warning about the order of streams; they are never reduced', async () => {
    await using wanted = topic({ partitions: 2 })
    await applyTopics(options, [wanted])
    const plan = await applyTopics(options, [{ ...wanted, partitions: 4 }])
    expect(plan.changes).toEqual([{ topic: wanted.name, what: 'partitions', from: '2', to: '4' }])
    expect(plan.warnings[0]).toContain('streams move to other partitions')
    const less = await applyTopics(options, [{ ...wanted, partitions: 3 }])
    expect(less.changes).toEqual([])
    expect(less.warnings[0]).toContain('cannot reduce')
  })

  test('more replicas than brokers is one clear sentence', async () => {
    await using wanted = topic({ replication: 3 })
    await expect(applyTopics(options, [wanted])).rejects.toMatchObject({
      code: 'config-invalid',
      message: `cannot create ${wanted.name}: there are fewer brokers than its replication of 3`,
    })
  })

  test('a topic that needs more replicas than it has is warned about', async () => {
    await using wanted = topic({ minInsyncReplicas: 2 })
    const { warnings } = await planTopics(options, [wanted])
    expect(warnings[0]).toContain('nothing could be published')
  })

  test('a message that is too large is refused at once; its neighbours go on, however small the topic takes them', async () => {
    await using wanted = topic({ partitions: 1, messageBytesMax: 50_000 })
    await applyTopics(options, [wanted])
    await using bus = await openKafkaBus(busOptions(plaintext))
    const send = (bytes: number): Promise<void> =>
      bus.publish(wanted.name, [{ key: 'k', value: Buffer.alloc(bytes) }])
    const small = Array.from({ length: 20 }, () => send(20_000))
    const large = expect(send(60_000)).rejects.toMatchObject({
      code: 'too-large',
      retryable: false,
      message: `a message of 60000 bytes is larger than ${wanted.name} takes: raise its max.message.bytes with \`decklog setup\``,
    })
    await Promise.all([...small, large, send(20_000)])
    expect(await countIn(wanted.name)).toBe(21)
  })

  test('a topic that does not exist is refused with what to do, for publishing and reading', async () => {
    await using bus = await openKafkaBus(busOptions(plaintext))
    const name = freshName('missing')
    const message = expect.stringContaining('run `decklog setup`')
    await expect(bus.publish(name, [{ key: 'k', value: Buffer.from('x') }])).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true,
      message,
    })
    const reading = bus.subscribe({ group: 'g', topics: [name], bytesMax: 1, handle: () => {} })
    await expect(reading).rejects.toMatchObject({ code: 'unreachable', message })
    await using wanted = topic({ name })
    await applyTopics(options, [wanted])
    await bus.publish(name, [{ key: 'k', value: Buffer.from('x') }])
  })

  test('a topic that is deleted under its publishers is refused; others go on, and so does it when it is back', async () => {
    await using kept = topic({ partitions: 1 })
    await using gone = topic({ partitions: 2 })
    await applyTopics(options, [kept, gone])
    await using bus = await openKafkaBus(busOptions(plaintext))
    const send = (name: string): Promise<void> => bus.publish(name, [{ key: 'k', value: Buffer.from('x') }])
    await Promise.all([send(kept.name), send(gone.name)])
    await deleteTopics(options, [gone.name])
    const refused = expect(send(gone.name)).rejects.toMatchObject({ code: 'unreachable', retryable: true })
    await send(kept.name)
    await refused
    await send(kept.name)
    await applyTopics(options, [{ ...gone, partitions: 1 }])
    await send(gone.name)
    expect(await countIn(gone.name)).toBe(1)
    expect(await countIn(kept.name)).toBe(3)
  })
})

function topic(wanted: Partial<WantedTopic>): WantedTopic & AsyncDisposable {
  const name = wanted.name ?? freshName('setup')
  return {
    name,
    partitions: 3,
    replication: 1,
    ...wanted,
    [Symbol.asyncDispose]: () => deleteTopics(options, [name]).catch(() => {}),
  }
}

async function withAdmin<T>(ask: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const admin = new kafkajs.Kafka({
    brokers: [...plaintext.brokers],
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin()
  await admin.connect()
  try {
    return await ask(admin)
  } finally {
    await admin.disconnect()
  }
}

const TOPIC = kafkajs.ConfigResourceTypes.TOPIC

async function settingOf(name: string, setting: string): Promise<string | undefined> {
  const { resources } = await withAdmin((admin) =>
    admin.describeConfigs({ includeSynonyms: false, resources: [{ type: TOPIC, name }] }),
  )
  return resources[0]!.configEntries.find(({ configName }) => configName === setting)?.configValue
}

async function setByHand(name: string, setting: string, value: string): Promise<void> {
  const retention = (await settingOf(name, 'retention.ms'))!
  const configEntries = [
    { name: setting, value },
    { name: 'retention.ms', value: retention },
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
  ]
  await withAdmin((admin) =>
    admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC, name, configEntries }] }),
  )
}

async function countIn(name: string): Promise<number> {
  const offsets = await withAdmin((admin) => admin.fetchTopicOffsets(name))
  return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
}
