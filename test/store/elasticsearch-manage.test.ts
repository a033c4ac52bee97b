import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/document.ts'
import type { DeletionRange, RetentionRule } from '../../src/ports/store.ts'
import { type EsContext, namesOf } from '../../src/store/elasticsearch/context.ts'
import { listDataStreams } from '../../src/store/elasticsearch/manage/data-streams.ts'
import { expire } from '../../src/store/elasticsearch/manage/expire.ts'
import { findFlavour } from '../../src/store/elasticsearch/manage/flavour.ts'
import { takeLease } from '../../src/store/elasticsearch/manage/lease.ts'
import {
  applyStore,
  hasChanges,
  planStore,
  reasonToRollOver,
} from '../../src/store/elasticsearch/manage/plan.ts'
import { usage } from '../../src/store/elasticsearch/manage/usage.ts'
import { ELASTICSEARCH, ManagePlace } from '../support/elasticsearch-manage.ts'

const DAY_MS = 864e5
const WAIT = { timeout: 60_000 }

const places: ManagePlace[] = []
function newPlace(): ManagePlace {
  const place = new ManagePlace()
  places.push(place)
  return place
}
/** For tests that make data streams. */
async function takenPlace(): Promise<ManagePlace> {
  const place = await ManagePlace.taken()
  places.push(place)
  return place
}
afterEach(async () => {
  for (const place of places.splice(0)) await place[Symbol.asyncDispose]()
}, 60_000)

