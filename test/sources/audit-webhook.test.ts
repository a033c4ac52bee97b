import { request as tlsRequest } from 'node:https'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/app/system-clock.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Receiver } from '../../src/ports/receiver.ts'
import { type AuditWebhookConfig, startAuditWebhook } from '../../src/sources/audit-webhook/audit-webhook.ts'
import { makeCertificates } from '../support/certificates.ts'
import { MemorySpool } from '../support/memory-spool.ts'

const MIB = 1024 * 1024
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const running: Receiver[] = []
let spool: MemorySpool
let telemetry: Telemetry
afterEach(async () => {
  for (const one of running.splice(0)) await one[Symbol.asyncDispose]()
})

async function start(
  config: Partial<AuditWebhookConfig> = {},
  room: MemorySpool = new MemorySpool(),
): Promise<string> {
  spool = room
  telemetry = new Telemetry()
  const receiver = await startAuditWebhook({
    config: {
      listen: { host: '127.0.0.1', port: 0 },
      tokens: { apiserver1: 'token-of-one' },
      bodyMax: 32 * MIB,
      unpackedMax: 64 * MIB,
      ratioMax: 200,
      connectionsMax: 50,
      memoryMax: 128 * MIB,
      answerTimeoutMs: 900,
      ...config,
    },
    spool,
    clock: systemClock,
    telemetry,
    log,
  })
  running.push(receiver)
  return `${config.tls === undefined ? 'http' : 'https'}://${receiver.address}`
}

function post(url: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
  // As the API server does it.
  return fetch(`${url}/?timeout=30s`, {
    method: 'POST',
    body: body as BodyInit,
    headers: { authorization: 'Bearer token-of-one', 'content-type': 'application/json', ...headers },
  })
}

function event(i: number): string {
  return `{"level":"Metadata","auditID":"id-${i}","stage":"ResponseComplete","requestURI":"/api/v1/pods?limit=500&x=\\"]}","n":1.50,"big":12345678901234567890}`
}

function list(events: readonly string[]): string {
  return `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${events.join(',')}]}\n`
}

