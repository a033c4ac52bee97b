import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { storePart } from '../../src/app/status/store-part.ts'
import { systemClock } from '../../src/app/system-clock.ts'
import type { EventBatch } from '../../src/core/event-batch.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { Outcome } from '../../src/ports/store.ts'
import {
  connect,
  type ElasticsearchOptions,
  type EsAnswer,
  type EsRequest,
} from '../../src/store/elasticsearch/connection.ts'
import {
  type ElasticsearchStore,
  type ElasticsearchStoreOptions,
  openElasticsearchStore,
} from '../../src/store/elasticsearch/elasticsearch-store.ts'
import type { RoleName } from '../../src/store/elasticsearch/manage/roles.ts'
import { storeContract } from '../contracts/store.ts'
import { type ElasticsearchPlace, wholeServer } from '../support/elasticsearch-place.ts'
import { eventBatch, streamName } from '../support/event-batches.ts'
import {
  noRestrictedServer,
  type RestrictedElasticsearch,
  startRestrictedElasticsearch,
} from '../support/restricted-elasticsearch.ts'

let server: RestrictedElasticsearch

if (noRestrictedServer !== undefined) {
  test.skip(`${noRestrictedServer}: the rights that setup prints are not tried`, () => undefined)
}

describe.skipIf(noRestrictedServer !== undefined)('with the rights that setup prints, as API keys', () => {
  beforeAll(async () => {
    server = await startRestrictedElasticsearch()
    await server.setUp()
  }, 240_000)
  afterAll(() => server?.[Symbol.asyncDispose](), 60_000)

  test('a cluster that has no events yet can be read', async () => {
    const reader = { ...server.as('reader'), clock: systemClock, telemetry: new Telemetry() }
    await using store = await openElasticsearchStore(reader)
    const all = { ...asking, query: { kind: 'all' } } as const
    expect(await store.search({ ...all, limit: 10 })).toMatchObject({ hits: [] })
    expect(await store.scan({ ...asking, limit: 10 })).toMatchObject({ hits: [] })
    expect(await store.top({ ...all, field: 'user.name', limit: 5 })).toMatchObject({ values: [] })
    expect(await store.completeness(asking)).toEqual({ classes: [] })
    expect(await store.fields(asking)).toBeInstanceOf(Array)
    expect(await store.usage()).toEqual([])
    expect(await store.get(`${streamName(1)}:0`, asking)).toBeUndefined()
    expect(await store.listRecords('alert', { ...asking, limit: 10 })).toMatchObject({ records: [] })
  })

  storeContract('elasticsearch: the indexer writes, the page reads', {
    place: ({ deletes }) => dividedPlace(deletes ? server.as('writer', 'retention') : server.as('writer')),
  })

  describe('besides', () => {
    const toClose: AsyncDisposable[] = []
    let place: ElasticsearchPlace
    beforeEach(async () => {
      place = await dividedPlace(server.as('writer'))
      toClose.push(place)
    })
    afterEach(async () => {
      for (const one of toClose.splice(0).reverse()) await one[Symbol.asyncDispose]()
    })
    const open = async (options: Partial<ElasticsearchStoreOptions> = {}): Promise<ElasticsearchStore> => {
      const store = await place.open({ retryForMs: 300, ...options })
      toClose.push(store)
      return store
    }

    test('a second copy that was written around a rollover is removed', async () => {
      const telemetry = new Telemetry()
      const store = await open({ telemetry })
      // The first makes the data stream, with the second it is known which index takes writes.
      await store.write([records(0, 3)])
      await store.write([records(3, 2)])
      // As another process does that has not said yet what it covers.
      const { documents } = records(5, 5)
      const lines = Buffer.from(documents).toString().trimEnd().split('\n')
      const creates = lines.map((line, at) => `{"create":{"_id":"${streamName(1)}:${5 + at}"}}\n${line}\n`)
      await ask(server.admin, { method: 'POST', path: `/${STREAM}/_bulk`, body: creates.join('') })
      await place.rollOver(STREAM)
      const [result] = await store.write([records(5, 5)])
      expect([...result!.outcomes]).toEqual(Array(5).fill(duplicate))
      expect(telemetry.get('decklog_store_removed_total')).toBe(5)
      expect(await place.count()).toEqual({ documents: 10, ids: 10 })
    })

    test('who writes sees what it has written', async () => {
      // Of the one user alone, as a process that writes is.
      const store = await openElasticsearchStore({
        ...server.as('writer'),
        clock: systemClock,
        telemetry: new Telemetry(),
      })
      toClose.push(store)
      await store.write([records(0, 5)])
      expect(await store.coverage(streamName(1), asking)).toMatchObject({ stored: 5, lowWater: 5 })
      const record = { kind: 'dead-letter', id: 'a', version: 1, updatedMs: 1, body: {} }
      await store.putRecord(record)
      expect(await store.getRecord('dead-letter', 'a', asking)).toMatchObject({ version: 1 })
      expect((await store.listRecords('dead-letter', { ...asking, limit: 10 })).records).toHaveLength(1)
      await store.deleteRecord('dead-letter', 'a')
    })

    test('a dead letter that is replayed is removed by who serves', async () => {
      await (await open()).putRecord({ kind: 'dead-letter', id: 'a', version: 1, updatedMs: 1, body: {} })
      const serving = await openElasticsearchStore({
        ...server.as('reader', 'replay'),
        clock: systemClock,
        telemetry: new Telemetry(),
      })
      toClose.push(serving)
      await serving.deleteRecord('dead-letter', 'a')
      expect(await serving.listRecords('dead-letter', { ...asking, limit: 10 })).toEqual({ records: [] })
    })

    test('a lifecycle policy may do what it does, as who installed it', async () => {
      await (await open()).write([records(0, 5)])
      await place.rollOver(STREAM)
      const { body } = await ask(server.admin, { method: 'GET', path: `/${STREAM}/_settings` })
      const [older] = Object.keys(body as object).sort()
      const as = server.as('setup')
      for (const [method, path] of [
        ['PUT', `/${older}/_block/write`],
        ['POST', `/${older}/_forcemerge?max_num_segments=1`],
        ['GET', `/${older}/_segments`],
        ['GET', `/${older}/_stats`],
      ] as const)
        expect(await ask(as, { method, path }), path).toMatchObject({ status: 200 })
      const priority = { 'index.priority': 50 }
      const path = `/${older}/_settings`
      expect(await ask(as, { method: 'PUT', path, body: priority })).toMatchObject({ status: 200 })
    })

    test('status is asked by who may read', async () => {
      const store = await open()
      await store.write([records(0, 5)])
      const options = { elasticsearch: server.as('reader'), rules: [], clock: systemClock, apartMs: 1 }
      const part = await storePart(options)
      expect(part.problems).toEqual([])
      expect(part.store?.map((one) => one.class)).toContain('ssh')
    })

    test('setup brings what is there up to date, and rolls it over', async () => {
      const store = await open()
      await store.write([records(0, 5)])
      const old = { template: {}, version: 0, _meta: { by: 'decklog', version: 0, hash: 'old' } }
      // In this order: with all fields the default limit of fields would be passed.
      for (const name of ['ecs', 'settings'])
        await ask(server.admin, { method: 'PUT', path: `/_component_template/decklog-${name}`, body: old })
      await place.rollOver(STREAM)
      const report = JSON.parse(await server.setUp('--roll-over', '--json')) as {
        elasticsearch: {
          dataStreams: { stream: string; additions: object[]; settings: object[] }[]
          outcomes: { stream: string; rolledOver: boolean }[]
        }
      }
      const { dataStreams, outcomes } = report.elasticsearch
      const changed = dataStreams.find(({ stream }) => stream === STREAM)!
      expect(changed.additions.length).toBeGreaterThan(0)
      expect(changed.settings.length).toBeGreaterThan(0)
      expect(outcomes).toContainEqual(expect.objectContaining({ stream: STREAM, rolledOver: true }))
      const left = JSON.parse(await server.setUp('--dry-run', '--json')) as {
        elasticsearch: { templates: { action: string }[] }
      }
      expect([...new Set(left.elasticsearch.templates.map(({ action }) => action))]).toEqual(['keep'])
    })

    test('a key that has expired is said in one line; with a key that has not it goes on, and nothing is lost', async () => {
      const store = await open()
      await store.write([records(0, 5)])
      const key = server.keyOf('writer')
      server.keys.expire(key)
      try {
        await expect(store.write([records(5, 5)])).rejects.toMatchObject({
          retryable: true,
          message:
            'Elasticsearch: reading what is covered: 401 this user, password or API key is refused, ' +
            'for it has expired: mend store.auth',
        })
      } finally {
        server.keys.renew(key)
      }
      await vi.waitFor(
        async () => {
          const [result] = await store.write([records(5, 5)])
          expect([...result!.outcomes]).toEqual(Array(5).fill(stored))
        },
        { timeout: 20_000 },
      )
      expect(store.problems()).toEqual([])
      expect(await place.count()).toEqual({ documents: 10, ids: 10 })
    })
  })

  test('nobody has asked for more than they may', () => {
    expect(server.keys.forbidden).toEqual([])
  })

  describe('and no more', () => {
    const documents = '/logs-system.auth-test.ssh/_search'
    test.each<readonly [RoleName, EsRequest['method'], string]>([
      ['reader', 'POST', '/logs-system.auth-test.ssh/_doc'],
      ['reader', 'PUT', '/decklog-records/_doc/a'],
      ['reader', 'DELETE', '/decklog-records/_doc/a'],
      ['replay', 'GET', documents],
      ['replay', 'POST', '/logs-system.auth-test.ssh/_doc'],
      ['replay', 'DELETE', '/decklog-records'],
      ['reader', 'POST', '/logs-system.auth-test.ssh/_rollover'],
      ['reader', 'GET', '/_security/user'],
      ['writer', 'DELETE', '/logs-system.auth-test.ssh'],
      ['writer', 'POST', '/logs-system.auth-test.ssh/_rollover'],
      ['writer', 'POST', '/another-index/_doc'],
      ['writer', 'POST', '/logs-decklog.audit-test.audit/_doc'],
      ['writer', 'POST', '/logs-another.dataset-test.ssh/_doc'],
      ['writer', 'PUT', '/_component_template/decklog-settings'],
      ['retention', 'POST', '/logs-system.auth-test.ssh/_doc'],
      ['retention', 'DELETE', '/decklog-records'],
      ['retention', 'DELETE', '/decklog-coverage'],
      ['setup', 'GET', documents],
      ['setup', 'GET', '/decklog-records/_search'],
      ['setup', 'DELETE', '/logs-system.auth-test.ssh'],
      ['setup', 'DELETE', '/decklog-records'],
    ])('%s may not %s %s', async (role, method, path) => {
      const body = method !== 'DELETE' && /_doc|_template/.test(path) ? { body: { template: {} } } : {}
      expect(await ask(server.as(role), { method, path, ...body })).toMatchObject({
        status: 403,
        body: { error: { type: 'security_exception' } },
      })
    })

    test('who may only write deletes nothing, says what it lacks, and goes on', async () => {
      const place = await dividedPlace(server.as('writer'))
      const said: string[] = []
      const store = await place.open({ onProblem: (sentence) => said.push(sentence) })
      try {
        await store.write([{ ...records(0, 5), receivedMs: 0 }])
        await place.rollOver(STREAM)
        await store.write([records(5, 5)])
        const report = await store.expire([{ class: 'ssh', hotMs: 1, whenFull: 'refuse' }], Date.now(), () =>
          Promise.resolve(true),
        )
        expect(report).toEqual({ deleted: [], kept: [] })
        expect(said).toEqual([expect.stringMatching(/nothing expires; give .* --print-role retention$/)])
        expect(await place.count()).toEqual({ documents: 10, ids: 10 })
      } finally {
        await store.close()
        await place[Symbol.asyncDispose]()
      }
    })
  })
})

