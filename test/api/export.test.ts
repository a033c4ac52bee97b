import { request } from 'node:http'
import { expect, test, vi } from 'vitest'
import { csvRow } from '../../src/api/csv.ts'
import { batchOf, streamName } from '../support/event-batches.ts'
import { startTestServer, testClock } from '../support/test-server.ts'

test('NDJSON has every document as it was written, over many pages', async () => {
  await using server = await startTestServer({ limits: { exportPageBytes: 2_000 } })
  await server.store.write([batchOf(Array.from({ length: 1_300 }, (_, n) => ({ message: `line ${n}`, n })))])
  const response = await server.get('/api/export?order=oldest&query=line')
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  expect(response.headers.get('content-disposition')).toBe(
    'attachment; filename="decklog-2026-11-24T100000.000Z.ndjson"',
  )
  const lines = (await response.text()).trimEnd().split('\n')
  expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(
    Array.from({ length: 1_300 }, (_, n) => n),
  )
  expect(JSON.parse(lines[7]!)).toMatchObject({ id: `${streamName(1)}:7` })
})

test('CSV escapes what a spreadsheet would run, and quotes as RFC 4180 has it', async () => {
  await using server = await startTestServer()
  await server.store.write([
    batchOf([
      '{"@timestamp":"2026-11-24T09:00:00Z","message":"=cmd|\' /C calc\'!A0","n":-5,"user":{"name":["a","b"]}}',
      '{"@timestamp":"2026-11-24T09:00:01Z","message":"say \\"hi\\", all\\nof you","n":12345678901234567890}',
      '{"@timestamp":"2026-11-24T09:00:02Z","message":"\\t+1","n":"-5","user":{"name":"@x"}}',
    ]),
  ])
  const response = await server.get('/api/export?format=csv&order=oldest&fields=message,n,user.name,nothing')
  expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(await response.text()).toBe(
    [
      'message,n,user.name,nothing',
      "'=cmd|' /C calc'!A0,-5,\"a, b\",",
      '"say ""hi"", all\nof you",12345678901234567890,,',
      "'\t+1,'-5,'@x,",
      '',
    ].join('\r\n'),
  )
})

test('CSV without events is its heading', async () => {
  await using server = await startTestServer()
  expect(await (await server.get('/api/export?format=csv')).text()).toMatch(/^@timestamp,.*,message,id\r\n$/)
  expect(csvRow(['a', ' b', 'c\r'])).toBe('a," b","c\r"\r\n')
})

test('the store is asked no faster than the reader takes', async () => {
  await using server = await startTestServer({ limits: { exportPageBytes: 100_000 } })
  const line = 'x'.repeat(10_000)
  await server.store.write([batchOf(Array.from({ length: 3_000 }, () => ({ message: line })))])
  let pages = 0
  server.store.onRead = () => {
    pages++
    return Promise.resolve()
  }
  const { promise, resolve } = Promise.withResolvers<import('node:http').IncomingMessage>()
  request(`${server.url}/api/export`, resolve).end()
  const response = await promise
  response.pause()
  await testClock.sleep(5)
  for (let before = -1; before !== pages; ) {
    before = pages
    await new Promise((wait) => setTimeout(wait, 100))
  }
  expect(pages).toBeLessThan(200)
  let bytes = 0
  for await (const chunk of response) bytes += (chunk as Buffer).length
  expect(bytes).toBeGreaterThan(30_000_000)
  expect(pages).toBeGreaterThan(200)
})

test('a failure midway cuts the connection and writes nothing to the terminal', async () => {
  const terminal = [vi.spyOn(console, 'error'), vi.spyOn(console, 'info'), vi.spyOn(process.stdout, 'write')]
  await using server = await startTestServer({ limits: { exportPageBytes: 1_000 } })
  await server.store.write([batchOf(Array.from({ length: 2_000 }, (_, n) => ({ n })))])
  const { promise: go, resolve: onGo } = Promise.withResolvers<void>()
  let pages = 0
  server.store.onRead = async () => {
    if (++pages <= 3) return
    await go
    throw new Error('gone')
  }
  const response = await server.get('/api/export')
  expect(response.status).toBe(200)
  onGo()
  await expect(response.text()).rejects.toThrow()
  expect(server.faults).toHaveLength(1)
  for (const written of terminal) expect(written).not.toHaveBeenCalled()
})

test('a client that leaves midway is no fault', async () => {
  const terminal = [vi.spyOn(console, 'error'), vi.spyOn(console, 'info')]
  await using server = await startTestServer({ limits: { exportPageBytes: 1_000 } })
  await server.store.write([batchOf(Array.from({ length: 2_000 }, (_, n) => ({ n })))])
  const { promise: last, resolve: onLast } = Promise.withResolvers<AbortSignal>()
  let pages = 0
  server.store.onRead = async (_call, asking) => {
    if (++pages <= 3) return
    onLast(asking.signal!)
    await new Promise(() => {})
  }
  const response = await server.get('/api/export')
  const reader = response.body!.getReader()
  await reader.read()
  const signal = await last
  const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve))
  await reader.cancel()
  await aborted
  expect(server.faults).toEqual([])
  for (const written of terminal) expect(written).not.toHaveBeenCalled()
})
