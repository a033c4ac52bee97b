import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrichmentSchema, loadSnapshot } from '../../../src/config/enrichment.ts'
import type { FormatDefinition } from '../../../src/ports/format.ts'
import { makeEnricher } from '../../../src/stages/enrich/enricher.ts'
import { ENRICH_STEPS, type EnrichmentSnapshot } from '../../../src/core/enrichment.ts'
import { mmdbOf } from '../../support/mmdb.ts'
import { podSpec, type TestEvent, TestStream, pipelineOf } from '../stream-of.ts'

const directory = mkdtempSync(join(tmpdir(), 'decklog-enrich-'))
const path = (name: string): string => join(directory, name)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

let snapshot: EnrichmentSnapshot
beforeAll(() => {
  writeFileSync(
    path('city.mmdb'),
    mmdbOf('GeoLite2-City', [
      {
        network: '203.0.113.0/24',
        data: {
          country: { iso_code: 'NL', names: { en: 'Netherlands' } },
          city: { names: { en: 'Utrecht' } },
          subdivisions: [{ iso_code: 'UT', names: { en: 'Utrecht' } }],
          location: { latitude: 52.5, longitude: 5.25, time_zone: 'Europe/Amsterdam' },
        },
      },
    ]),
  )
  writeFileSync(
    path('asn.mmdb'),
    mmdbOf('GeoLite2-ASN', [
      {
        network: '203.0.113.0/24',
        data: { autonomous_system_number: 64500, autonomous_system_organization: 'Example Net' },
      },
    ]),
  )
  writeFileSync(path('jump.txt'), '# jump hosts\n10.9.0.0/16\n203.0.113.7 # the old one\n')
  writeFileSync(
    path('people.csv'),
    'person,full_name,email,os,kubernetes\nalice,Alice Adams,a@example.com,aadams root-alice,oidc:alice\n',
  )
  writeFileSync(
    path('nodes.yaml'),
    'worker-3: { roles: [worker], labels: { zone: a }, taints: ["gpu=yes:NoSchedule"] }\n',
  )
  writeFileSync(
    path('pods.ndjson'),
    [
      {
        ip: '10.1.0.5',
        fromMs: 1000,
        toMs: 50_000,
        namespace: 'shop',
        name: 'cart-0',
        uid: 'u1',
        workload: 'StatefulSet/cart',
      },
      { ip: '10.1.0.5', fromMs: 60_000, namespace: 'pay', name: 'bank-0', uid: 'u2' },
    ]
      .map((one) => JSON.stringify(one))
      .join('\n') + '\n{"ip":"10.1',
  )
  snapshot = loadSnapshot(
    enrichmentSchema.parse({
      geoip: { city: path('city.mmdb'), asn: path('asn.mmdb') },
      lists: [
        { name: 'jump-hosts', file: path('jump.txt') },
        { name: 'approved', images: ['registry.example.com/approved', 'docker.io/'] },
      ],
      identities: path('people.csv'),
      nodes: path('nodes.yaml'),
      podHistory: path('pods.ndjson'),
    }),
  )
})

/** Reads JSON `{ fields, ms }`: what a parser may have found. */
const given: FormatDefinition = {
  name: 'given',
  version: 1,
  kind: 'record',
  title: 'Given fields',
  definedBy: 'this test',
  dataset: 'system.auth',
  example: '{}',
  parse: (text, draft) => {
    const { fields, ms } = JSON.parse(text) as { fields: typeof draft.fields; ms: number }
    Object.assign(draft.fields, fields)
    draft.timeNs = BigInt(ms) * 1_000_000n
    return true
  },
}

function run(fields: object, ms = 10_000): TestEvent['document'] {
  const spec = { class: 'ssh', match: [{ when: {}, parse: ['given'], dataset: 'system.auth' }] }
  const base = pipelineOf({ spec, formats: [given] })
  const pipeline = { ...base, enricher: makeEnricher({ steps: ENRICH_STEPS, snapshot }) }
  return new TestStream(pipeline).feed([JSON.stringify({ fields, ms })])[0]!.document
}