describe('lists', () => {
  test('each item is a record of exactly its bytes, in order', async () => {
    const url = await start()
    const events = Array.from({ length: 400 }, (_, i) => event(i))
    expect((await post(url, list(events))).status).toBe(200)
    expect(spool.texts()).toEqual(events)
    expect(spool.records[0]!.names).toEqual({ sender: 'apiserver1' })
  })

  test('space between the parts is nobody’s', async () => {
    const url = await start()
    const pretty = JSON.stringify(
      JSON.parse(list(['{"auditID":"a","stage":"Panic"}', '{"auditID":"b"}'])),
      undefined,
      2,
    )
    expect((await post(url, pretty)).status).toBe(200)
    expect(spool.texts().map((text) => JSON.parse(text) as object)).toEqual([
      { auditID: 'a', stage: 'Panic' },
      { auditID: 'b' },
    ])
  })

  test('an event alone, an empty list and a list of nothing are taken; so is what is packed', async () => {
    const url = await start()
    const alone = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"x"}`
    expect((await post(url, alone)).status).toBe(200)
    expect((await post(url, list([]))).status).toBe(200)
    expect((await post(url, '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":null}')).status).toBe(
      200,
    )
    expect((await post(url, gzipSync(list([event(1)])), { 'content-encoding': 'gzip' })).status).toBe(200)
    expect(spool.texts()).toEqual([alone, event(1)])
  })
})

describe('refusals', () => {
  test.each([
    ['another kind', '{"kind":"PodList","apiVersion":"v1","items":[]}', /kind must be EventList/],
    [
      'another version',
      '{"kind":"EventList","apiVersion":"audit.k8s.io/v1beta1","items":[]}',
      /must be audit\.k8s\.io\/v1/,
    ],
    ['torn', list([event(1)]).slice(0, -10), /torn/],
    ['an item that is no object', list(['1']), /an item is no object/],
    [
      'items that are no list',
      '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":{}}',
      /items is no array/,
    ],
    ['nothing', '', /no JSON/],
    ['an array', '[]', /no JSON object/],
  ])('%s is 400 and says why', async (_, body, expected) => {
    const url = await start()
    const response = await post(url, body)
    expect(response.status).toBe(400)
    expect(((await response.json()) as { error: string }).error).toMatch(expected)
    expect(spool.records).toEqual([])
    expect((await post(url, list([event(1)]))).status).toBe(200)
  })

  test('a wrong token is 401, another type 415', async () => {
    const url = await start()
    expect((await post(url, list([]), { authorization: 'Bearer token-of-two' })).status).toBe(401)
    expect((await post(url, list([]), { 'content-type': 'text/plain' })).status).toBe(415)
  })

  test('a list of 100 MB is 413 before it is read, or as soon as it is too much, and costs no memory', async () => {
    const url = await start()
    const before = process.memoryUsage().rss
    const part = Buffer.from(`${event(1)},`.repeat(7_000))
    const sends = (headers: Record<string, string>): Promise<{ status: number; sentBytes: number }> =>
      new Promise((resolve, reject) => {
        let sentBytes = 0
        const sending = request(`${url}/`, {
          method: 'POST',
          headers: { authorization: 'Bearer token-of-one', 'content-type': 'application/json', ...headers },
        })
        sending.on('response', (response) => {
          response.resume()
          resolve({ status: response.statusCode!, sentBytes })
          sending.destroy()
        })
        sending.on('error', reject)
        const more = (): void => {
          while (sentBytes < 100 * MIB && !sending.destroyed) {
            sentBytes += part.length
            if (!sending.write(part)) return void sending.once('drain', more)
          }
        }
        more()
      })
    expect((await sends({ 'content-length': String(100 * MIB) })).status).toBe(413)
    const chunked = await sends({ 'transfer-encoding': 'chunked' })
    expect(chunked.status).toBe(413)
    expect(chunked.sentBytes).toBeLessThan(60 * MIB)
    expect(process.memoryUsage().rss - before).toBeLessThan(120 * MIB)
    expect((await post(url, list([event(1)]))).status).toBe(200)
    expect(spool.texts()).toEqual([event(1)])
  })

  test('a full spool is 503 with Retry-After', async () => {
    const url = await start({}, new MemorySpool({ maxBytes: 10 }))
    const response = await post(url, list([event(1)]))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
  })

  test('a disk that hangs is 503 in time: the API server waits for no answer in vain', async () => {
    const url = await start({ answerTimeoutMs: 100 }, new MemorySpool({ flush: () => sleep(20_000) }))
    const response = await post(url, list([event(1)]))
    expect(response.status).toBe(503)
    expect(spool.records).toEqual([])
    expect(
      telemetry.get('decklog_source_refused_total', { kind: 'audit-webhook', reason: 'slow-disk' }),
    ).toBe(1)
  })
})

describe('who may write history', () => {
  test('nobody over a network without TLS, and nobody without a name', async () => {
    const certificates = makeCertificates()
    const open = { listen: { host: '0.0.0.0', port: 0 } }
    await expect(start(open)).rejects.toMatchObject({ code: 'config-invalid', message: /certificate/ })
    const tls = { ...certificates.server, minVersion: 'TLSv1.2' } as const
    await expect(start({ ...open, tls, tokens: {} })).rejects.toMatchObject({
      message: /tokens, or tls\.clientCa/,
    })
  })

  test('without tokens the certificate says who it is', async () => {
    const certificates = makeCertificates()
    const tls = { ...certificates.server, clientCa: certificates.ca, minVersion: 'TLSv1.2' } as const
    const url = await start({ tls, tokens: {} })
    const status = await new Promise((resolve, reject) => {
      const sending = tlsRequest(
        url,
        {
          method: 'POST',
          ca: certificates.ca,
          cert: certificates.client.certificate,
          key: certificates.client.key,
          agent: false,
          headers: { 'content-type': 'application/json' },
        },
        (response) => {
          response.resume()
          resolve(response.statusCode)
        },
      )
      sending.on('error', reject)
      sending.end(list([event(1)]))
    })
    expect(status).toBe(200)
    expect(spool.records[0]!.names).toEqual({ sender: 'kube-apiserver-1' })
  })
})
