import { expect, test } from 'vitest'
import { DecklogError } from '../../src/core/errors.ts'
import { batchOf, streamName } from '../support/event-batches.ts'
import { startTestServer } from '../support/test-server.ts'

interface SearchBody {
  hits: { id: string; message: string }[]
  total: { value: number; relation: string }
  cursor?: string
  completeness?: { classes: { class: string; stored: number; streams: number }[] }
  notes: { position: number; message: string }[]
  took_ms: number
}

const LOGINS = [
  { message: 'Failed password for root', user: { name: 'root' }, source: { ip: '10.0.0.5', port: 22 } },
  { message: 'Accepted publickey for dana', user: { name: 'dana' }, source: { ip: '192.0.2.1', port: 4022 } },
  { message: 'Failed password for dana', user: { name: 'dana' }, source: { ip: '10.9.9.9', port: 4022 } },
]

test('search gives hits with ids, total, completeness, notes and time taken', async () => {
  await using server = await startTestServer()
  await server.store.write([batchOf(LOGINS)])
  const response = await server.get(
    '/api/search?query=failed+and+source.ip%3A+10.0.0.0%2F8&from=2026-11-24&to=now',
  )
  expect(response.headers.get('content-type')).toBe('application/json')
  const body = (await response.json()) as SearchBody
  expect(body.hits.map(({ id, message }) => [id, message])).toEqual([
    [`${streamName(1)}:2`, 'Failed password for dana'],
    [`${streamName(1)}:0`, 'Failed password for root'],
  ])
  expect(body.total).toEqual({ value: 2, relation: 'eq' })
  expect(body.cursor).toBeUndefined()
  expect(body.completeness?.classes).toEqual([
    expect.objectContaining({ class: 'ssh', stored: 3, streams: 1 }),
  ])
  expect(body.notes).toEqual([])
  expect(body.took_ms).toBeGreaterThanOrEqual(0)
})

test('an empty query gives everything, newest first or oldest first, page after page', async () => {
  await using server = await startTestServer()
  await server.store.write([batchOf(Array.from({ length: 7 }, (_, n) => ({ message: `line ${n}` })))])
  const messages: string[] = []
  let cursor = ''
  do {
    const page = await ask(
      server,
      `/api/search?limit=3&order=oldest&completeness=false&cursor=${encodeURIComponent(cursor)}`,
    )
    expect(page.completeness).toBeUndefined()
    messages.push(...page.hits.map(({ message }) => message))
    cursor = page.cursor ?? ''
  } while (cursor !== '')
  expect(messages).toEqual(Array.from({ length: 7 }, (_, n) => `line ${n}`))
  const newest = await ask(server, '/api/search?limit=1')
  expect(newest.hits[0]!.message).toBe('line 6')
})

test('limit 0 counts only', async () => {
  await using server = await startTestServer()
  await server.store.write([batchOf(LOGINS)])
  const body = await ask(server, '/api/search?query=failed&limit=0&total=exact')
  expect(body.hits).toEqual([])
  expect(body.total).toEqual({ value: 2, relation: 'eq' })
  expect(body.cursor).toBeUndefined()
})

test('a document is given as it was written, but no log can name its id', async () => {
  await using server = await startTestServer()
  const text =
    '{"@timestamp":"2026-11-24T09:00:00Z","message":"x","id":"forged","big":12345678901234567890,"nested":{"id":"y"}}'
  await server.store.write([batchOf([text, '{}'])])
  const body = await (await server.get('/api/search?limit=10&order=oldest')).text()
  expect(body).toContain('"big":12345678901234567890')
  const { hits } = JSON.parse(body) as SearchBody
  expect(hits.map(({ id }) => id)).toEqual([`${streamName(1)}:0`, `${streamName(1)}:1`])
})

test('an answer of large documents ends early, and its cursor goes on', async () => {
  await using server = await startTestServer({ limits: { answerBytesMax: 10_000 } })
  await server.store.write([
    batchOf(Array.from({ length: 1_200 }, (_, n) => ({ message: 'x'.repeat(100), n }))),
  ])
  const first = await ask(server, '/api/search?limit=1200&order=oldest')
  expect(first.hits.length).toBeLessThan(1_200)
  expect(first.total.value).toBe(1_200)
  let count = first.hits.length
  for (let cursor = first.cursor; cursor !== undefined; ) {
    const page = await ask(server, `/api/search?limit=1200&order=oldest&cursor=${encodeURIComponent(cursor)}`)
    count += page.hits.length
    cursor = page.cursor
  }
  expect(count).toBe(1_200)
})

