import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { storePart } from '../../src/app/status/store-part.ts'
import { systemClock } from '../../src/app/system-clock.ts'
import { deleteTopics } from '../../src/bus/kafka/admin.ts'
import { connect } from '../../src/store/elasticsearch/connection.ts'
import { type ApiKeys, startApiKeys } from '../support/api-keys.ts'
import { type OwnBroker, PASSWORD, startBroker } from '../support/kafka-broker.ts'
import { noKafka, pause, silentLog } from '../support/kafka.ts'
import { leaveNothing } from '../support/leave-nothing.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { mountSmallDisk, whyNoMount } from './support/small-disk.ts'
import {
  CLUSTER,
  installTemplates,
  makeTopics,
  Surroundings,
  topics,
  writeIndexOf,
} from './support/surroundings.ts'

const { env } = process
const ELASTICSEARCH = env['DECKLOG_TEST_ELASTICSEARCH']
const SECURE = env['DECKLOG_TEST_ELASTICSEARCH_TLS']
if (SECURE === undefined)
  console.warn('skipped: DECKLOG_TEST_ELASTICSEARCH_TLS names no Elasticsearch with passwords')

/** Its data, too, is in that directory. */
async function startBrokerIn(directory: string): Promise<OwnBroker> {
  const before = env['TMPDIR']
  env['TMPDIR'] = directory
  try {
    return await startBroker()
  } finally {
    if (before === undefined) delete env['TMPDIR']
    else env['TMPDIR'] = before
  }
}

