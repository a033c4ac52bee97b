import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/app/system-clock.ts'
import { type EventBatch, EventIndex } from '../../src/core/event-batch.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { Outcome } from '../../src/ports/store.ts'
import {
  type ElasticsearchStore,
  type ElasticsearchStoreOptions,
  openElasticsearchStore,
} from '../../src/store/elasticsearch/elasticsearch-store.ts'
import { eventBatch, streamName } from '../support/event-batches.ts'
import {
  type BulkFault,
  type BulkRequest,
  FakeElasticsearch,
  type Refusal,
} from '../support/fake-elasticsearch.ts'

const STREAM = 'logs-system.auth-test.ssh'
const OTHER = 'logs-system.auth-other.ssh'
const { stored, duplicate, retry, reject } = Outcome

const toClose: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of toClose.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

interface Place {
  readonly server: FakeElasticsearch
  readonly store: ElasticsearchStore
  readonly said: string[]
  readonly telemetry: Telemetry
}

async function place(options: Partial<ElasticsearchStoreOptions> = {}): Promise<Place> {
  const server = new FakeElasticsearch()
  await server.listen()
  toClose.push(server)
  return { server, ...(await open(server, options)) }
}

async function open(
  server: FakeElasticsearch,
  options: Partial<ElasticsearchStoreOptions> = {},
): Promise<Omit<Place, 'server'>> {
  const said: string[] = []
  const telemetry = options.telemetry ?? new Telemetry()
  const store = await openElasticsearchStore({
    nodes: [server.url],
    clock: systemClock,
    telemetry,
    onProblem: (sentence) => said.push(sentence),
    ...options,
  })
  toClose.push(store)
  return { store, said, telemetry }
}

function records(first: number, count: number, options: Parameters<typeof eventBatch>[0] = {}): EventBatch {
  const events = Array.from({ length: count }, (_, at) => ({ seq: first + at }))
  return eventBatch({ events, receivedMs: Date.now(), ...options })
}

async function outcomes(store: ElasticsearchStore, batch: EventBatch): Promise<number[]> {
  const [result] = await store.write([batch])
  return [...result!.outcomes]
}

/** Writes as the index role does: again and again what is to be written again. */
async function writeAll(store: ElasticsearchStore, batches: readonly EventBatch[]): Promise<void> {
  for (let left = [...batches]; left.length > 0; ) {
    const results = await store.write(left).catch((error: unknown) => {
      if ((error as { retryable?: boolean }).retryable !== true) throw error
      return undefined
    })
    left = left.filter((_, at) => results?.[at]?.outcomes.includes(retry) ?? true)
    if (left.length > 0) await sleep(10)
  }
}

/** Answers the n-th request so, and all others well. */
function onceAt(number: number, fault: BulkFault): (request: BulkRequest) => BulkFault | undefined {
  return (request) => (request.number === number ? fault : undefined)
}

/** Records 0 to 4, in two calls: the first makes the data stream, the second learns of its index. */
async function firstRecords(store: ElasticsearchStore): Promise<void> {
  await store.write([records(0, 2)])
  await store.write([records(2, 3)])
}

function expectOnce(server: FakeElasticsearch, batches: readonly EventBatch[], dataStream = STREAM): void {
  const copies = server.copies(dataStream)
  const ids = batches
    .filter((batch) => batch.dataStream === dataStream)
    .flatMap((batch) => {
      const index = new EventIndex(batch)
      return Array.from({ length: index.count }, (_, row) => index.id(row))
    })
  expect([...copies].filter(([, count]) => count !== 1)).toEqual([])
  expect([...copies.keys()].sort()).toEqual([...new Set(ids)].sort())
}

