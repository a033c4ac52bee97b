import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { serialize } from 'node:v8'
import { systemClock } from '../../src/app/system-clock.ts'
import type { EventBatch } from '../../src/core/event-batch.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Hit, Store } from '../../src/ports/store.ts'
import {
  connect,
  type ElasticsearchOptions,
  type EsConnection,
} from '../../src/store/elasticsearch/connection.ts'
import { namesOf } from '../../src/store/elasticsearch/context.ts'
import {
  type ElasticsearchStore,
  type ElasticsearchStoreOptions,
  openElasticsearchStore,
} from '../../src/store/elasticsearch/elasticsearch-store.ts'
import { installStore } from '../../src/store/elasticsearch/manage/plan.ts'
import type { StorePlace } from '../contracts/store.ts'

/** Address of a real server; undefined where tests that need one are skipped. */
export const ELASTICSEARCH = process.env['DECKLOG_TEST_ELASTICSEARCH']

export interface ElasticsearchPlace extends StorePlace {
  /** Namespaces of its data streams begin with it. */
  readonly prefix: string
  readonly connection: EsConnection
  open(options?: Partial<ElasticsearchStoreOptions>): Promise<ElasticsearchStore>
  /** What a data stream that a test names is called in the cluster. */
  named(dataStream: string, options?: { readonly tenant?: string; readonly class?: string }): string
  rollOver(dataStream: string): Promise<void>
  /** How many documents with that id are in all indices of the place, counted at once. */
  count(): Promise<{ readonly documents: number; readonly ids: number }>
}

/** The same server with TLS and a password; undefined where it does not run. */
export function secureServer(): ElasticsearchOptions | undefined {
  const { DECKLOG_TEST_ELASTICSEARCH_TLS: node, DECKLOG_TEST_CA: ca } = process.env
  const { DECKLOG_TEST_ELASTICSEARCH_USER: user, DECKLOG_TEST_ELASTICSEARCH_PASSWORD: password } = process.env
  if (node === undefined || ca === undefined || user === undefined || password === undefined) return undefined
  return { nodes: [node], auth: { user, password }, tls: { ca: readFileSync(ca, 'utf8') } }
}

/** As many tests work at the same time, on all machines that share the server. */
const PLACES_MAX = 24
const LEASES = 'decklog-test-places'
/** A test that was killed gives its place back so much later. */
const LEASE_MS = 10 * 60 * 1000
const CLASSES = ['ssh', 'pod', 'node', 'audit', 'control-plane']

/** How stores are opened in a place, where it is not as the one who sets it up. */
export interface PlaceUsers {
  open(options: ElasticsearchStoreOptions): Promise<ElasticsearchStore>
  /** As whom a process of its own writes. */
  readonly writer: ElasticsearchOptions
}

/**
 * A part of a real server for one test. The server cannot delete a data stream, so places are used again: they have numbers,
 * are taken by whoever makes the lease first, and are emptied before and after.
 */
export async function elasticsearchPlace(
  server: ElasticsearchOptions = { nodes: [ELASTICSEARCH!] },
): Promise<ElasticsearchPlace> {
  const connection = connect(server)
  const number = await lease(connection)
  const prefix = `place${number}_`
  const giveBack = (): Promise<unknown> => send(connection, 'DELETE', `/${LEASES}/_doc/${number}`)
  try {
    await empty(connection, prefix)
    await install(connection, { server: server.nodes.join(), prefix })
  } catch (error) {
    await giveBack()
    throw error
  }
  const users = { open: openElasticsearchStore, writer: server }
  return placeOn(connection, {
    prefix,
    server,
    users,
    async leave() {
      await empty(connection, prefix)
      await giveBack()
    },
  })
}

/** All of a server that is the test's own, and that `decklog setup` has made ready. Its own indices stay, empty. */
export async function wholeServer(
  server: ElasticsearchOptions,
  users: PlaceUsers,
): Promise<ElasticsearchPlace> {
  const connection = connect(server)
  const leave = (): Promise<void> => empty(connection, '', { ownStay: true })
  await leave()
  return placeOn(connection, { prefix: '', server, users, leave })
}