describe.skipIf(ELASTICSEARCH === undefined)('templates on a real server', () => {
  test('the flavour is what the server takes, and says why', WAIT, async () => {
    const place = newPlace()
    const { connection } = place.context
    const found = await findFlavour(connection)
    const path = `/_component_template/${place.context.names.installed('probe')}`
    const mappings = { properties: { probe: { type: 'constant_keyword' } } }
    const { status } = await place.request({ method: 'PUT', path, body: { template: { mappings } } })
    expect(found.types).toBe(status === 200 ? 'full' : 'core')
    expect(found.why.join('\n')).toMatch(status === 200 ? /they are used/ : /no constant_keyword/)
    expect(found.why).toHaveLength(2)
  })

  test('a plan writes nothing; carried out once, there is nothing left to do', WAIT, async () => {
    const place = newPlace()
    const { connection, names } = place.context
    const plan = await planStore(connection, place.options())
    expect(plan.templates.every((one) => one.action === 'create')).toBe(true)
    expect(hasChanges(plan)).toBe(true)
    expect(plan.problems).toEqual([])
    const seen = async (path: string): Promise<number> =>
      (await place.request({ method: 'GET', path })).status
    expect(await seen(`/_component_template/${names.installed('ecs')}`)).toBe(404)
    expect(await seen(`/${names.records}`)).toBe(404)
    await applyStore(connection, plan)
    expect(await seen(`/_component_template/${names.installed('ecs')}`)).toBe(200)
    expect(await seen(`/${names.records}`)).toBe(200)
    const again = await planStore(connection, place.options())
    expect(again.templates.map((one) => [one.action, one.differences])).toEqual(
      again.templates.map(() => ['keep', []]),
    )
    expect(hasChanges(again)).toBe(false)
  })

  test('a data stream that its templates made is as they say', WAIT, async () => {
    const place = await takenPlace()
    await place.write('a', [{ receivedMs: Date.now() }])
    const plan = await planStore(place.context.connection, place.options())
    const stream = plan.streams.find((one) => one.stream === place.streamOf('a'))
    expect(stream).toMatchObject({ additions: [], needsRollover: [], settings: [] })
    expect(hasChanges(plan)).toBe(false)
  })

  test('data streams of another prefix are left alone, by plans and by the retention', WAIT, async () => {
    const place = await takenPlace()
    const { connection } = place.context
    await place.write('a', [{ receivedMs: Date.now() }])
    const { prefix: _prefix, ...options } = place.options()
    const plan = await planStore(connection, options)
    expect(plan.streams.map((one) => one.stream)).not.toContain(place.streamOf('a'))
    const listed = async (prefix: string): Promise<string[]> =>
      (await listDataStreams(connection, namesOf(prefix))).map((one) => one.name)
    expect(await listed(place.prefix)).toContain(place.streamOf('a'))
    expect(await listed('')).not.toContain(place.streamOf('a'))
  })

  test('an older version of itself is upgraded, with what exists; data stays', WAIT, async () => {
    const place = await takenPlace()
    const { connection, names } = place.context
    const path = `/_component_template/${names.installed('ecs')}`
    const [installed] = (await place.must('GET', path))['component_templates'] as JsonObject[]
    const { template } = installed!['component_template'] as {
      template: { mappings: { properties: Properties } }
    }
    const old = structuredClone(template)
    delete old.mappings.properties['threat']
    old.mappings.properties['source']!.properties!['ip'] = { type: 'keyword' }
    old.mappings.properties['tags'] = { type: 'keyword', ignore_above: 256 }
    await place.must('PUT', path, {
      template: old,
      version: 0,
      _meta: { by: 'decklog', version: 0, hash: 'old' },
    })
    await place.renew()
    await place.write('a', [{ receivedMs: Date.now(), document: { threat: { framework: 'MITRE' } } }])

    const plan = await planStore(connection, place.options())
    const ecs = plan.templates.find((one) => one.definition.name === names.installed('ecs'))!
    expect(ecs).toMatchObject({ action: 'update', installedVersion: 0 })
    expect(ecs.differences).toContainEqual({
      path: 'template.mappings.tags.ignore_above',
      before: '256',
      after: '10922',
    })
    const ofA = <T extends { readonly stream: string }>(all: readonly T[]): T =>
      all.find((one) => one.stream === place.streamOf('a'))!
    const stream = ofA(plan.streams)
    const added = stream.additions.map((one) => one.path)
    expect(added).toContain('mappings.threat.framework.type')
    expect(added).toContain('mappings.tags.ignore_above')
    expect(reasonToRollOver(stream)).toMatch(/^mappings.source.ip.type is keyword and will be ip/)

    const report = ofA(await applyStore(connection, plan))
    expect(report).toMatchObject({ rolledOver: false, advice: expect.stringMatching(/source.ip/) as unknown })
    await place.write('a', [{ receivedMs: Date.now(), document: { threat: { framework: 'MITRE' } } }])
    const query = { query: { term: { 'threat.framework': 'MITRE' } } }
    const { hits } = await place.must('POST', `/${place.streamOf('a')}/_search`, query)
    expect(hits).toMatchObject({ total: { value: 1 } })

    const left = await planStore(connection, place.options())
    expect(hasChanges(left)).toBe(false)
    const rolled = ofA(await applyStore(connection, left, { rollOver: true }))
    expect(rolled).toMatchObject({ rolledOver: true, advice: undefined })
    expect(await place.indices('a')).toHaveLength(2)
    const after = await planStore(connection, place.options())
    expect(ofA(after.streams).needsRollover).toEqual([])
    expect(await place.must('POST', `/${place.streamOf('a')}/_count`)).toMatchObject({ count: 2 })
  })

  test('what is not ours is not touched, nor what is of a newer decklog', WAIT, async () => {
    const place = newPlace()
    const { connection, names } = place.context
    const put = (name: string, body: object): Promise<unknown> =>
      place.must('PUT', `/_component_template/${names.installed(name)}`, body)
    await put('ecs', { template: {} })
    await put('kubernetes', { template: {}, _meta: { by: 'decklog', version: 999, hash: 'x' } })
    const plan = await planStore(connection, place.options())
    const of = (name: string) => plan.templates.find((one) => one.definition.name === names.installed(name))
    expect(of('ecs')).toMatchObject({ action: 'blocked' })
    expect(of('kubernetes')).toMatchObject({
      action: 'keep',
      remark: expect.stringMatching(/newer decklog/) as unknown,
    })
    expect(plan.problems.join()).toMatch(/ecs exists and is not decklog's/)
  })

  test('what an operator adds comes after what decklog says, and no plan fights it', WAIT, async () => {
    const place = await takenPlace()
    const { connection, names } = place.context
    const template = { settings: { 'index.refresh_interval': '7s' } }
    await place.must('PUT', `/_component_template/${names.installed('custom')}`, { template })
    await place.renew()
    await place.write('a', [{ receivedMs: Date.now() }])
    const [index] = await place.indices('a')
    const settings = await place.must('GET', `/${index}/_settings?flat_settings=true`)
    expect(settings).toMatchObject({ [index!]: { settings: { 'index.refresh_interval': '7s' } } })
    expect(hasChanges(await planStore(connection, place.options()))).toBe(false)
  })

  test('a template of others that would take our data streams is a problem', WAIT, async () => {
    const place = newPlace()
    const { connection, names } = place.context
    const name = names.installed('of-others')
    await place.must('PUT', `/_index_template/${name}`, {
      index_patterns: [`logs-system.auth-${place.prefix}*`],
      data_stream: {},
      priority: 4000,
      template: {},
    })
    const plan = await planStore(connection, place.options())
    expect(plan.problems).toMatchObject([expect.stringMatching(new RegExp(`${name}.*priority 4000`))])
  })

  test('clusters and classes that make more shards than there is room for are a problem', WAIT, async () => {
    const place = newPlace()
    const plan = await planStore(place.context.connection, place.options({ clusters: 100_000 }))
    expect(plan.problems.join()).toMatch(/make \d+ shards, and the cluster has room for \d+/)
  })

  test('every document of the parsers fits the mapping', WAIT, async () => {
    const place = await takenPlace()
    const folder = join(import.meta.dirname, '../fixtures/formats')
    const documents = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as (JsonObject | null)[])
      .filter((one) => one !== null)
      .map(({ quality: _quality, original: _original, ...document }): JsonObject => {
        // A parser that finds no time leaves it to the batch.
        return document['@timestamp'] === null
          ? { ...document, '@timestamp': '2026-11-24T08:00:00Z' }
          : document
      })
    expect(documents.length).toBeGreaterThan(100)
    const receivedMs = Date.now()
    await place.write(
      'a',
      documents.map((document) => ({ receivedMs, document })),
    )
    expect(await place.must('POST', `/${place.streamOf('a')}/_count`)).toMatchObject({
      count: documents.length,
    })
  })
})

