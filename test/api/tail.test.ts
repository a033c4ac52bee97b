import { request } from 'node:http'
import { expect, test } from 'vitest'
import { batchOf, streamName } from '../support/event-batches.ts'
import { readEvents, type ServerSentEvent } from '../support/event-source.ts'
import { NOW_MS, startTestServer, testClock, type TestServer } from '../support/test-server.ts'

test('what arrives and matches is sent, what was there before is not', async () => {
  await using server = await startTestServer()
  await server.store.write([batchOf([{ message: 'failed before' }])])
  const reading = readEvents(`${server.url}/api/tail?query=failed`, (events) => hits(events).length === 2)
  await opened(server)
  await server.store.write([
    batchOf([{ message: 'failed one' }, { message: 'accepted' }, { message: 'failed two' }], { firstSeq: 1 }),
  ])
  const events = await reading
  expect(hits(events).map(({ message }) => message)).toEqual(['failed one', 'failed two'])
  expect(hits(events).map(({ id }) => id)).toEqual([`${streamName(1)}:1`, `${streamName(1)}:3`])
})

test('whoever comes back with Last-Event-ID gets what came meanwhile', async () => {
  await using server = await startTestServer()
  const first = readEvents(`${server.url}/api/tail`, (events) => hits(events).length === 2)
  await opened(server)
  await server.store.write([batchOf([{ message: 'one' }, { message: 'two' }])])
  const lastId = (await first).findLast(({ id }) => id !== undefined)!.id!
  await server.store.write([batchOf([{ message: 'three' }], { firstSeq: 2 })])
  const second = await readEvents(`${server.url}/api/tail`, (events) => hits(events).length === 1, {
    'last-event-id': lastId,
  })
  expect(hits(second).map(({ message }) => message)).toEqual(['three'])
})

test('a quiet tail beats, and the beat carries where it stands', async () => {
  await using server = await startTestServer({ limits: { tailHeartbeatMs: 0 } })
  const events = await readEvents(`${server.url}/api/tail`, (all) => all.length > 0)
  expect(events[0]).toEqual({ event: 'heartbeat', id: '0', data: JSON.stringify({ timeMs: NOW_MS }) })
})

test('a reader that does not read has hits dropped, counted, and is told', async () => {
  const bufferBytes = 64 * 1024
  await using server = await startTestServer({ limits: { tailBufferBytesMax: bufferBytes } })
  const { text, resume } = await slowReader(`${server.url}/api/tail`)
  await opened(server)
  const total = 4_000
  const line = 'x'.repeat(4_000)
  for (let seq = 0; seq < total; seq += 100) {
    await server.store.write([
      batchOf(
        Array.from({ length: 100 }, () => ({ message: line })),
        { firstSeq: seq },
      ),
    ])
  }
  await until(() => server.telemetry.get('decklog_http_slow_tail_dropped_total') > 0 && scannedAll(server))
  resume()
  await until(() => text().includes('event: dropped'))
  const dropped = server.telemetry.get('decklog_http_slow_tail_dropped_total')
  await until(() => text().includes(`"totalDropped":${dropped}}`))
  const shown = text().split('event: hit').length - 1
  expect(shown + dropped).toBe(total)
})

test('a tail ends with its reader, and with the server', async () => {
  const server = await startTestServer({ limits: { tailsMax: 1 } })
  const staying = await fetch(`${server.url}/api/tail`)
  const refused = await server.get('/api/tail')
  expect(refused.status).toBe(503)
  expect(((await refused.json()) as { detail: string }).detail).toMatch(/1 live tails are open/)
  await staying.body!.cancel()
  await until(async () => (await server.get('/api/tail', { method: 'HEAD' })).status === 200)
  const ended = (await fetch(`${server.url}/api/tail`)).text().catch(() => 'cut')
  await server.close()
  await ended
  await expect(server.get('/health')).rejects.toThrow()
})

test('a store that fails ends the tail with a problem', async () => {
  await using server = await startTestServer()
  server.store.onRead = () => Promise.reject(new TypeError('secret internals'))
  const text = await (await server.get('/api/tail')).text()
  expect(text).toContain('event: failed')
  expect(text).toContain('urn:decklog:problem:internal')
  expect(text).not.toContain('secret')
  expect(server.faults).toHaveLength(1)
})

function hits(events: readonly ServerSentEvent[]): { id: string; message: string }[] {
  return events
    .filter(({ event }) => event === 'hit')
    .map(({ data }) => JSON.parse(data) as { id: string; message: string })
}

/** Waits until the tail has asked the store once: from there on it sees what arrives. */
async function opened(server: TestServer): Promise<void> {
  let asked = false
  server.store.onRead = (call) => {
    asked ||= call === 'scan'
    return Promise.resolve()
  }
  await until(() => asked)
  // The first question is answered by the time the second is asked.
  asked = false
  await until(() => asked)
}

/** Two looks in a row without a hit: the store has no more. */
async function scannedAll(server: TestServer): Promise<boolean> {
  let looks = 0
  server.store.onRead = (call) => {
    if (call === 'scan') looks++
    return Promise.resolve()
  }
  await until(() => looks >= 25)
  return true
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await testClock.sleep(2)
}

function slowReader(url: string): Promise<{ text: () => string; resume: () => void }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ text: () => string; resume: () => void }>()
  const asked = request(url, (response) => {
    const chunks: string[] = []
    response.setEncoding('utf8').on('error', () => {})
    response.pause()
    const resume = (): void => {
      response.on('data', (chunk: string) => chunks.push(chunk))
      response.resume()
    }
    resolve({ text: () => chunks.join(''), resume })
  })
  asked.on('error', reject).end()
  return promise
}