describe('answers that say nothing', () => {
  const faults: Readonly<Record<string, BulkFault>> = {
    'a connection cut before anything was done': { cut: 'before' },
    'an answer that was lost': { cut: 'after' },
    'an answer cut in the middle': { answer: (text) => text.slice(0, text.length / 2) },
    'an answer with an item too few': { answer: (text) => text.replace(/\{"create":\{[^}]*\}\},/, '') },
    'an answer that is empty': { answer: () => '' },
    'an answer of something else': { answer: () => '<html>gateway</html>' },
    '429 for all': {
      status: 429,
      body: '{"error":{"type":"es_rejected_execution_exception","reason":"full"}}',
    },
    '429 without a body': { status: 429 },
    '502 of a proxy': { status: 502, body: '<html>bad gateway</html>' },
    503: { status: 503, body: '{"error":{"type":"x","reason":"y"}}' },
    504: { status: 504 },
    500: { status: 500, body: '{"error":{"type":"i_o_exception","reason":"No space left on device"}}' },
  }
  for (const [name, fault] of Object.entries(faults)) {
    test(`${name}: sent again, stored once, none missing`, async () => {
      const { server, store } = await place()
      server.onBulk = onceAt(1, fault)
      const batch = records(0, 20)
      const result = await outcomes(store, batch)
      expect(result.every((outcome) => outcome === stored || outcome === duplicate)).toBe(true)
      expectOnce(server, [batch])
      expect(server.requests.length).toBe(2)
    })
  }

  test('a lost request that is still being carried out is waited for before it is sent again', async () => {
    const { server, store } = await place({ writeTimeoutMs: 50 })
    const order: string[] = []
    let release = (): void => undefined
    const wait = new Promise<void>((resolve) => {
      release = resolve
    })
    server.onBulk = ({ number }) => {
      order.push(`request ${number}`)
      return number === 1 ? { wait } : undefined
    }
    const writing = outcomes(store, records(0, 3))
    while (store.problems().length === 0) await sleep(5)
    await sleep(700)
    order.push('carried out')
    release()
    expect(await writing).toEqual([duplicate, duplicate, duplicate])
    expect(order).toEqual(['request 1', 'carried out', 'request 2'])
  })
})

describe('items', () => {
  const busy: Refusal = { status: 429, type: 'es_rejected_execution_exception', reason: 'queue is full' }

  test('only what was refused for a passing reason is sent again', async () => {
    const { server, store } = await place()
    server.onBulk = onceAt(1, { refuse: (id) => (id.endsWith('3') ? busy : undefined) })
    expect(await outcomes(store, records(0, 20))).toEqual(Array(20).fill(stored))
    expect(server.requests.map(({ ids }) => ids.length)).toEqual([20, 2])
  })

  test('what is refused for too long is answered retry with the reason, and the others are stored', async () => {
    const { server, store } = await place({ retryForMs: 50 })
    server.onBulk = () => ({ refuse: (id) => (id.endsWith(':1') ? busy : undefined) })
    const [result] = await store.write([records(0, 3)])
    expect([...result!.outcomes]).toEqual([stored, retry, stored])
    expect(result!.reasons.get(1)).toMatch(/queue is full/)
    server.onBulk = () => undefined
    expect(await outcomes(store, records(0, 3))).toEqual([duplicate, stored, duplicate])
  })

  const unparsable = (field: string): Refusal => ({
    status: 400,
    type: 'document_parsing_exception',
    reason: `[1:2] failed to parse field [${field}] of type [long] in document with id 'x'. Preview of field's value: 'secret'`,
  })
  const conflicts = (document: string): Refusal | undefined => {
    const parsed = JSON.parse(document) as { a?: { b?: unknown } }
    return typeof parsed.a?.b === 'string' ? unparsable('a.b') : undefined
  }

  test('a field that the index refuses is moved to text, and the document is stored', async () => {
    const { server, store, telemetry } = await place()
    server.onBulk = () => ({ refuse: (_, document) => conflicts(document) })
    const batch = eventBatch({
      receivedMs: Date.now(),
      events: [{ document: { a: { b: 1 } } }, { document: { a: { b: 'x', c: 2 } } }, {}],
    })
    expect(await outcomes(store, batch)).toEqual([stored, stored, stored])
    const document = server.document(STREAM, `${streamName(1)}:1`)
    expect(document).toMatchObject({
      message: 'record 1',
      a: { c: 2 },
      decklog: {
        quality: ['field-rejected'],
        rejected: [{ field: 'a.b', value: 'x', reason: 'failed to parse field [a.b] of type [long]' }],
      },
    })
    expect(telemetry.get('decklog_store_repaired_total', { class: 'ssh' })).toBe(1)
  })

  test('a document that is refused in every form is rejected, with a reason that quotes nothing of it', async () => {
    const { server, store } = await place()
    server.onBulk = () => ({ refuse: (id) => (id.endsWith(':1') ? unparsable('a.b') : undefined) })
    const [result] = await store.write([records(0, 3)])
    expect([...result!.outcomes]).toEqual([stored, reject, stored])
    expect(result!.reasons.get(1)).toBe('the index refuses it: failed to parse field [a.b] of type [long]')
    expect([...server.copies(STREAM).keys()]).toHaveLength(2)
  })

  test('what was rejected is tried again when its batch comes again, and is then stored', async () => {
    const { server, store } = await place()
    server.onBulk = () => ({ refuse: (id) => (id.endsWith(':1') ? unparsable('a.b') : undefined) })
    const batch = records(0, 3)
    await store.write([batch])
    server.onBulk = () => undefined
    const { store: later } = await open(server)
    expect(await outcomes(later, batch)).toEqual([duplicate, stored, duplicate])
    expect(await outcomes(later, batch)).toEqual([duplicate, duplicate, duplicate])
    expectOnce(server, [batch])
  })
})

