import { describe, expect, test } from 'vitest'
import { FIELDS } from '../../src/core/fields.ts'
import {
  type FieldKind,
  KEYWORD_LENGTH_MAX,
  mappedFields,
  propertiesOf,
} from '../../src/store/elasticsearch/manage/fields.ts'
import { countShards, rolloverOf } from '../../src/store/elasticsearch/manage/shards.ts'
import {
  type Body,
  type Definition,
  type Flavour,
  hashOf,
  stamped,
  templatesOf,
} from '../../src/store/elasticsearch/manage/templates.ts'
import { differencesOf, flatten } from '../../src/store/elasticsearch/manage/compare.ts'
import { isRuledByOthers, overlapsOf } from '../../src/store/elasticsearch/manage/overlaps.ts'
import { ROLE_NAMES, roleDescriptor } from '../../src/store/elasticsearch/manage/roles.ts'

const DAY_MS = 864e5
const KINDS = [
  { dataset: 'kubernetes.audit_logs', class: 'control-plane' },
  { dataset: 'system.auth', class: 'ssh' },
]
const FULL: Flavour = { name: 'full', types: 'full', lifecycle: true, logsdb: true, failureStore: true }
const CORE: Flavour = { name: 'core', types: 'core', lifecycle: false, logsdb: false, failureStore: false }

function definitions(flavour: Flavour, logsdb = false): Definition[] {
  const rule = { class: 'ssh', hotMs: 90 * DAY_MS, whenFull: 'refuse' as const }
  return templatesOf({ flavour, kinds: KINDS, logsdb, rollover: () => rolloverOf(rule, 7 * DAY_MS) })
}

function typesIn(list: readonly Definition[]): Set<string> {
  const paths = list.flatMap(({ body }) => [...flatten(body)])
  return new Set(paths.filter(([path]) => /mappings\b.*\.type$/.test(path)).map(([, value]) => value))
}

function bodyOf(list: readonly Definition[], name: string): Body {
  return list.find((one) => one.name === name)!.body
}

describe('the fields', () => {
  test('those that decklog knows are mapped as what it compares them as', () => {
    const compared: Readonly<Record<FieldKind, string>> = {
      words: 'text',
      constant: 'keyword',
      keyword: 'keyword',
      pattern: 'keyword',
      kept: 'keyword',
      flattened: 'flattened',
      date: 'date',
      date_nanos: 'date',
      claimed_date: 'date',
      ip: 'ip',
      long: 'long',
      double: 'long',
      boolean: 'boolean',
      geo_point: 'geo_point',
    }
    const kinds = mappedFields()
    const wrong = FIELDS.filter(({ name, type }) => compared[kinds.get(name)!] !== type)
    expect(wrong).toEqual([])
  })

  test('none stands below another, nor twice', () => {
    const names = [...mappedFields().keys()].sort()
    expect(names.filter((name) => names.some((other) => other.startsWith(`${name}.`)))).toEqual([])
    expect(new Set(names).size).toBe(names.length)
  })

  test('a mapping has room: fields and objects are fewer than its limit', () => {
    const count = (properties: Body): number =>
      Object.values(properties).reduce<number>(
        (sum, one) => sum + 1 + count(((one as Body)['properties'] ?? {}) as Body),
        0,
      )
    const total = count(propertiesOf(mappedFields(), 'full')['properties'] as Body)
    expect(total).toBeGreaterThan(500)
    expect(total).toBeLessThan(1500)
  })

  test('a keyword of the greatest length is a term that Lucene takes', () => {
    expect(KEYWORD_LENGTH_MAX * 3).toBeLessThanOrEqual(32_766)
  })
})