function placeOn(
  connection: EsConnection,
  given: {
    readonly prefix: string
    readonly server: ElasticsearchOptions
    readonly users: PlaceUsers
    readonly leave: () => Promise<void>
  },
): ElasticsearchPlace {
  const { prefix, server, users, leave } = given
  const originals = new Map<string, string>()
  const named: ElasticsearchPlace['named'] = (
    dataStream,
    { tenant = 'test', class: className = 'ssh' } = {},
  ) => {
    const dataset = dataStream.split('-')[1]!
    return `logs-${dataset}-${prefix}${tenant}.${className.replaceAll('-', '_')}`
  }
  const rename = (batch: EventBatch): EventBatch => {
    const dataStream = named(batch.dataStream, batch)
    originals.set(dataStream, batch.dataStream)
    return { ...batch, dataStream }
  }
  return {
    prefix,
    connection,
    named,
    open: async (more = {}) => {
      const store = await users.open({
        ...server,
        clock: systemClock,
        telemetry: new Telemetry(),
        prefix,
        ...more,
      })
      return renaming(store, rename, originals)
    },
    async rollOver(dataStream) {
      await send(connection, 'POST', `/${named(dataStream)}/_rollover`)
    },
    async beginPart() {
      for (const name of originals.keys()) await send(connection, 'POST', `/${name}/_rollover`)
    },
    writeAndDie: (batches, faults) =>
      writeAndDie({ server: users.writer, prefix }, batches.map(rename), faults),
    count: () => count(connection, prefix),
    async [Symbol.asyncDispose]() {
      await leave()
      await connection.close()
    },
  }
}

