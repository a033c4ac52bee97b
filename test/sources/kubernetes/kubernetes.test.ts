import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/app/system-clock.ts'
import { enrichmentSchema, loadSnapshot } from '../../../src/config/enrichment.ts'
import { DecklogError } from '../../../src/core/errors.ts'
import { Telemetry } from '../../../src/core/telemetry.ts'
import type { Receiver } from '../../../src/ports/receiver.ts'
import { type KubernetesConfig, startKubernetes } from '../../../src/sources/kubernetes/kubernetes.ts'
import { watchPods } from '../../../src/sources/kubernetes/pod-watch.ts'
import { ApiServer } from '../../support/api-server.ts'
import { MemorySpool } from '../../support/memory-spool.ts'

const EVENTS = '/api/v1/events'
const NODES = '/api/v1/nodes'
const PODS = '/api/v1/pods'
const directory = mkdtempSync(join(tmpdir(), 'decklog-kubernetes-'))
const cleanup: AsyncDisposable[] = []
const log = { debug() {}, info() {}, warn() {}, error() {} }

afterEach(async () => {
  for (const one of cleanup.splice(0).reverse()) await one[Symbol.asyncDispose]()
})
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))

async function server(
  paths: readonly string[] = [EVENTS, NODES, PODS],
): Promise<{ api: ApiServer; kubeconfig: string }> {
  const api = new ApiServer(paths)
  const url = await api.listen()
  cleanup.push(api)
  const kubeconfig = join(directory, `config-${url.split(':').at(-1)}`)
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { token: 'test' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  )
  return { api, kubeconfig }
}

async function start(
  config: Partial<KubernetesConfig>,
  spool = new MemorySpool(),
): Promise<{ spool: MemorySpool; receiver: Receiver }> {
  const receiver = await startKubernetes({
    config: { resources: ['events'], watchTimeout: 5_000, retryAfter: 100, ...config },
    spool,
    clock: systemClock,
    telemetry: new Telemetry(),
    log: log,
  })
  cleanup.push(receiver)
  return { spool, receiver }
}

const event = (
  name: string,
  message = 'hello',
): { kind: string; metadata: { name: string }; message: string } => ({
  kind: 'Event',
  metadata: { name },
  message,
})

function namesIn(spool: MemorySpool): string[] {
  return spool.records.map(({ bytes }) => {
    const { type, object } = JSON.parse(bytes.toString()) as {
      type: string
      object: { metadata: { name: string } }
    }
    return `${type} ${object.metadata.name}`
  })
}

