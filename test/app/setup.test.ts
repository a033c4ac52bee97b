import { afterEach, describe, expect, test } from 'vitest'
import { type SetupOptions, type SetupReport, setUp, streamKinds } from '../../src/app/setup.ts'
import { partsToSetUp } from '../../src/app/setup/from-config.ts'
import { changesAnything, renderSetup } from '../../src/app/setup/render.ts'
import { topicsOf } from '../../src/app/setup/topics.ts'
import { PIPELINES_DIRECTORY } from '../../src/app/places.ts'
import { systemClock } from '../../src/app/system-clock.ts'
import { deleteTopics } from '../../src/bus/kafka/admin.ts'
import { AdminClient } from '../../src/bus/kafka/admin-client.ts'
import { loadPipelines } from '../../src/config/pipelines.ts'
import { setupSchema } from '../../src/config/setup.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { ELASTICSEARCH, ManagePlace } from '../support/elasticsearch-manage.ts'
import { freshName, noKafka, plaintext, silentLog } from '../support/kafka.ts'

const DAY_MS = 864e5
const pipelines = loadPipelines(PIPELINES_DIRECTORY)
const defaults = setupSchema.parse({})

describe('topics', () => {
  const classes = [
    { class: 'pod', weight: 1 },
    { class: 'ssh', weight: 8 },
  ]
  const named = (name: string, settings: object = {}, brokers = 3) =>
    topicsOf(classes, setupSchema.parse(settings), { brokers }).find((one) => one.name === name)!

  test('each class has two, and all share four', () => {
    expect(topicsOf(classes, defaults, { brokers: 3 }).map((one) => one.name)).toEqual([
      'decklog.raw.pod',
      'decklog.events.pod',
      'decklog.raw.ssh',
      'decklog.events.ssh',
      'decklog.facts',
      'decklog.signals',
      'decklog.alerts',
      'decklog.dead-letter',
    ])
  })

  test('a class that weighs little is loud: more partitions, shorter retention', () => {
    expect(named('decklog.raw.pod')).toMatchObject({ partitions: 12, retentionMs: 3 * DAY_MS })
    expect(named('decklog.raw.ssh')).toMatchObject({ partitions: 3, retentionMs: 7 * DAY_MS })
    const chosen = {
      topics: { partitions: { default: 2, pod: 24 }, retention: { raw: '12h' }, maxBytes: '10GB' },
    }
    expect(named('decklog.raw.pod', chosen)).toMatchObject({
      partitions: 24,
      retentionMs: DAY_MS / 2,
      retentionBytes: 1e10,
    })
    expect(named('decklog.events.ssh', chosen).partitions).toBe(2)
  })

  test('copies are as many as brokers allow, and one may be missing', () => {
    expect(named('decklog.facts')).toMatchObject({ replication: 3, minInsyncReplicas: 2 })
    expect(named('decklog.facts', {}, 1)).toMatchObject({ replication: 1, minInsyncReplicas: 1 })
    expect(named('decklog.facts', { topics: { replication: 5, minInsyncReplicas: 3 } })).toMatchObject({
      replication: 5,
      minInsyncReplicas: 3,
    })
  })
})

describe('what is to be set up', () => {
  const given = (more: Partial<SetupOptions> = {}): SetupOptions => ({
    kafka: undefined,
    elasticsearch: undefined,
    pipelines,
    settings: defaults,
    clock: systemClock,
    dryRun: false,
    rollOver: false,
    progress: () => undefined,
    ...more,
  })

  test('a configuration without Kafka and Elasticsearch needs nothing', async () => {
    const config = { bus: { kind: 'memory' }, store: { kind: 'duckdb' }, setup: defaults } as const
    const report = await setUp(given(partsToSetUp(config, silentLog)))
    expect(renderSetup(report, { dryRun: false })).toEqual([expect.stringMatching(/^nothing to set up/)])
  })

  test('where the pipelines write is each named once', () => {
    const kinds = streamKinds(pipelines).map(({ dataset, class: name }) => `${dataset} ${name}`)
    expect(kinds).toContain('system.auth ssh')
    expect(new Set(kinds).size).toBe(kinds.length)
  })

  test('a number for a class that no pipeline has is refused, with those that there are', async () => {
    const settings = setupSchema.parse({ store: { shards: { pdo: 3 } } })
    await expect(setUp(given({ settings }))).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(
        /setup.store.shards: no pipeline has the class pdo; write one of .*pod/,
      ) as unknown,
    })
  })

  test('what cannot be reached is said, and is no problem of the plan', async () => {
    const elasticsearch = { nodes: ['http://127.0.0.1:9'] }
    await expect(setUp(given({ elasticsearch }))).rejects.toMatchObject({ code: 'unreachable' })
  })
})