describe('a data stream that takes nothing', () => {
  const refusals: Readonly<Record<string, Refusal>> = {
    'a read-only index': {
      status: 403,
      type: 'cluster_block_exception',
      reason: 'index [x] blocked by: [FORBIDDEN/8/index write (api)];',
    },
    'a full disk': {
      status: 429,
      type: 'cluster_block_exception',
      reason: 'index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark]',
    },
    'too many shards': {
      status: 400,
      type: 'validation_exception',
      reason:
        'this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open',
    },
    'a closed index': { status: 400, type: 'index_closed_exception', reason: 'closed' },
    'no right to write': { status: 403, type: 'security_exception', reason: 'unauthorized' },
    'no template': { status: 404, type: 'index_not_found_exception', reason: 'no such index' },
  }
  for (const [name, refusal] of Object.entries(refusals)) {
    test(`${name}: it is held and said, others go on, nothing is rejected, and it goes on when it is mended`, async () => {
      const { server, store, said } = await place({ retryForMs: 100 })
      let isMended = false
      server.onBulk = () => ({
        refuse: (_, document) => (!isMended && document.includes('"held"') ? refusal : undefined),
      })
      const events = [{ document: { where: 'held' } }, { document: { where: 'held' } }]
      const held = eventBatch({ events, receivedMs: Date.now(), dataStream: OTHER, stream: streamName(2) })
      const good = records(0, 5)
      const [first, second] = await Promise.all([store.write([held]), store.write([good])])
      expect([...first[0]!.outcomes]).toEqual([retry, retry])
      expect(first[0]!.reasons.get(0)).toMatch(/\w+/)
      expect([...second[0]!.outcomes]).toEqual(Array(5).fill(stored))
      expect(said).toHaveLength(1)
      expect(said[0]).toMatch(/refuses to write to logs-system\.auth-other\.ssh/)
      expect(store.problems()).toEqual(said)
      isMended = true
      await writeAll(store, [held])
      expectOnce(server, [held], OTHER)
      expect(store.problems()).toEqual([])
    })
  }

  test.each([
    ['a wrong password', {}, 'is refused: mend store.auth'],
    [
      'a key that has expired',
      { additional_unsuccessful_credentials: 'API key: api key is expired' },
      'is refused, for it has expired: mend store.auth',
    ],
  ])('%s is said, nothing is lost, and it goes on when it is right', async (_, more, sentence) => {
    const { server, store } = await place({ retryForMs: 50 })
    const error = { type: 'security_exception', reason: 'unable to authenticate', ...more }
    server.onBulk = () => ({ status: 401, body: JSON.stringify({ error }) })
    const batch = records(0, 3)
    const [result] = await store.write([batch])
    expect([...result!.outcomes]).toEqual([retry, retry, retry])
    expect(store.problems()[0]).toContain(`: 401 this user, password or API key ${sentence}; its events wait`)
    server.onBulk = () => undefined
    await writeAll(store, [batch])
    expectOnce(server, [batch])
  })
})