describe('enrichment', () => {
  it('adds where an address is, and whose network it is', () => {
    const { source } = run({ source: { ip: '203.0.113.9' } })
    expect(source.geo).toEqual({
      country_iso_code: 'NL',
      country_name: 'Netherlands',
      city_name: 'Utrecht',
      region_iso_code: 'NL-UT',
      region_name: 'Utrecht',
      timezone: 'Europe/Amsterdam',
      location: { lat: 52.5, lon: 5.25 },
    })
    expect(source.as).toEqual({ number: 64500, organization: { name: 'Example Net' } })
  })

  it('knows nothing of other addresses, and of what is none', () => {
    expect(run({ source: { ip: '192.0.2.1' } }).source).toEqual({ ip: '192.0.2.1' })
    expect(run({ source: { ip: 'nonsense' } }).source).toEqual({ ip: 'nonsense' })
    expect(run({ source: 'odd' }).source).toBe('odd')
  })

  it('names the lists that have an address', () => {
    const document = run({ source: { ip: '10.9.1.1' }, destination: { ip: '203.0.113.7' }, tags: ['x'] })
    expect(document.decklog.lists).toEqual({ source: ['jump-hosts'], destination: ['jump-hosts'] })
    expect(document.tags).toEqual(['x', 'list.jump-hosts'])
  })

  it('names the pod that had the address at that time', () => {
    expect(run({ source: { ip: '10.1.0.5' } }, 10_000).decklog.pods.source.name).toBe('cart-0')
    expect(run({ source: { ip: '10.1.0.5' } }, 70_000).decklog.pods.source.name).toBe('bank-0')
    expect(run({ source: { ip: '10.1.0.5' } }, 55_000).decklog.pods).toBeUndefined()
  })

  it('names the person behind a user', () => {
    const document = run({ user: { name: 'aadams', effective: { name: 'root' } } })
    expect(document.user.full_name).toBe('Alice Adams')
    expect(document.decklog.person).toEqual(['alice'])
    expect(document.related.user).toEqual(['alice', 'aadams', 'root'])
  })

  it('names techniques of ATT&CK', () => {
    const { threat } = run({ tags: ['T1059.004', 'shell'] })
    expect(threat.technique.id).toEqual(['T1059'])
    expect(threat.technique.name).toEqual(['Command and Scripting Interpreter'])
    expect(threat.technique.subtechnique).toEqual({ id: ['T1059.004'], name: ['Unix Shell'] })
  })

  it('fills related from what was found, once', () => {
    const document = run({
      source: { ip: '192.0.2.1' },
      related: { ip: ['192.0.2.1'] },
      file: { hash: { md5: 'aa' } },
    })
    expect(document.related).toEqual({ ip: ['192.0.2.1'], hash: ['aa'] })
  })

  it('adds the node, and says which snapshot it was', () => {
    const document = run({})
    expect(document.kubernetes.node).toEqual({
      name: 'worker-3',
      labels: { zone: 'a' },
      roles: ['worker'],
      taints: ['gpu=yes:NoSchedule'],
    })
    expect(document.decklog.enrichment).toMatch(/^[0-9a-f]{12}$/)
  })

  it('gives the same bytes for the same snapshot', () => {
    const one = (): string => {
      const base = pipelineOf({
        spec: { class: 'ssh', match: [{ when: {}, parse: ['given'], dataset: 'system.auth' }] },
        formats: [given],
      })
      const enricher = makeEnricher({ steps: ENRICH_STEPS, snapshot: structuredClone(snapshot) })
      return new TestStream({ ...base, enricher }).feed([
        '{"ms":10000,"fields":{"source":{"ip":"10.1.0.5"}}}',
      ])[0]!.bytes
    }
    expect(one()).toBe(one())
  })
})

describe('a pod stream', () => {
  const names = {
    namespace: 'shop',
    pod: 'web-1',
    uid: 'u',
    container: 'app',
    restart: '0',
    image: 'registry.example.com/approved/web:1.2',
    imageDigest: 'sha256:ab',
    containerId: 'c1',
    runtime: 'containerd',
    owners: 'ReplicaSet/web-5d,Deployment/web',
    workloadKind: 'Deployment',
    workload: 'web',
    serviceAccount: 'web',
    podIp: '10.1.0.9',
    'label.app': 'web',
    'annotation.team': 'a',
  }

  it('has its image, workload, labels and service account in every document', () => {
    const parts = pipelineOf()
    const pipeline = { ...parts, enricher: makeEnricher({ steps: ENRICH_STEPS, snapshot }) }
    const provenance = { cluster: 'c', node: 'n', kind: 'pods', format: 'cri', names }
    const [event] = new TestStream(pipeline, { provenance }).feed(['2026-11-24T08:00:00.1Z stdout F hello'])
    const { document } = event!
    expect(document.container).toEqual({
      id: 'c1',
      runtime: 'containerd',
      image: { name: 'registry.example.com/approved/web:1.2', tag: ['1.2'], hash: { all: ['sha256:ab'] } },
    })
    expect(document.kubernetes).toMatchObject({
      deployment: { name: 'web' },
      replicaset: { name: 'web-5d' },
      pod: { name: 'web-1', ip: '10.1.0.9' },
      service_account: { name: 'web' },
      labels: { app: 'web' },
      annotations: { team: 'a' },
    })
    expect(document.orchestrator.resource).toEqual({
      type: 'pod',
      name: 'web-1',
      parent: { type: 'Deployment' },
      label: ['app:web'],
    })
    expect(document.decklog).toMatchObject({
      owners: ['ReplicaSet/web-5d', 'Deployment/web'],
      image_lists: ['approved'],
    })
  })

  it('is as before when nothing is known', () => {
    const [event] = new TestStream(pipelineOf({ spec: podSpec })).feed([
      '2026-11-24T08:00:00.1Z stdout F hello',
    ])
    expect(event!.document.container).toBeUndefined()
    expect(event!.document.decklog.enrichment).toBeUndefined()
  })
})