describe('the two flavours', () => {
  test('core has only types that every Elasticsearch has, and no lifecycle', () => {
    const bare = [
      'keyword',
      'text',
      'ip',
      'date',
      'date_nanos',
      'long',
      'double',
      'flattened',
      'boolean',
      'geo_point',
    ]
    expect([...typesIn(definitions(CORE))].filter((type) => !bare.includes(type))).toEqual([])
    expect(definitions(CORE).filter(({ kind }) => kind === 'policy')).toEqual([])
    expect(JSON.stringify(definitions(CORE))).not.toMatch(/lifecycle|logsdb|failure_store/)
  })

  test('full has the types and the policies of a stock one', () => {
    const types = typesIn(definitions(FULL))
    for (const type of ['constant_keyword', 'match_only_text', 'wildcard', 'date_nanos'])
      expect(types).toContain(type)
    const policies = definitions(FULL).filter(({ kind }) => kind === 'policy')
    expect(policies.map(({ name }) => name)).toEqual(['decklog-control-plane', 'decklog-ssh'])
    expect(bodyOf(definitions(FULL), 'decklog-system.auth-ssh')).toMatchObject({
      template: { settings: { 'index.lifecycle.name': 'decklog-ssh' } },
    })
  })

  test('both map the same fields', () => {
    const names = (flavour: Flavour): string[] =>
      definitions(flavour)
        .filter(({ kind }) => kind === 'component')
        .flatMap(({ body }) => [...flatten(body).keys()])
        .filter((path) => /mappings\..*\.type$/.test(path))
    expect(names(FULL)).toEqual(names(CORE))
  })

  test('no policy deletes', () => {
    const policies = definitions(FULL).filter(({ kind }) => kind === 'policy')
    expect(JSON.stringify(policies)).not.toContain('delete')
    expect(policies.length).toBe(2)
  })

  test('logsdb is used by choice, and keeps the documents as they were written', () => {
    expect(bodyOf(definitions(FULL), 'decklog-settings')).not.toHaveProperty(
      'template.settings',
      expect.objectContaining({ 'index.mode': 'logsdb' }),
    )
    expect(bodyOf(definitions(FULL, true), 'decklog-settings')).toMatchObject({
      template: { settings: { 'index.mode': 'logsdb', 'index.mapping.source.mode': 'stored' } },
    })
    expect(JSON.stringify(definitions(CORE, true))).not.toContain('logsdb')
  })

  test('a template takes the data streams of its class, and those of no agent', () => {
    const index = definitions(FULL).find(
      ({ name }) => name === 'decklog-kubernetes.audit_logs-control-plane',
    )!
    expect(index.body['index_patterns']).toEqual(['logs-kubernetes.audit_logs-*.control_plane'])
    expect(index.body['priority']).toBeGreaterThan(200)
    expect(index.body['data_stream']).toEqual({})
  })

  test('what is installed says who made it, in which version, and a hash of the rest', () => {
    const [policy, component] = definitions(FULL).filter(({ kind }) => kind !== 'index')
    for (const one of [policy!, component!]) {
      const body = stamped(one)
      const holder = (one.kind === 'policy' ? body['policy'] : body) as Body
      expect(holder['_meta']).toEqual({ by: 'decklog', version: 2, hash: hashOf(one.body) })
    }
    expect(hashOf({ a: 1, b: [1, 2] })).toBe(hashOf({ b: [1, 2], a: 1 }))
    expect(hashOf({ a: 1, b: [1, 2] })).not.toBe(hashOf({ a: 1, b: [2, 1] }))
  })

  test.each([
    ['full', FULL],
    ['core', CORE],
  ] as const)('%s is as the file shows it', async (name, flavour) => {
    const all = Object.fromEntries(
      definitions(flavour).map((one) => [`${one.kind} ${one.name}`, stamped(one)]),
    )
    await expect(`${JSON.stringify(all, undefined, 1)}\n`).toMatchFileSnapshot(
      `../../schemas/elasticsearch/generated/${name}.json`,
    )
  })
})

describe('comparing', () => {
  test('two ways to write the same are equal', () => {
    const nested = {
      template: { settings: { index: { number_of_shards: '1', mapping: { total_fields: { limit: '9' } } } } },
    }
    const dotted = {
      template: { settings: { 'index.number_of_shards': 1, 'index.mapping.total_fields.limit': '9' } },
    }
    expect(differencesOf(nested, dotted)).toEqual([])
    expect(
      differencesOf({ data_stream: { hidden: false, allow_custom_routing: false } }, { data_stream: {} }),
    ).toEqual([])
    expect(differencesOf({ _meta: { by: 'x' }, version: 3 }, {})).toEqual([])
  })

  test('a difference says the field, before and after', () => {
    const of = (type: string): Body => ({
      template: { mappings: { properties: { source: { properties: { ip: { type } } } } } },
    })
    expect(differencesOf(of('keyword'), of('ip'))).toEqual([
      { path: 'template.mappings.source.ip.type', before: 'keyword', after: 'ip' },
    ])
    expect(differencesOf({}, of('ip'))).toMatchObject([{ before: undefined, after: 'ip' }])
    expect(differencesOf({ data_stream: {} }, {})).toHaveLength(1)
  })
})