interface Properties {
  [name: string]: { type?: string; ignore_above?: number; properties?: Properties }
}

describe.skipIf(ELASTICSEARCH === undefined)('retention on a real server', () => {
  const yes = (): Promise<boolean> => Promise.resolve(true)
  const rule: RetentionRule = { class: 'ssh', hotMs: 7 * DAY_MS, whenFull: 'refuse' }
  const audits = async (place: ManagePlace): Promise<string[]> => {
    const path = `/logs-decklog.audit-${place.prefix}*/_search`
    await place.must('POST', `/logs-decklog.audit-${place.prefix}*/_refresh`)
    const { hits } = await place.must('POST', path, { size: 50, sort: ['decklog.seq'] })
    return (hits as { hits: { _source: { event: { action: string } } }[] }).hits.map(
      (one) => one._source.event.action,
    )
  }

  /** An expired index, one that holds an old and a young event, and the write index. */
  async function filled(): Promise<ManagePlace> {
    const place = await takenPlace()
    const nowMs = Date.now()
    const old = { receivedMs: nowMs - 10 * DAY_MS }
    await place.write('a', [old, old, old], { rollOver: true })
    await place.write('a', [old, { receivedMs: nowMs - DAY_MS }], { rollOver: true })
    await place.write('a', [{ receivedMs: nowMs }])
    return place
  }

  test(
    'only an index of which everything has expired is deleted, once, by one of two, and it is written down',
    WAIT,
    async () => {
      const place = await filled()
      const [expired, mixed, written] = await place.indices('a')
      const asked: DeletionRange[] = []
      const dry = await expire(place.context, [rule], Date.now(), yes, { dryRun: true })
      expect(dry.deleted).toMatchObject([{ class: 'ssh', tenant: 'a', events: 3, why: 'age' }])
      expect(await place.indices('a')).toEqual([expired, mixed, written])

      const refused = await expire(place.context, [rule], Date.now(), (range) => {
        asked.push(range)
        return Promise.resolve(false)
      })
      expect(asked).toMatchObject([{ class: 'ssh', tenant: 'a', events: 3 }])
      expect(refused).toMatchObject({ deleted: [], kept: [{ why: expect.stringMatching(/age/) as unknown }] })
      expect(await place.indices('a')).toEqual([expired, mixed, written])

      const reports = await Promise.all([1, 2].map(() => expire(place.context, [rule], Date.now(), yes)))
      expect(reports.flatMap((one) => one.deleted)).toMatchObject([{ tenant: 'a', events: 3, why: 'age' }])
      expect(await place.indices('a')).toEqual([mixed, written])
      expect(await audits(place)).toEqual(['retention-delete-decided', 'retention-delete'])
      expect(await expire(place.context, [rule], Date.now(), yes)).toEqual({ deleted: [], kept: [] })
      const [, afterLater] = [
        await expire(place.context, [rule], Date.now() + 7 * DAY_MS, yes),
        await place.indices('a'),
      ]
      expect(afterLater).not.toContain(mixed)
      expect(afterLater.at(-1)).not.toBe(written)
    },
  )

  test('an index with a document that is nobody\u2019s is kept, and said', WAIT, async () => {
    const place = await takenPlace()
    const old = { receivedMs: Date.now() - 10 * DAY_MS }
    await place.write('a', [old, { ...old, document: { decklog: { class: 'pod' } } }], { rollOver: true })
    const report = await expire(place.context, [rule], Date.now(), yes)
    expect(report.deleted).toEqual([])
    expect(report.kept).toMatchObject([
      { events: 2, why: expect.stringMatching(/1 documents that are not of class ssh/) as unknown },
    ])
    expect(await place.indices('a')).toHaveLength(2)
  })

  test('without a place for its record nothing is deleted', WAIT, async () => {
    const place = await filled()
    const { connection } = place.context
    const context: EsContext = {
      ...place.context,
      connection: {
        ...connection,
        request: (request) =>
          request.path.startsWith('/logs-decklog.audit')
            ? Promise.resolve({ status: 403, body: { error: { type: 'security_exception', reason: 'no' } } })
            : connection.request(request),
      },
    }
    const report = await expire(context, [rule], Date.now(), yes)
    expect(report).toMatchObject({
      deleted: [],
      kept: [{ why: expect.stringMatching(/audit record/) as unknown }],
    })
    expect(await place.indices('a')).toHaveLength(3)
  })

  test('an index that nobody writes to any more is ended when it is old, and deleted', WAIT, async () => {
    const place = await takenPlace()
    await place.write('a', [{ receivedMs: Date.now() - 10 * DAY_MS }])
    const [only] = await place.indices('a')
    const report = await expire(place.context, [rule], Date.now(), yes)
    expect(report.deleted).toMatchObject([{ events: 1, why: 'age' }])
    expect(await place.indices('a')).toHaveLength(1)
    expect(await place.indices('a')).not.toContain(only)
  })

  test('a full class refuses or loses its oldest, as its rule says', WAIT, async () => {
    const place = await filled()
    const [oldest] = await place.indices('a')
    const { bytes } = (await usage(place.context)).find((one) => one.class === 'ssh')!
    await expire(place.context, [{ class: 'ssh', maxBytes: 1, whenFull: 'refuse' }], Date.now(), yes)
    expect(place.context.refused.get('ssh')).toMatch(/class ssh holds \d+ of its 1 bytes/)
    await expire(place.context, [{ class: 'ssh', maxBytes: 1e12, whenFull: 'refuse' }], Date.now(), yes)
    expect(place.context.refused.size).toBe(0)
    const over: RetentionRule = { class: 'ssh', maxBytes: bytes - 1, whenFull: 'expire-oldest' }
    const report = await expire(place.context, [over], Date.now(), yes)
    expect(report.deleted).toMatchObject([{ events: 3, why: 'maxBytes' }])
    expect(await place.indices('a')).not.toContain(oldest)
  })

  test('usage says bytes, events and the oldest by class', WAIT, async () => {
    const place = await filled()
    const ssh = (await usage(place.context)).find((one) => one.class === 'ssh')
    expect(ssh).toMatchObject({ class: 'ssh', events: 6 })
    expect(ssh!.bytes).toBeGreaterThan(1000)
    expect(Math.round((Date.now() - ssh!.oldestMs) / DAY_MS)).toBe(10)
  })

  test('a lease has one holder until it is given back or has run out', WAIT, async () => {
    const place = newPlace()
    let nowMs = 1_000_000
    const context = { ...place.context, clock: { ...place.context.clock, now: () => nowMs } }
    const taken = await Promise.all([1, 2, 3].map(() => takeLease(context, 'retention')))
    expect(taken.filter((one) => one !== undefined)).toHaveLength(1)
    const first = taken.find((one) => one !== undefined)!
    expect(await takeLease(context, 'retention')).toBeUndefined()
    nowMs += 9 * 60_000
    expect(await first.renew()).toBe(true)
    nowMs += 9 * 60_000
    expect(await takeLease(context, 'retention')).toBeUndefined()
    nowMs += 60_001
    const second = await takeLease(context, 'retention')
    expect(second).toBeDefined()
    expect(await first.renew()).toBe(false)
    await first.release()
    expect(await takeLease(context, 'retention')).toBeUndefined()
    await second!.release()
    expect(await takeLease(context, 'retention')).toBeDefined()
  })
})