describe('the kubernetes source', () => {
  it('lists what is there, page by page, then goes on with what comes', async () => {
    const { api, kubeconfig } = await server()
    for (let n = 0; n < 1_201; n++) api.put(EVENTS, event(`e${n}`))
    const { spool } = await start({ kubeconfig })
    await vi.waitFor(() => expect(spool.records.length).toBe(1_201), 5_000)
    await vi.waitFor(() => expect(api.watchCount(EVENTS)).toBe(1))
    api.put(EVENTS, event('later'))
    await vi.waitFor(() => expect(spool.records.length).toBe(1_202))
    expect(namesIn(spool)[0]).toBe('ADDED e0')
    expect(namesIn(spool).at(-1)).toBe('ADDED later')
    expect(JSON.parse(spool.records[0]!.bytes.toString()).object).toMatchObject({
      kind: 'Event',
      apiVersion: 'v1',
    })
    expect(spool.records[0]!.names).toEqual({ resource: 'events' })
  })

  it('goes on where a watch was cut, whatever the pieces are', async () => {
    const { api, kubeconfig } = await server()
    api.pieceBytes = 7
    const { spool } = await start({ kubeconfig })
    const names: string[] = []
    for (let n = 0; n < 30; n++) {
      api.put(EVENTS, event(`é${n}`, 'ümläut \u{1f600}'))
      names.push(`ADDED é${n}`)
      if (n % 7 === 6) {
        await vi.waitFor(() => expect(api.watchCount(EVENTS)).toBe(1), 5_000)
        api.cut()
      }
    }
    await vi.waitFor(() => expect(namesIn(spool)).toEqual(names), 15_000)
    expect(api.requests.filter((one) => !one.includes('watch=')).length).toBe(1)
  }, 20_000)

  it('lists again when the history is gone, and repeats nothing', async () => {
    const { api, kubeconfig } = await server()
    api.put(EVENTS, event('a'))
    const { spool } = await start({ kubeconfig })
    await vi.waitFor(() => expect(api.watchCount(EVENTS)).toBe(1))
    api.put(EVENTS, event('b'))
    await vi.waitFor(() => expect(spool.records.length).toBe(2))
    api.refused.set(EVENTS, 503)
    api.cut()
    api.put(EVENTS, event('c'))
    api.compact()
    api.refused.clear()
    await vi.waitFor(() => expect(namesIn(spool)).toEqual(['ADDED a', 'ADDED b', 'ADDED c']), 5_000)
  }, 10_000)

  it('goes on after a restart where its spool ends', async () => {
    const { api, kubeconfig } = await server()
    const first = await start({ kubeconfig })
    api.put(EVENTS, event('a'))
    await vi.waitFor(() => expect(first.spool.records.length).toBe(1))
    await first.receiver[Symbol.asyncDispose]()
    api.put(EVENTS, event('b'))
    await start({ kubeconfig }, first.spool)
    await vi.waitFor(() => expect(namesIn(first.spool)).toEqual(['ADDED a', 'ADDED b']))
    expect(api.requests.filter((one) => !one.includes('watch=')).length).toBe(1)
  })

  it('takes all of a cluster that counts from below', async () => {
    const { api, kubeconfig } = await server()
    const spool = new MemorySpool()
    const old = { metadata: { name: 'old', uid: 'o', resourceVersion: '50' } }
    await spool.append({ resource: 'events' }, [Buffer.from(JSON.stringify({ type: 'ADDED', object: old }))])
    api.version = 10
    api.put(EVENTS, event('new'))
    // What is asked for lies in its future; as the real one it says that it does not have it.
    api.refused.set(EVENTS, 410)
    await start({ kubeconfig }, spool)
    await vi.waitFor(() => expect(api.requests.length).toBeGreaterThan(0))
    api.refused.clear()
    await vi.waitFor(() => expect(namesIn(spool)).toEqual(['ADDED old', 'ADDED new']), 3_000)
  })

  it('says what is missing or not allowed, and tries again', async () => {
    const { api, kubeconfig } = await server([EVENTS])
    api.refused.set(EVENTS, 403)
    const { spool, receiver } = await start({ kubeconfig, resources: ['events', 'policyreports'] })
    await vi.waitFor(() => expect(receiver.problems().length).toBe(2))
    const text = receiver.problems().join('\n')
    expect(text).toMatch(/events: list and watch of events are not allowed \(403\)/)
    expect(text).toMatch(/policyreports: .*\(404\)/)
    api.refused.clear()
    api.put(EVENTS, event('a'))
    await vi.waitFor(() => expect(spool.records.length).toBe(1))
    await vi.waitFor(() => expect(receiver.problems().length).toBe(1))
  })

  it('does not complain of what nobody asked for by name', async () => {
    const { api, kubeconfig } = await server([EVENTS, NODES])
    const { receiver } = await start({ kubeconfig, resources: undefined })
    await vi.waitFor(() =>
      expect(api.requests.filter((one) => one.includes('reports')).length).toBeGreaterThan(3),
    )
    await vi.waitFor(() => expect(api.watchCount(NODES)).toBe(1))
    expect(receiver.problems()).toEqual([])
  })

  it('waits while the spool is full', async () => {
    const { api, kubeconfig } = await server()
    api.put(EVENTS, event('a'))
    const spool = new MemorySpool()
    spool.failure = new DecklogError('spool-full', 'the spool is full', { retryable: true })
    const { receiver } = await start({ kubeconfig }, spool)
    await vi.waitFor(() => expect(receiver.problems().join()).toMatch(/the spool is full; the watch waits/))
    spool.failure = undefined
    await vi.waitFor(() => expect(namesIn(spool)).toEqual(['ADDED a']), 3_000)
  })

  it('passes over bookmarks, and the deletion of an event', async () => {
    const { api, kubeconfig } = await server()
    const { spool } = await start({ kubeconfig, resources: ['events', 'nodes'] })
    await vi.waitFor(() => expect(api.watchCount(EVENTS) + api.watchCount(NODES)).toBe(2))
    api.put(EVENTS, event('a'))
    api.put(NODES, { kind: 'Node', metadata: { name: 'n1' } })
    await vi.waitFor(() => expect(spool.records.length).toBe(2))
    api.remove(EVENTS, 'a')
    api.bookmark()
    api.remove(NODES, 'n1')
    await vi.waitFor(() => expect(namesIn(spool).at(-1)).toBe('DELETED n1'))
    expect(spool.records.length).toBe(3)
  })

  it('is active on one replica, and on the other when that is gone', async () => {
    const { api, kubeconfig } = await server()
    const lease = { namespace: 'decklog', name: 'watch', duration: 600 }
    const first = await start({ kubeconfig, lease })
    await vi.waitFor(() => expect(api.watchCount(EVENTS)).toBe(1))
    const second = await start({ kubeconfig, lease })
    await systemClock.sleep(400)
    expect(api.watchCount(EVENTS)).toBe(1)
    await first.receiver[Symbol.asyncDispose]()
    expect(api.watchCount(EVENTS)).toBeLessThanOrEqual(1)
    await vi.waitFor(() => expect(api.watchCount(EVENTS)).toBe(1), 3_000)
    api.put(EVENTS, event('a'))
    await vi.waitFor(() => expect(second.spool.records.length).toBe(1))
    expect(first.spool.records.length).toBe(0)
  })

  it('stops when it can no longer renew its lease', async () => {
    const { api, kubeconfig } = await server()
    const lease = { namespace: 'decklog', name: 'watch', duration: 600 }
    const { receiver } = await start({ kubeconfig, lease })
    await vi.waitFor(() => expect(api.watchCount(EVENTS)).toBe(1))
    api.refused.set('/apis/coordination.k8s.io/v1/namespaces/decklog/leases/watch', 500)
    await vi.waitFor(() => expect(api.watchCount(EVENTS)).toBe(0), 3_000)
    expect(receiver.problems().join()).toMatch(/the lease decklog\/watch/)
  })

  it('writes what enrichment looks up', async () => {
    const { api, kubeconfig } = await server()
    const nodesFile = join(directory, 'nodes.json')
    const podHistory = join(directory, 'pods.ndjson')
    api.put(NODES, {
      kind: 'Node',
      metadata: { name: 'n1', labels: { 'node-role.kubernetes.io/worker': '', zone: 'a' } },
      spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] },
    })
    const pod = { ...thePod(), status: { podIPs: [{ ip: '10.1.0.5' }], startTime: '2026-11-24T08:00:00Z' } }
    api.put(PODS, pod)
    await start({ kubeconfig, resources: ['events'], nodesFile, podHistory })
    await vi.waitFor(() => expect(readFileSync(podHistory, 'utf8')).toContain('10.1.0.5'))
    await vi.waitFor(() => expect(api.watchCount(PODS)).toBe(1))
    api.remove(PODS, 'web-1')
    await vi.waitFor(() => expect(readFileSync(podHistory, 'utf8')).toContain('toMs'))
    const snapshot = loadSnapshot(enrichmentSchema.parse({ nodes: nodesFile, podHistory }))
    expect(snapshot.nodes.n1).toMatchObject({ roles: ['worker'], taints: ['gpu=yes:NoSchedule'] })
    expect(snapshot.pods).toHaveLength(1)
    expect(snapshot.pods[0]).toMatchObject({ name: 'web-1', workload: 'Deployment/web', node: 'n1' })
  })
})