describe('requests that are refused as a whole', () => {
  test('413 halves the body until it is taken, and later bodies are smaller', async () => {
    const { server, store } = await place()
    server.onBulk = ({ bytes }) => (bytes > 100_000 ? { status: 413 } : undefined)
    const large = { text: 'x'.repeat(2_000) }
    const events = Array.from({ length: 200 }, (_, seq) => ({ seq, document: large }))
    const batch = eventBatch({ events, receivedMs: Date.now() })
    expect(await outcomes(store, batch)).toEqual(Array(200).fill(stored))
    expectOnce(server, [batch])
    const before = server.requests.length
    await store.write([eventBatch({ events, receivedMs: Date.now(), stream: streamName(2) })])
    const later = server.requests.slice(before)
    expect(later.every(({ bytes }) => bytes <= 100_000)).toBe(true)
  })

  test('a single document that is too large keeps the beginning of its message and its whole hash', async () => {
    const { server, store } = await place()
    server.onBulk = ({ bytes }) => (bytes > 300_000 ? { status: 413 } : undefined)
    const message = 'y'.repeat(400_000)
    const batch = eventBatch({ events: [{}, { document: { message } }, {}], receivedMs: Date.now() })
    expect(await outcomes(store, batch)).toEqual([stored, stored, stored])
    const line = Buffer.from(batch.documents).toString().split('\n')[1]!
    expect(server.document(STREAM, `${streamName(1)}:1`)).toMatchObject({
      message: message.slice(0, 64 * 1024),
      decklog: {
        quality: ['truncated'],
        truncated: { bytes: line.length + 1, sha256: createHash('sha256').update(line).digest('hex') },
      },
    })
  })

  test('400 for one bad document is found by halving, and its neighbours are stored', async () => {
    const { server, store } = await place()
    const bad = `${streamName(1)}:77`
    const error = '{"error":{"type":"action_request_validation_exception","reason":"Validation Failed"}}'
    server.onBulk = ({ ids }) => (ids.includes(bad) ? { status: 400, body: error } : undefined)
    const batch = records(0, 200)
    const [result] = await store.write([batch])
    const expected = Array.from({ length: 200 }, (_, row) => (row === 77 ? reject : stored))
    expect([...result!.outcomes]).toEqual(expected)
    expect(result!.reasons.get(77)).toMatch(/Validation Failed/)
    expect(server.copies(STREAM).size).toBe(199)
  })

  test('an id that is too long is refused before it is sent', async () => {
    const { server, store } = await place()
    const batch = records(0, 2, { stream: 'f'.repeat(600) })
    const other = records(0, 2)
    const [long, short] = await store.write([batch, other])
    expect([...long!.outcomes]).toEqual([reject, reject])
    expect([...short!.outcomes]).toEqual([stored, stored])
    expectOnce(server, [other])
  })

  test('a batch whose documents cannot be unpacked, or do not fit its index, harms only itself', async () => {
    const { server, store } = await place()
    const torn: EventBatch = { ...records(0, 3, { stream: streamName(2) }), codec: 'zstd' }
    const shifted = records(0, 3, { stream: streamName(3) })
    const cut: EventBatch = { ...shifted, documents: shifted.documents.subarray(1) }
    const good = records(0, 3)
    const results = await store.write([torn, cut, good])
    expect(results.map((result) => [...result.outcomes])).toEqual([
      [reject, reject, reject],
      [reject, reject, reject],
      [stored, stored, stored],
    ])
    expectOnce(server, [good])
  })
})