test('histogram, top values, context and one event', async () => {
  await using server = await startTestServer()
  await server.store.write([batchOf(LOGINS)])
  const histogram = await ask(
    server,
    '/api/histogram?buckets=3&from=2026-11-24T09:00&to=2026-11-24T09:00:03Z',
  )
  expect(histogram).toMatchObject({ total: { value: 3, relation: 'eq' } })
  expect(
    (histogram as unknown as { buckets: { count: number }[] }).buckets.map(({ count }) => count),
  ).toEqual([1, 1, 1])
  expect(await ask(server, '/api/top?field=user.name&query=failed+or+accepted')).toMatchObject({
    field: 'user.name',
    values: [
      { value: 'dana', count: 2 },
      { value: 'root', count: 1 },
    ],
    total: 3,
    withField: 3,
  })
  const context = await ask(server, `/api/context?id=${streamName(1)}:1&before=1&after=0`)
  expect(context.hits.map(({ id }) => id)).toEqual([`${streamName(1)}:0`, `${streamName(1)}:1`])
  expect(await ask(server, `/api/event?id=${streamName(1)}:1`)).toMatchObject({
    event: { id: `${streamName(1)}:1`, message: 'Accepted publickey for dana' },
  })
})

test('fields are those that are known and those that were seen; values begin with the prefix', async () => {
  await using server = await startTestServer()
  await server.store.write([
    batchOf([...LOGINS, { user: { name: ['dora', 'root'] }, source: { port: 2222 } }]),
  ])
  const { fields } = (await (await server.get('/api/fields')).json()) as {
    fields: { name: string; seen: boolean }[]
  }
  expect(fields).toContainEqual({ name: 'user.name', type: 'keyword', description: 'User', seen: true })
  expect(fields.find(({ name }) => name === 'url.path')).toMatchObject({ seen: false })
  const values = async (path: string): Promise<unknown> =>
    ((await (await server.get(path)).json()) as { values: unknown }).values
  expect(await values('/api/values?field=user.name&prefix=d')).toEqual([
    { value: 'dana', count: 2 },
    { value: 'dora', count: 1 },
  ])
  expect(await values('/api/values?field=source.port&prefix=22')).toEqual([
    { value: '22', count: 1 },
    { value: '2222', count: 1 },
  ])
  expect(await values('/api/values?field=user.name&limit=1&query=accepted')).toEqual([
    { value: 'dana', count: 1 },
  ])
})

test('status, dead letters, health, readiness and metrics', async () => {
  let reason: string | undefined = 'the store is being opened'
  await using server = await startTestServer({
    status: () => Promise.resolve({ demo: true }),
    ready: () => reason,
  })
  await server.store.putRecord({
    kind: 'dead-letter',
    id: 'a',
    version: 1,
    updatedMs: 5,
    body: { reason: 'crashed' },
  })
  expect(await (await server.get('/api/status')).json()).toEqual({ demo: true })
  expect(await (await server.get('/api/dead-letters')).json()).toEqual({
    records: [{ kind: 'dead-letter', id: 'a', version: 1, updatedMs: 5, body: { reason: 'crashed' } }],
  })
  expect(await (await server.get('/health')).json()).toEqual({ status: 'ok' })
  const unready = await server.get('/ready')
  expect([unready.status, await unready.json()]).toEqual([
    503,
    { ready: false, reason: 'the store is being opened' },
  ])
  reason = undefined
  expect(await (await server.get('/ready')).json()).toEqual({ ready: true })
  const metrics = await (await server.get('/metrics')).text()
  expect(metrics).toContain('decklog_http_requests_total{route="/ready",status="503"} 1')
})