const STREAM = 'logs-system.auth-test.ssh'
const { stored, duplicate } = Outcome
const asking = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const

function records(first: number, count: number): EventBatch {
  const events = Array.from({ length: count }, (_, at) => ({ seq: first + at }))
  return eventBatch({ events, receivedMs: Date.now() })
}

async function ask(as: ElasticsearchOptions, request: EsRequest): Promise<EsAnswer> {
  const connection = connect(as)
  try {
    return await connection.request(request)
  } finally {
    await connection.close()
  }
}

/** Reads with the rights of `reader` alone; everything else is done as `writer`. */
function dividedPlace(writer: ElasticsearchOptions): Promise<ElasticsearchPlace> {
  const open = async (options: ElasticsearchStoreOptions): Promise<ElasticsearchStore> => {
    const writing = await openElasticsearchStore({ ...options, ...writer })
    const reading = await openElasticsearchStore({ ...options, ...server.as('reader') })
    return divided(writing, reading)
  }
  return wholeServer(server.admin, { open, writer })
}

const READS: ReadonlySet<string | symbol> = new Set<keyof ElasticsearchStore>([
  'search',
  'histogram',
  'top',
  'get',
  'neighbours',
  'scan',
  'coverage',
  'completeness',
  'fields',
  'getRecord',
  'listRecords',
  'usage',
])

/** Two processes as one store. What one has written the other sees within a second: here it is not waited for. */
function divided(writing: ElasticsearchStore, reading: ElasticsearchStore): ElasticsearchStore {
  const admin = connect(server.admin)
  const refresh = (): Promise<unknown> =>
    admin.request({ method: 'POST', path: '/decklog-coverage,decklog-records/_refresh' })
  const close = async (): Promise<void> => {
    await Promise.all([writing.close(), reading.close()])
    await admin.close()
  }
  return new Proxy(writing, {
    get(target, name) {
      if (name === 'close' || name === Symbol.asyncDispose) return close
      const of = READS.has(name) ? reading : target
      const value: unknown = Reflect.get(of, name, of)
      if (typeof value !== 'function') return value
      const call = value.bind(of) as (...given: readonly unknown[]) => unknown
      if (of === target) return call
      return async (...given: readonly unknown[]) => {
        await refresh().catch(() => undefined)
        return call(...given)
      }
    },
  })
}