describe.skipIf(noKafka !== undefined || ELASTICSEARCH === undefined)('setup on real servers', () => {
  const cleanups: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean()
  }, 60_000)

  const kafka = { ...plaintext, log: silentLog }
  const two = { ...pipelines, classes: pipelines.classes.filter((one) => ['ssh', 'pod'].includes(one.class)) }

  function installation(more: Partial<SetupOptions> = {}): {
    place: ManagePlace
    topics: string
    run: (options?: Partial<SetupOptions>) => Promise<SetupReport>
  } {
    const place = new ManagePlace()
    cleanups.push(() => place[Symbol.asyncDispose]())
    const topics = `${freshName('setup')}.`
    const options: SetupOptions = {
      kafka,
      elasticsearch: { nodes: [ELASTICSEARCH!] },
      pipelines: two,
      settings: defaults,
      clock: systemClock,
      dryRun: false,
      rollOver: false,
      progress: () => undefined,
      prefixes: { topics, groups: topics, store: place.prefix },
      ...more,
    }
    cleanups.push(async () => {
      const names = topicsOf(two.classes, defaults, { brokers: 1, prefix: topics }).map((one) => one.name)
      const admin = new AdminClient(kafka)
      const present = await admin.use('list the topics', (client) => client.listTopics())
      await admin.close()
      await deleteTopics(
        kafka,
        names.filter((name) => present.includes(name)),
      )
    })
    return { place, topics, run: (again = {}) => setUp({ ...options, ...again }) }
  }

  const present = async (prefix: string): Promise<number> => {
    const admin = new AdminClient(kafka)
    const topics = await admin.use('list the topics', (client) => client.listTopics())
    await admin.close()
    return topics.filter((name) => name.startsWith(prefix)).length
  }

  test('a dry run shows what would be made and makes nothing; the second run finds nothing to do', {
    timeout: 60_000,
  }, async () => {
    const { place, topics, run } = installation()
    const dry = await run({ dryRun: true })
    const lines = renderSetup(dry, { dryRun: true })
    expect(lines).toContainEqual(
      expect.stringMatching(/\+ topic .*raw\.pod: 12 partitions × 1 .*min\.insync\.replicas=1/),
    )
    expect(lines).toContain(`  + index template decklog-${place.prefix}system.auth-ssh`)
    expect(lines.join('\n')).toMatch(/\d+ shards at the end of each retention/)
    expect(lines.at(-1)).toBe('dry run: nothing was changed')
    expect(await present(topics)).toBe(0)
    const template = { method: 'GET', path: `/_index_template/decklog-${place.prefix}*` } as const
    expect((await place.request(template)).body).toEqual({ index_templates: [] })

    const first = await run()
    expect(first).toMatchObject({ applied: true, problems: [] })
    expect(renderSetup(first, { dryRun: false }).at(-1)).toBe('done')
    expect(await present(topics)).toBe(8)
    const second = await run()
    expect(changesAnything(second)).toBe(false)
    expect(renderSetup(second, { dryRun: false }).at(-1)).toBe('nothing to do: all is as it should be')
  })

  test('a problem in one part leaves the other part untouched too', { timeout: 60_000 }, async () => {
    const { place, topics, run } = installation()
    await place.must('PUT', `/_component_template/decklog-${place.prefix}ecs`, { template: {} })
    const report = await run()
    expect(report).toMatchObject({ applied: false, problems: [expect.stringMatching(/not decklog's/)] })
    expect(renderSetup(report, { dryRun: false }).at(-1)).toMatch(/^nothing was changed/)
    expect(await present(topics)).toBe(0)
  })

  test('more shards than there is room for are refused', { timeout: 60_000 }, async () => {
    const { topics, run } = installation()
    const report = await run({ settings: setupSchema.parse({ clusters: 10_000 }) })
    expect(report.problems).toEqual([expect.stringMatching(/make \d+ shards, and the cluster has room for/)])
    expect(await present(topics)).toBe(0)
  })

  test('lag that eats more than half of a retention is a warning; a little lag is none', {
    timeout: 60_000,
  }, async () => {
    const { topics, run } = installation()
    await run()
    const topic = `${topics}raw.ssh`
    const client = new AdminClient(kafka)
    cleanups.push(() => client.close())
    await produce(topic)
    await client.use('commit', (admin) =>
      admin.setOffsets({
        groupId: `${topics}process.${topic}`,
        topic,
        partitions: [{ partition: 0, offset: '0' }],
      }),
    )
    const soon = await run({ dryRun: true })
    expect(soon.warnings).toEqual([])
    const later: Clock = { ...systemClock, now: () => Date.now() + 4 * DAY_MS }
    const late = await run({ dryRun: true, clock: later })
    expect(late.warnings).toEqual([expect.stringMatching(/raw\.ssh: process has 1 messages.*7 days/)])
  })

  async function produce(topic: string): Promise<void> {
    const { openClient } = await import('../../src/bus/kafka/client.ts')
    const producer = openClient(kafka).kafka.producer({ allowAutoTopicCreation: false })
    await producer.connect()
    await producer.send({ topic, messages: [{ partition: 0, key: 'k', value: 'v' }] })
    await producer.disconnect()
  }
})
