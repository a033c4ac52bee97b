import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Deck, Workplace } from './support/deck.ts'

const EVENTS_A_LIST = 200
const CONNECTIONS = 6
/** Events a second: what a large API server sends. */
const RATE = 10_000

interface Sent {
  /** Of events that were answered 200. */
  readonly taken: Set<string>
  readonly slowestMs: number
  readonly refused: number
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function listOf(ids: readonly string[]): Buffer {
  const items = ids.map(
    (id) =>
      `{"level":"Metadata","auditID":"${id}","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{"username":"alice"},"sourceIPs":["203.0.113.7"],"objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-24T08:00:00.120000Z","stageTimestamp":"2026-11-24T08:00:00.134512Z"}`,
  )
  return Buffer.from(
    `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items.join(',')}]}`,
  )
}

/** 0: no answer came. */
function post(port: number, body: Buffer, agent: Agent): Promise<number> {
  const headers = {
    authorization: 'Bearer token-of-test',
    'content-type': 'application/json',
    'content-length': body.length,
  }
  return new Promise((resolve) => {
    const sending = request(
      { host: '127.0.0.1', port, method: 'POST', path: '/', agent, headers },
      (response) => {
        response.resume()
        response.once('end', () => resolve(response.statusCode!))
        response.once('error', () => resolve(0))
      },
    )
    sending.once('error', () => resolve(0))
    sending.end(body)
  })
}

/**
 * An API server in batch mode: what is not answered 200 is sent again, the same. Half of its connections are cut every now and then, as
 * when it restarts, and what was on its way is sent again too.
 */
async function apiServer(port: number, name: string, seconds: number): Promise<Sent> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const taken = new Set<string>()
  let slowestMs = 0
  let refused = 0
  let next = 0
  const startMs = performance.now()
  const worker = async (): Promise<void> => {
    while (performance.now() - startMs < seconds * 1_000) {
      const turn = next++
      await sleep(Math.max(0, startMs + (turn * EVENTS_A_LIST * 1_000) / RATE - performance.now()))
      const ids = Array.from({ length: EVENTS_A_LIST }, (_, i) => `${name}-${turn}-${i}`)
      const body = listOf(ids)
      for (;;) {
        const beganMs = performance.now()
        const status = await post(port, body, agent)
        if (status !== 0) slowestMs = Math.max(slowestMs, performance.now() - beganMs)
        if (status === 200) break
        refused++
        await sleep(100)
      }
      for (const id of ids) taken.add(id)
      if (turn % 40 === 39) for (const sockets of Object.values(agent.sockets)) sockets?.[0]?.destroy()
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, worker))
  agent.destroy()
  return { taken, slowestMs, refused }
}

async function storedIds(deck: Deck): Promise<string[]> {
  const answer = await fetch(`${deck.url}/api/export?query=&format=ndjson`)
  if (!answer.ok) throw new Error(`export: ${answer.status} ${await answer.text()}`)
  return [...(await answer.text()).matchAll(/"auditID":"([a-z0-9-]+)"/g)].map(([, id]) => id!)
}

test('10,000 audit events a second, decklog killed, its store slow, connections cut: what was answered 200 is stored, once; no answer over a second', {
  timeout: 180_000,
}, async () => {
  const port = await freePort()
  const source = { kind: 'audit-webhook', listen: `127.0.0.1:${port}`, tokens: { test: 'token-of-test' } }
  await using place = new Workplace({ config: { sources: [source] } })
  const first = await place.up()
  const sending = apiServer(port, 'one', 9)
  await sleep(2_500)
  await first.kill()
  const second = await place.up({ faults: 'store-write=EIO@2*5' })
  await sleep(2_000)
  await second.stop()
  const third = await place.up()
  const { taken, slowestMs, refused } = await sending
  let stored: string[] = []
  const isAll = async (): Promise<boolean> => {
    if (!(await third.isAtRest())) return false
    stored = await storedIds(third)
    return new Set(stored).size >= taken.size
  }
  await third.until(isAll, 'all is stored', 120_000)
  const there = new Set(stored)
  console.log(
    `${taken.size} events taken, ${refused} lists sent again, the slowest answer took ${slowestMs.toFixed(0)} ms, ${stored.length} stored`,
  )
  expect([...taken].filter((id) => !there.has(id))).toEqual([])
  expect(stored.length).toBe(there.size)
  expect(taken.size).toBeGreaterThan(20_000)
  expect(slowestMs).toBeLessThan(1_500)
})