describe('bodies', () => {
  test('are bounded in bytes, and hold what several calls write at the same time', async () => {
    const { server, store } = await place({ bodyBytesMax: 20_000, requestsPerNode: 1 })
    const batches = Array.from({ length: 10 }, (_, at) => records(0, 30, { stream: streamName(at) }))
    await Promise.all(batches.map((batch) => store.write([batch])))
    expectOnce(server, batches)
    expect(server.requests.every(({ bytes }) => bytes <= 20_000)).toBe(true)
    const streams = server.requests.map(({ ids }) => new Set(ids.map((id) => id.split(':')[0])).size)
    expect(Math.max(...streams)).toBeGreaterThan(1)
  })

  test('a class with much to write leaves room for another', async () => {
    const { server, store } = await place({ bodyBytesMax: 3_000_000, requestsPerNode: 1 })
    const document = { text: 'x'.repeat(10_000) }
    const much = Array.from({ length: 12 }, (_, at) =>
      eventBatch({
        class: 'pod',
        stream: streamName(at + 2),
        receivedMs: Date.now(),
        events: Array.from({ length: 100 }, (_, seq) => ({ seq, document })),
      }),
    )
    const pods = store.write(much)
    const quiet = records(0, 1)
    await Promise.all([pods, store.write([quiet])])
    const at = server.requests.findIndex(({ ids }) => ids.includes(`${streamName(1)}:0`))
    expect(at).toBeLessThanOrEqual(2)
    expect(server.requests.length).toBeGreaterThan(4)
  })

  test('a call that is given up leaves the others alone', async () => {
    const { server, store } = await place({ requestsPerNode: 1 })
    const stop = new AbortController()
    server.onBulk = ({ number }) => {
      if (number === 1) stop.abort()
      return undefined
    }
    const [first, second] = await Promise.allSettled([
      store.write([records(0, 5)], { signal: stop.signal }),
      store.write([records(0, 5, { stream: streamName(2) })]),
    ])
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'aborted' } })
    expect(second).toMatchObject({ status: 'fulfilled' })
  })
})

describe('a part of an event', () => {
  test('that another process stored as a whole is a duplicate', async () => {
    const { server, store } = await place()
    await store.write([eventBatch({ events: [{ ranges: [[0, 5]] }, { seq: 6 }], receivedMs: Date.now() })])
    const { store: other } = await open(server)
    const part = eventBatch({
      events: [{ ranges: [[2, 5]] }, { seq: 6 }, { seq: 7 }],
      receivedMs: Date.now(),
    })
    expect(await outcomes(other, part)).toEqual([duplicate, duplicate, stored])
    expect([...server.copies(STREAM).keys()]).toEqual([0, 6, 7].map((seq) => `${streamName(1)}:${seq}`))
  })

  test('what goes on without a pause is not asked about', async () => {
    const { server, store } = await place()
    await store.write([records(0, 5)])
    let asked = 0
    server.onOther = (_, path) => {
      if (path.endsWith('_search')) asked++
      return undefined
    }
    for (let first = 5; first < 50; first += 5) await store.write([records(first, 5)])
    expect(asked).toBe(0)
    await store.write([records(40, 15)])
    expect(asked).toBe(1)
  })
})