describe('shards', () => {
  const count = (options: { clusters?: number; open?: number; replicas?: number; streams?: number }) =>
    countShards({
      kinds: KINDS,
      rules: [{ class: 'ssh', hotMs: 90 * DAY_MS, whenFull: 'refuse' }],
      rollover: () => rolloverOf({ class: 'x', hotMs: 90 * DAY_MS, whenFull: 'refuse' }),
      shards: () => 2,
      replicas: options.replicas ?? 1,
      clusters: options.clusters ?? 1,
      streamsOf: ({ class: name }) => (name === 'ssh' ? (options.streams ?? 0) : 0),
      ownNow: 0,
      capacity: { dataNodes: 1, perNode: 1000, open: options.open ?? 0 },
    })

  test('an index is ended after a tenth of the retention, and of the room', () => {
    expect(rolloverOf({ class: 'x', hotMs: 90 * DAY_MS, maxBytes: 1e9, whenFull: 'refuse' })).toEqual({
      maxAgeMs: 9 * DAY_MS,
      maxBytes: 1e8,
      warmAfterMs: undefined,
    })
    expect(rolloverOf({ class: 'x', hotMs: 60_000, whenFull: 'refuse' }).maxAgeMs).toBe(36e5)
    expect(rolloverOf(undefined)).toMatchObject({ maxAgeMs: 30 * DAY_MS, maxBytes: 50 * 2 ** 30 })
  })

  test('classes, clusters, primaries and replicas multiply', () => {
    const ssh = count({}).counts.find((one) => one.class === 'ssh')!
    expect(ssh).toMatchObject({ indices: 12, shards: 48, keptForEver: false })
    expect(count({ clusters: 3 }).wanted).toBe(3 * count({}).wanted)
    expect(count({ streams: 4 }).counts.map((one) => one.streams)).toEqual([1, 4])
    expect(count({ replicas: 0 }).wanted * 2).toBe(count({}).wanted)
  })

  test('a number that the cluster cannot carry is refused, with the sum', () => {
    expect(count({}).refusal).toBeUndefined()
    expect(count({ open: 999 }).refusal).toMatch(
      /make \d+ shards.*room for 1 \(1 data node × 1000, less 999 of others\)/,
    )
    expect(count({ clusters: 9 }).refusal).toMatch(/make \d+ shards/)
  })
})

describe('templates of others', () => {
  const claims = [{ name: 'theirs', patterns: ['logs-system.auth-*'], priority: 501 }]

  test('a stronger one that takes all of ours is said; one for a part of it rules that part', () => {
    expect(overlapsOf(claims, definitions(CORE))).toEqual([
      expect.stringMatching(/theirs \(priority 501\) takes what decklog-system.auth-ssh \(priority 500\)/),
    ])
    const part = [{ ...claims[0]!, patterns: ['logs-system.auth-mine_*.ssh'] }]
    expect(overlapsOf(part, definitions(CORE))).toEqual([])
    expect(isRuledByOthers('logs-system.auth-mine_a.ssh', part, definitions(CORE))).toBe(true)
    expect(isRuledByOthers('logs-system.auth-prod.ssh', part, definitions(CORE))).toBe(false)
  })

  test('a weaker one is no matter', () => {
    const weak = [{ ...claims[0]!, priority: 200 }]
    expect(overlapsOf(weak, definitions(CORE))).toEqual([])
    expect(isRuledByOthers('logs-system.auth-prod.ssh', weak, definitions(CORE))).toBe(false)
  })
})

describe('roles', () => {
  test('only the retention may delete indices, only the writer second copies, nobody the audit stream, and nothing may all', () => {
    const may = (privilege: string): string[] =>
      ROLE_NAMES.filter((role) =>
        roleDescriptor(role, KINDS).indices.some(
          ({ names, privileges }) =>
            names.some((name) => name.startsWith('logs-')) && privileges.includes(privilege),
        ),
      )
    expect(may('delete_index')).toEqual(['retention'])
    expect(may('create_doc')).toEqual(['writer', 'retention'])
    expect(may('delete')).toEqual(['writer'])
    const audit = 'logs-decklog.audit-*.audit'
    expect(roleDescriptor('writer', KINDS).indices.flatMap(({ names }) => names)).not.toContain(audit)
    const creates = roleDescriptor('retention', KINDS).indices.filter(({ privileges }) =>
      privileges.includes('create_doc'),
    )
    expect(creates.flatMap(({ names }) => names)).toEqual([audit])
    expect(may('all')).toEqual([])
    expect(may('manage')).toEqual([])
    expect(may('write')).toEqual([])
  })

  test('they name the data streams of decklog and no others', () => {
    const names = roleDescriptor('reader', KINDS).indices.flatMap((one) => one.names)
    expect(names).toEqual([
      'logs-kubernetes.audit_logs-*.control_plane',
      'logs-system.auth-*.ssh',
      'logs-decklog.audit-*.audit',
      'decklog-records',
      'decklog-coverage',
    ])
  })
})