function thePod(): {
  kind: string
  metadata: { name: string; [name: string]: unknown }
  [name: string]: unknown
} {
  return {
    kind: 'Pod',
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid: 'u1',
      labels: { app: 'web', 'pod-template-hash': '5d', secret: 'no' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'web-5d', controller: true }],
    },
    spec: { nodeName: 'n1', serviceAccountName: 'web', containers: [{ name: 'app', image: 'r/web:1' }] },
    status: {
      podIP: '10.1.0.5',
      containerStatuses: [{ name: 'app', imageID: `r/web@sha256:${'a'.repeat(64)}` }],
    },
  }
}

describe('the watch of a node’s pods', () => {
  const common = {
    node: 'n1',
    labels: ['app'],
    annotations: [],
    clock: systemClock,
    watchTimeoutMs: 5_000,
    retryMs: 100,
  }
  const group = {
    kind: 'pods',
    names: { namespace: 'shop', pod: 'web-1', uid: 'u1', container: 'app', restart: '0' },
  }

  it('says of a log what the API knows, and asks for its own node alone', async () => {
    const { api, kubeconfig } = await server()
    api.put(PODS, thePod())
    const watch = await watchPods({ ...common, kubeconfig, waitMs: 5_000 })
    cleanup.push(watch)
    expect(watch.describe(group)).toEqual({
      image: 'r/web:1',
      imageDigest: `sha256:${'a'.repeat(64)}`,
      owners: 'ReplicaSet/web-5d,Deployment/web',
      workloadKind: 'Deployment',
      workload: 'web',
      serviceAccount: 'web',
      podIp: '10.1.0.5',
      'label.app': 'web',
    })
    expect(watch.describe({ kind: 'file', names: {} })).toBeUndefined()
    expect(api.requests[0]).toContain('fieldSelector=spec.nodeName%3Dn1')
  })

  it('knows a pod that is gone, for its last lines', async () => {
    const { api, kubeconfig } = await server()
    api.put(PODS, thePod())
    const watch = await watchPods({ ...common, kubeconfig, waitMs: 5_000 })
    cleanup.push(watch)
    await vi.waitFor(() => expect(api.watchCount(PODS)).toBe(1))
    api.remove(PODS, 'web-1')
    await systemClock.sleep(100)
    expect(watch.describe(group)?.workload).toBe('web')
  })

  it('knows nothing without an API server, and says so', async () => {
    const { api, kubeconfig } = await server()
    await api[Symbol.asyncDispose]().catch(() => undefined)
    cleanup.length = 0
    const watch = await watchPods({ ...common, kubeconfig, waitMs: 200 })
    cleanup.push(watch)
    expect(watch.describe(group)).toBeUndefined()
    expect(watch.problems().join()).toMatch(/the API server cannot be reached \(ECONNREFUSED\)/)
  })
})