describe('a rollover', () => {
  test('what was stored before it is not stored again after it', async () => {
    const { server, store } = await place()
    const batch = records(0, 10)
    await store.write([batch])
    server.rollOver(STREAM)
    const { store: later } = await open(server)
    expect(await outcomes(later, batch)).toEqual(Array(10).fill(duplicate))
    expectOnce(server, [batch])
  })

  test('many small batches that may be older are looked up together', async () => {
    const { server, store } = await place()
    await store.write([records(0, 3)])
    server.rollOver(STREAM)
    const { store: later } = await open(server)
    const batches = Array.from({ length: 50 }, (_, n) => records(0, 3, { stream: streamName(n + 1) }))
    server.lookups = 0
    const results = await later.write(batches)
    expect(results.flatMap(({ outcomes: own }) => [...own])).toEqual([
      ...Array<number>(3).fill(duplicate),
      ...Array<number>(147).fill(stored),
    ])
    expect(server.lookups).toBeLessThan(10)
    expectOnce(server, batches)
  })

  test('nor when a part of it was stored, and nobody was told', async () => {
    const { server, store } = await place({ retryForMs: 20 })
    const batch = records(0, 10)
    const busy: Refusal = { status: 429, type: 'es_rejected_execution_exception', reason: 'full' }
    server.onBulk = () => ({ refuse: (id) => (Number(id.split(':')[1]) >= 6 ? busy : undefined) })
    await store.write([batch])
    server.rollOver(STREAM)
    server.onBulk = () => undefined
    const { store: later } = await open(server)
    expect(await outcomes(later, batch)).toEqual([
      ...Array<number>(6).fill(duplicate),
      ...Array<number>(4).fill(stored),
    ])
    expectOnce(server, [batch])
  })

  test('between the loss of an answer and the next attempt: the second copy is found and removed', async () => {
    const { server, store, telemetry } = await place()
    await firstRecords(store)
    server.onBulk = ({ number }) => {
      if (number === 3) return { cut: 'after' }
      if (number === 4) server.rollOver(STREAM)
      return undefined
    }
    const batch = records(5, 5)
    expect(await outcomes(store, batch)).toEqual(Array(5).fill(duplicate))
    expectOnce(server, [records(0, 5), batch])
    expect(telemetry.get('decklog_store_removed_total')).toBe(5)
  })

  test('a second copy that may not be removed stays, and is said', async () => {
    const { server, store, said, telemetry } = await place()
    await firstRecords(store)
    const { store: other } = await open(server)
    await other.write([records(5, 5)])
    server.rollOver(STREAM)
    // Without what batches cover, only the events themselves tell.
    server.indices.delete('decklog-coverage')
    server.onOther = (_, path) => (path.startsWith('/.ds-') && path.endsWith('_bulk') ? 403 : undefined)
    expect(await outcomes(store, records(5, 5))).toEqual(Array(5).fill(duplicate))
    expect(said).toEqual([expect.stringMatching(/5 second copies .* grant delete/)])
    expect(telemetry.get('decklog_store_copies_left_total')).toBe(5)
  })

  test('two of them while an old process stood still: what it sends late is removed again', async () => {
    const { server, store: frozen } = await place()
    await firstRecords(frozen)
    const batch = records(5, 5)
    const { store: other } = await open(server)
    expect(await outcomes(other, batch)).toEqual(Array(5).fill(stored))
    server.rollOver(STREAM)
    server.rollOver(STREAM)
    expect(await outcomes(frozen, batch)).toEqual(Array(5).fill(duplicate))
    expectOnce(server, [records(0, 5), batch])
  })

  test('what came in after it is not looked up one by one, what may have been there before it is', async () => {
    const { server, store, telemetry } = await place()
    await store.write([records(0, 5)])
    server.rollOver(STREAM)
    const hour = 60 * 60 * 1000
    for (const name of server.created.keys()) server.created.set(name, Date.now() - hour)
    const { store: later } = await open(server, { telemetry })
    await later.write([records(10, 10)])
    expect(telemetry.get('decklog_store_in_doubt_total')).toBe(0)
    await later.write([records(20, 10, { receivedMs: Date.now() - 2 * hour })])
    expect(telemetry.get('decklog_store_in_doubt_total')).toBe(10)
  })

  test('an index that ended before a batch came in is not asked', async () => {
    const { server, store } = await place()
    await store.write([records(0, 5)])
    for (let times = 0; times < 5; times++) server.rollOver(STREAM)
    const hour = 60 * 60 * 1000
    for (const [at, name] of [...server.created.keys()].filter((name) => name.startsWith('.ds-')).entries()) {
      server.created.set(name, Date.now() - (5 - at) * hour)
    }
    const { store: later } = await open(server)
    const asked: string[] = []
    server.onOther = (_, path) => {
      if (path.startsWith('/.ds-') && path.endsWith('_mget')) asked.push(path)
      return undefined
    }
    await later.write([records(5, 5, { receivedMs: Date.now() - 1.5 * hour })])
    expect(asked.map((path) => Number(/-(\d{6})/.exec(path)![1]))).toEqual([4, 5, 6])
  })

  test('an index that was taken away by hand is written again', async () => {
    const { server, store } = await place()
    const batch = records(0, 5)
    await store.write([batch])
    for (const name of server.indices.keys()) if (name.startsWith('.ds-')) server.indices.delete(name)
    const { store: later } = await open(server)
    expect(await outcomes(later, batch)).toEqual(Array(5).fill(stored))
  })
})