async function writeAndDie(
  { server, prefix }: { readonly server: ElasticsearchOptions; readonly prefix: string },
  batches: readonly EventBatch[],
  faults: string,
): Promise<number> {
  const file = join(tmpdir(), `decklog-batches-${process.pid}-${prefix}`)
  await writeFile(file, serialize({ server, batches }))
  const script = new URL('../store/elasticsearch-crash-child.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, prefix, file, faults], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  await rm(file)
  if (signal !== 'SIGKILL') throw new Error(`the child did not die at ${faults}: ${output}`)
  return output.split('answered').length - 1
}

const installed = new Set<string>()

async function install(
  connection: EsConnection,
  { server, prefix }: { server: string; prefix: string },
): Promise<void> {
  const key = `${server} ${prefix}`
  if (installed.has(key)) return
  const datasets = ['system.auth', 'kubernetes.container_logs', 'kubernetes.audit_logs']
  await installStore(connection, {
    kinds: datasets.flatMap((dataset) => CLASSES.map((name) => ({ dataset, class: name }))),
    rules: [],
    prefix,
  })
  installed.add(key)
}

async function lease(connection: EsConnection): Promise<number> {
  for (let attempt = 0; attempt < 600; attempt++) {
    for (let number = 0; number < PLACES_MAX; number++) {
      if (await take(connection, number)) return number
    }
    await sleep(500)
  }
  throw new Error(`all ${PLACES_MAX} places of the test server are taken`)
}

async function take(connection: EsConnection, number: number): Promise<boolean> {
  const path = `/${LEASES}/_doc/${number}`
  const untilMs = Date.now() + LEASE_MS
  const body = { pid: process.pid, untilMs }
  const made = await connection.request({ method: 'PUT', path, query: { op_type: 'create' }, body })
  if (made.status === 201) return true
  const held = await connection.request({ method: 'GET', path })
  const { _source, _seq_no, _primary_term } = held.body as {
    _source?: { pid: number; untilMs: number }
    _seq_no: number
    _primary_term: number
  }
  if (_source === undefined || (_source.untilMs > Date.now() && isAlive(_source.pid))) return false
  const query = { if_seq_no: _seq_no, if_primary_term: _primary_term }
  return (await connection.request({ method: 'PUT', path, query, body })).status === 200
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Deletes what can be deleted: older indices, own indices, and all documents of the indices that stay. */
async function empty(
  connection: EsConnection,
  prefix: string,
  { ownStay = false }: { readonly ownStay?: boolean } = {},
): Promise<void> {
  const names = namesOf(prefix)
  for (const index of await indicesOf(connection, `decklog-${prefix}*`)) {
    if (ownStay) await deleteAll(connection, index)
    else await send(connection, 'DELETE', `/${index}`)
  }
  const newest = new Map<string, string>()
  for (const index of (await indicesOf(connection, `.ds-${names.events}`)).sort()) {
    const stream = index.replace(/-[\d.]+-\d+$/, '')
    const older = newest.get(stream)
    if (older !== undefined) await send(connection, 'DELETE', `/${older}`)
    newest.set(stream, index)
  }
  for (const index of newest.values()) await deleteAll(connection, index)
}

async function indicesOf(connection: EsConnection, pattern: string): Promise<string[]> {
  const { body } = await connection.request({
    method: 'GET',
    path: `/${pattern}/_settings`,
    query: { filter_path: '*.settings.index.uuid', expand_wildcards: 'all', allow_no_indices: true },
  })
  return Object.keys(body ?? {})
}

async function deleteAll(connection: EsConnection, index: string): Promise<void> {
  await send(connection, 'PUT', `/${index}/_settings`, { 'index.blocks.write': false })
  for (;;) {
    await send(connection, 'POST', `/${index}/_refresh`)
    const found = (await send(connection, 'POST', `/${index}/_search`, {
      size: 5000,
      _source: false,
      query: { match_all: {} },
    })) as { hits?: { hits: { _id: string }[] } }
    const ids = (found.hits?.hits ?? []).map((hit) => hit._id)
    if (ids.length === 0) return
    await send(
      connection,
      'POST',
      `/${index}/_bulk`,
      ids.map((id) => `{"delete":{"_id":${JSON.stringify(id)}}}\n`).join(''),
    )
  }
}

async function count(
  connection: EsConnection,
  prefix: string,
): Promise<{ readonly documents: number; readonly ids: number }> {
  const ids = new Set<string>()
  let documents = 0
  for (const index of await indicesOf(connection, `.ds-${namesOf(prefix).events}`)) {
    await send(connection, 'POST', `/${index}/_refresh`)
    for (let after: unknown[] | undefined; ; ) {
      const page = (await send(connection, 'POST', `/${index}/_search`, {
        size: 10_000,
        _source: false,
        sort: ['_doc'],
        ...(after === undefined ? {} : { search_after: after }),
      })) as { hits: { hits: { _id: string; sort: unknown[] }[] } }
      for (const { _id } of page.hits.hits) ids.add(_id)
      documents += page.hits.hits.length
      if (page.hits.hits.length < 10_000) break
      after = page.hits.hits.at(-1)!.sort
    }
  }
  return { documents, ids: ids.size }
}

async function send(
  connection: EsConnection,
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  path: string,
  body?: object | string,
): Promise<unknown> {
  const answer = await connection.request({ method, path, ...(body === undefined ? {} : { body }) })
  if (answer.status >= 300 && answer.status !== 404) {
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 500)}`)
  }
  return answer.body
}

/** A store whose data streams have other names in the cluster than the test gives them. */
function renaming(
  store: ElasticsearchStore,
  rename: (batch: EventBatch) => EventBatch,
  originals: ReadonlyMap<string, string>,
): ElasticsearchStore {
  const back = (hit: Hit): Hit => ({ ...hit, dataStream: originals.get(hit.dataStream) ?? hit.dataStream })
  const changed: Partial<Store> = {
    write: (batches, options) => store.write(batches.map(rename), options),
    async search(request) {
      const answer = await store.search(request)
      return { ...answer, hits: answer.hits.map(back) }
    },
    async get(id, asking) {
      const hit = await store.get(id, asking)
      return hit === undefined ? undefined : back(hit)
    },
    neighbours: async (...given) => (await store.neighbours(...given)).map(back),
    async scan(request) {
      const answer = await store.scan(request)
      return { ...answer, hits: answer.hits.map(back) }
    },
  }
  return new Proxy(store, {
    get(target, name) {
      const own = (changed as Record<string | symbol, unknown>)[name]
      const value: unknown = own ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