test.each<[string, number, string, RegExp]>([
  ['/api/search?query=user.name%3A', 400, 'query-invalid', /expected a value/],
  ['/api/search?qurey=x', 400, 'parameter-invalid', /unknown parameter "qurey"/],
  ['/api/search?query=a&query=b', 400, 'parameter-invalid', /twice/],
  ['/api/search?limit=10001', 400, 'parameter-invalid', /0 to 10000.*cursor/],
  ['/api/search?limit=-1', 400, 'parameter-invalid', /whole number/],
  ['/api/search?limit=1e3', 400, 'parameter-invalid', /whole number/],
  ['/api/search?from=yesterday', 400, 'parameter-invalid', /"from" is a time/],
  ['/api/search?from=2026-02-30', 400, 'parameter-invalid', /"from" is a time/],
  ['/api/search?from=2026-12&to=2026-11', 400, 'parameter-invalid', /after "to"/],
  ['/api/search?order=sideways', 400, 'parameter-invalid', /newest, oldest/],
  ['/api/histogram?buckets=0', 400, 'parameter-invalid', /1 to 1000/],
  ['/api/top?query=x', 400, 'parameter-invalid', /"field" is missing/],
  ['/api/top?field=message', 400, 'parameter-invalid', /is text/],
  ['/api/context?id=nonsense', 400, 'parameter-invalid', /id of an event/],
  ['/api/context?id=000000000000000000000009:1', 404, 'not-found', /no event/],
  ['/api/event?id=000000000000000000000009:1', 404, 'not-found', /no event/],
  ['/api/export?format=xml', 400, 'parameter-invalid', /ndjson, csv/],
  ['/api/export?fields=a', 400, 'parameter-invalid', /format=csv/],
  ['/api/tail?query=(', 400, 'query-invalid', /found the end/],
  ['/api/nothing', 404, 'not-found', /nothing at/],
])('%s is answered with a problem', async (path, status, type, detail) => {
  await using server = await startTestServer()
  const response = await server.get(path)
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = (await response.json()) as {
    type: string
    status: number
    detail: string
    title: string
    position?: number
  }
  expect(problem).toMatchObject({
    type: `urn:decklog:problem:${type}`,
    status,
    title: expect.any(String) as string,
  })
  expect(problem.detail).toMatch(detail)
  expect(typeof problem.position).toBe(type === 'query-invalid' ? 'number' : 'undefined')
})

test('a query of 10,000 characters that are three bytes each fits into a request', async () => {
  await using server = await startTestServer()
  const query = Array.from({ length: 900 }, () => '日本語日本語日本語').join(' ')
  const response = await server.get(`/api/search?query=${encodeURIComponent(query)}`)
  expect([response.status, ((await response.json()) as { detail: string }).detail.slice(0, 200)]).toEqual([
    400,
    expect.stringContaining('1000 terms at most'),
  ])
})

test('a question that takes too long is given up, with a sentence', async () => {
  await using server = await startTestServer({ limits: { queryMsMax: 50 } })
  let signal: AbortSignal | undefined
  server.store.onRead = (call, asking) => {
    if (call === 'search') signal = asking.signal
    return call === 'search' ? new Promise(() => {}) : Promise.resolve()
  }
  const response = await server.get('/api/search')
  expect(response.status).toBe(504)
  expect(((await response.json()) as { detail: string }).detail).toMatch(/narrow the time range/)
  expect(signal?.aborted).toBe(true)
})

test('a client that leaves ends its question to the store', async () => {
  await using server = await startTestServer()
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<AbortSignal>()
  server.store.onRead = (call, asking) => {
    if (call === 'search') onAsked(asking.signal!)
    return new Promise(() => {})
  }
  const leaving = new AbortController()
  const request = server.get('/api/search', { signal: leaving.signal }).catch(() => 'left')
  const signal = await asked
  const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve))
  leaving.abort()
  expect(await request).toBe('left')
  await aborted
})

test('a store that cannot be reached is 503 with its sentence, a fault of decklog 500 without its text', async () => {
  await using server = await startTestServer()
  server.store.onRead = () =>
    Promise.reject(new DecklogError('unreachable', 'the store is away; start it', { retryable: true }))
  const away = await server.get('/api/search')
  expect([away.status, ((await away.json()) as { detail: string }).detail]).toEqual([
    503,
    'the store is away; start it',
  ])
  expect(server.faults).toEqual([])
  server.store.onRead = () => Promise.reject(new TypeError('secret internals'))
  const broken = await server.get('/api/search')
  expect(broken.status).toBe(500)
  expect(await broken.text()).not.toContain('secret')
  expect(server.faults).toHaveLength(1)
})

async function ask(server: { get(path: string): Promise<Response> }, path: string): Promise<SearchBody> {
  const response = await server.get(path)
  expect(response.status).toBe(200)
  return (await response.json()) as SearchBody
}