describe('a server that is away', () => {
  test('a write says so after a while, and what was written is there once it is back', async () => {
    const { server, store } = await place({ retryForMs: 100 })
    const port = Number(new URL(server.url).port)
    await server[Symbol.asyncDispose]()
    const batch = records(0, 5)
    await expect(store.write([batch])).rejects.toMatchObject({ code: 'unreachable', retryable: true })
    expect(store.problems()).toHaveLength(1)
    const back = new FakeElasticsearch()
    await back.listen(port)
    toClose.push(back)
    await writeAll(store, [batch])
    expectOnce(back, [batch])
    expect(store.problems()).toEqual([])
  })

  test('of several nodes one is away: the others are used', async () => {
    const server = new FakeElasticsearch()
    await server.listen()
    toClose.push(server)
    const { store } = await open(server, { nodes: ['http://127.0.0.1:1', server.url, 'http://127.0.0.1:2'] })
    const batches = Array.from({ length: 8 }, (_, at) => records(at * 5, 5))
    for (const batch of batches) expect(await outcomes(store, batch)).toEqual(Array(5).fill(stored))
    expectOnce(server, batches)
  })
})

describe('everything at once', () => {
  test('whatever is answered, each event is stored once', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = generator(seed)
      const { server, store } = await place({ retryForMs: 300, bodyBytesMax: 6_000, writeTimeoutMs: 2_000 })
      const faults: (() => BulkFault | undefined)[] = [
        () => ({ cut: 'before' }),
        () => ({ cut: 'after' }),
        () => ({ answer: (text) => text.slice(0, -9) }),
        () => ({ status: 503 }),
        () => ({ status: 429 }),
        () => ({ refuse: () => (random() < 0.3 ? { status: 429, type: 'x', reason: 'y' } : undefined) }),
        () => {
          server.rollOver(STREAM)
          return random() < 0.5 ? { cut: 'after' } : undefined
        },
      ]
      let left = 12
      server.onBulk = ({ bytes }) => {
        if (bytes > 5_000) return { status: 413 }
        if (left === 0 || random() < 0.6) return undefined
        left--
        return faults[Math.floor(random() * faults.length)]!()
      }
      const batches = Array.from({ length: 12 }, (_, at) =>
        records(Math.floor(at / 3) * 20, 20, {
          stream: streamName(at % 3),
          codec: at % 2 === 0 ? 'zstd' : 'none',
        }),
      )
      const { store: second } = await open(server, { retryForMs: 300 })
      await Promise.all([writeAll(store, batches.slice(0, 8)), writeAll(second, batches.slice(4))])
      expectOnce(server, batches)
    }
  })
})

function generator(seed: number): () => number {
  let state = seed * 2654435761
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
}