/** Sentences are said once, and again after a minute at most. */
function expectCalm(said: Record<string, number>): void {
  for (const [sentence, times] of Object.entries(said)) {
    expect(times, sentence).toBeLessThanOrEqual(2)
    expect(sentence).not.toMatch(/\n|undefined|\[object/)
  }
}

describe.skipIf(noKafka !== undefined || ELASTICSEARCH === undefined)('wrong surroundings', () => {
  let broker: OwnBroker
  let here: Surroundings
  const es = { nodes: [ELASTICSEARCH!] }
  const plain = (): { brokers: string[] } => ({ brokers: [broker.plaintext] })
  const login = (password: string, ca: string): object => ({
    brokers: [broker.saslTls],
    tls: { ca },
    sasl: { mechanism: 'scram-sha-512', username: 'admin', password },
  })
  beforeAll(async () => {
    broker = await startBroker()
    await installTemplates(es)
    await makeTopics(broker.plaintext)
  }, 120_000)
  afterAll(async () => {
    await leaveNothing(es, CLUSTER)
    await broker[Symbol.asyncDispose]()
  }, 60_000)
  beforeEach(() => {
    here = new Surroundings()
    here.write(20)
  })
  afterEach(() => here[Symbol.asyncDispose](), 60_000)

  describe('of Kafka', () => {
    test.each([
      [
        'a wrong password',
        () => login('wrong', broker.tls.ca),
        /Kafka at \S+ refuses this user or password$/,
      ],
      ['a wrong CA', () => login(PASSWORD, broker.tls.otherCa), /is not signed by the given CA \(\w+\)$/],
      ['no broker there', () => ({ brokers: ['127.0.0.1:1'] }), /cannot be reached \(ECONNREFUSED\)$/],
    ])(
      '%s: it does not start, says why in one line, and loses nothing',
      { timeout: 90_000 },
      async (_, bus, why) => {
        await expect(here.start({ bus: bus() as Record<string, unknown>, store: es })).rejects.toMatchObject({
          code: 'unreachable',
          message: expect.stringMatching(why) as unknown,
        })
        await here.start({ bus: login(PASSWORD, broker.tls.ca) as Record<string, unknown>, store: es })
        await here.complete(es)
      },
    )

    test('a topic that is not there, and no right to make it', { timeout: 120_000 }, async () => {
      await here.start({ bus: plain(), store: es })
      await here.complete(es)
      await here.stop()
      await deleteTopics({ ...plain(), log: silentLog }, ['decklog.raw.ssh'])
      here.write(5)
      await here.start({ bus: plain(), store: es }, ['ship'])
      await here.notReady(
        /the topic decklog.raw.ssh does not exist, or this user may not see it: run `decklog setup`/,
      )
      await pause(3_000)
      expectCalm(here.complaints())
      await makeTopics(broker.plaintext)
      await here.stop()
      await here.start({ bus: plain(), store: es })
      await here.complete(es)
    })

    test('a message over max.message.bytes', { timeout: 120_000 }, async () => {
      const raw = topics().filter(({ name }) => name === 'decklog.raw.ssh')
      await makeTopics(
        broker.plaintext,
        raw.map((topic) => ({ ...topic, messageBytesMax: 600 })),
      )
      here.write(20, ` ${Array.from({ length: 40 }, (_, i) => (i * 7919).toString(36)).join('.')}`)
      await here.start({ bus: plain(), store: es })
      await here.notReady(
        /a message of \d+ bytes is larger than decklog.raw.ssh takes: raise its max.message.bytes/,
      )
      await pause(3_000)
      expectCalm(here.complaints())
      await makeTopics(broker.plaintext, raw)
      await here.complete(es)
    })

    test('a broker that goes away, and comes back', { timeout: 150_000 }, async () => {
      await here.start({ bus: plain(), store: es })
      await here.complete(es)
      await broker.kill()
      here.write(5)
      await here.notReady(/Kafka at \S+ (cannot be reached \(ECONNREFUSED\)|closed the connection)/)
      await pause(3_000)
      expectCalm(here.complaints())
      await broker.start()
      await here.complete(es)
    })
  })

  const noMount = whyNoMount()
  if (noMount !== undefined) console.warn(`skipped: a broker whose disk is full, for ${noMount}`)
  test.skipIf(noMount !== undefined)(
    'a broker whose disk is full, until there is room',
    { timeout: 240_000 },
    async () => {
      using disk = mountSmallDisk(400)
      await using small = await startBrokerIn(disk.directory)
      await makeTopics(small.plaintext)
      await here.start({ bus: { brokers: [small.plaintext] }, store: es })
      await here.complete(es)
      disk.fill(0)
      for (let i = 0; i < 50; i++) here.write(200)
      await here.notReady(
        /Kafka at \S+ (cannot be reached|answered|closed the connection|does not answer)/,
        90_000,
      )
      expectCalm(here.complaints())
      disk.free()
      // A broker that could not write has ended, as it says, and does not come back by itself.
      await small.kill()
      await small.start()
      await here.complete(es, 90_000)
      await here.stop()
    },
  )

  describe('of Elasticsearch', () => {
    test('that is away, and comes back', { timeout: 120_000 }, async () => {
      const url = new URL(ELASTICSEARCH!)
      await using proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
      proxy.refuse(true)
      await here.start({ bus: plain(), store: { nodes: [`http://127.0.0.1:${proxy.port}`] } })
      await here.notReady(/^Elasticsearch: /)
      await pause(5_000)
      expectCalm(here.complaints())
      proxy.refuse(false)
      await here.complete(es)
      await here.stop()
    })

    test('an index that takes no writes', { timeout: 120_000 }, async () => {
      await here.start({ bus: plain(), store: es })
      await here.complete(es)
      const connection = connect(es)
      const index = await writeIndexOf(es)
      const block = (isOn: boolean | null) =>
        connection.request({
          method: 'PUT',
          path: `/${index}/_settings`,
          body: { 'index.blocks.write': isOn },
        })
      try {
        await block(true)
        here.write(5)
        await here.notReady(/Elasticsearch refuses to write to logs-system.auth-\S+: .*; its events wait/)
        await pause(5_000)
        expectCalm(here.complaints())
        const { problems } = await storePart({ elasticsearch: es, rules: [], clock: systemClock, apartMs: 1 })
        expect(problems).toContain(
          `Elasticsearch does not take writes into ${index}: somebody set index.blocks.write: set it to null`,
        )
      } finally {
        await block(null)
        await connection.close()
      }
      await here.complete(es)
    })

    describe.skipIf(SECURE === undefined)('with passwords', () => {
      const ca = SECURE === undefined ? '' : readFileSync(env['DECKLOG_TEST_CA'] ?? '', 'utf8')
      const auth = {
        user: env['DECKLOG_TEST_ELASTICSEARCH_USER'] ?? '',
        password: env['DECKLOG_TEST_ELASTICSEARCH_PASSWORD'] ?? '',
      }
      const right = { nodes: [SECURE!], auth, tls: { ca } }
      let keys: ApiKeys
      const expired = (): string => {
        const key = keys.issue(auth)
        keys.expire(key)
        return key
      }
      beforeAll(async () => {
        keys = await startApiKeys({ url: SECURE!, ca })
        await installTemplates(right)
      }, 60_000)
      afterAll(async () => {
        await keys[Symbol.asyncDispose]()
        await leaveNothing(right, CLUSTER)
      }, 60_000)

      test.each([
        [
          'a wrong password',
          () => ({ ...right, auth: { ...auth, password: 'wrong' } }),
          /: 401 this user, password or API key is refused: mend store.auth/,
        ],
        [
          'a key that is none',
          () => ({ ...right, auth: { apiKey: 'aWQ6a2V5' } }),
          /: 401 this user, password or API key is refused: mend store.auth/,
        ],
        [
          'a key that has expired',
          () => ({ nodes: [keys.url], auth: { apiKey: expired() } }),
          /: 401 this user, password or API key is refused, for it has expired: mend store.auth/,
        ],
        [
          'a wrong CA',
          () => ({ ...right, tls: { ca: broker.tls.otherCa } }),
          /its certificate is not trusted/,
        ],
        [
          'a user without the right to write',
          () => ({ ...right, auth: { ...auth, user: 'reader' } }),
          /: 403 not allowed: .* is unauthorized .*; decklog setup --print-role prints/,
        ],
      ])('%s: it waits, says why, and nothing is lost', { timeout: 120_000 }, async (_, store, why) => {
        await here.start({ bus: plain(), store: store() })
        await here.notReady(why)
        await pause(5_000)
        expectCalm(here.complaints())
        await here.stop()
        await here.start({ bus: plain(), store: right })
        await here.complete(right)
      })
    })
  })
})
