import { request as tlsRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/app/system-clock.ts'
import { DecklogError } from '../../src/core/errors.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Receiver } from '../../src/ports/receiver.ts'
import { type HttpConfig, startHttp } from '../../src/sources/http/http.ts'
import { elementsOf, membersOf, wholeValue } from '../../src/sources/http/json-cut.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
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
  config: Partial<HttpConfig> = {},
  room: MemorySpool = new MemorySpool(),
): Promise<string> {
  spool = room
  telemetry = new Telemetry()
  const receiver = await startHttp({
    config: {
      split: 'auto',
      listen: { host: '127.0.0.1', port: 0 },
      tokens: { falco: 'falco-token', trivy: 'trivy-token' },
      paths: {},
      bodyMax: 2 * MIB,
      unpackedMax: 8 * MIB,
      ratioMax: 50,
      connectionsMax: 20,
      memoryMax: 32 * MIB,
      rateMax: 100 * MIB,
      headerTimeout: 300,
      bodyTimeout: 600,
      answerTimeout: 300,
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

interface Sent {
  readonly token?: string
  readonly type?: string
  readonly encoding?: string
  readonly path?: string
  readonly method?: string
}

async function push(url: string, body: string | Uint8Array, sent: Sent = {}): Promise<Response> {
  const { token = 'falco-token', type = 'application/json', encoding, path = '/', method = 'POST' } = sent
  return fetch(`${url}${path}`, {
    method,
    body: body as BodyInit,
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      'content-type': type,
      ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
    },
  })
}

function refused(reason: string): number {
  return telemetry.get('decklog_source_refused_total', { kind: 'http', reason })
}

describe('records', () => {
  test.each([
    [
      'JSON is one record, without the space around it',
      'auto',
      'application/json',
      ' {"a": 1.0,\n "b": [1]}\n',
      ['{"a": 1.0,\n "b": [1]}'],
    ],
    [
      'NDJSON is a record a line',
      'auto',
      'application/x-ndjson',
      '{"a":1}\n\n{"b":2}\r\nnot json',
      ['{"a":1}', '{"b":2}', 'not json'],
    ],
    ['text is a record a line', 'auto', 'text/plain; charset=utf-8', 'one\ntwo\n', ['one', 'two']],
    [
      'lines are lines whatever the type',
      'lines',
      'application/json',
      '{"a":1}\n{"b":2}\n',
      ['{"a":1}', '{"b":2}'],
    ],
    [
      'an array has elements, of exactly their bytes',
      'array',
      'application/json',
      '[ {"n":1.50} , 12345678901234567890,"x]\\"" ]',
      ['{"n":1.50}', '12345678901234567890', '"x]\\""'],
    ],
    [
      'an envelope is opened',
      'array',
      'application/json',
      '{"v":1,"events":[{"id":"a"},{"id":"b"}]}',
      ['{"id":"a"}', '{"id":"b"}'],
    ],
    [
      'an envelope of two arrays is none',
      'array',
      'application/json',
      '{"a":[1],"b":[2]}',
      ['{"a":[1],"b":[2]}'],
    ],
    ['an empty array has nothing', 'array', 'application/json', '[ ]', []],
    ['one record, whatever it is', 'none', 'text/plain', '  a\nb  ', ['a\nb']],
    [
      'kinds of JSON have a suffix',
      'array',
      'application/vnd.docker.distribution.events.v1+json',
      '{"events":[{"action":"pull"}]}',
      ['{"action":"pull"}'],
    ],
  ] as const)('%s', async (_, split, type, body, expected) => {
    const url = await start({ split })
    expect((await push(url, body, { type })).status).toBe(200)
    expect(spool.texts()).toEqual(expected)
  })

  test('bytes stay bytes, packed or not', async () => {
    const url = await start({ split: 'lines' })
    const body = Buffer.from([0x61, 0xff, 0x00, 0x1e, 0x0a, 0x62])
    for (const [encoding, packed] of [
      ['identity', body],
      ['gzip', gzipSync(body)],
      ['zstd', zstdCompressSync(body)],
    ] as const) {
      expect((await push(url, packed, { encoding, type: 'text/plain' })).status).toBe(200)
    }
    expect(spool.records.map(({ bytes }) => bytes.toString('hex'))).toEqual([
      '61ff001e',
      '62',
      '61ff001e',
      '62',
      '61ff001e',
      '62',
    ])
  })

  test('streams are named by token and path', async () => {
    const url = await start({ paths: { '/falco': {}, '/scan': { split: 'array', tokens: ['trivy'] } } })
    await push(url, '{}', { path: '/falco?x=1' })
    await push(url, '[1,2]', { path: '/scan', token: 'trivy-token' })
    expect(spool.records.map(({ names }) => names)).toEqual([
      { sender: 'falco', endpoint: '/falco' },
      { sender: 'trivy', endpoint: '/scan' },
      { sender: 'trivy', endpoint: '/scan' },
    ])
    expect((await push(url, '[1]', { path: '/scan' })).status).toBe(403)
    expect((await push(url, '[1]', { path: '/else' })).status).toBe(404)
  })

  test('200 comes after the flush, not before', async () => {
    const flushed = Promise.withResolvers<void>()
    const url = await start({ answerTimeout: 5_000 }, new MemorySpool({ flush: () => flushed.promise }))
    let isAnswered = false
    const answer = push(url, '{}').then((response) => {
      isAnswered = true
      return response.status
    })
    await sleep(150)
    expect(isAnswered).toBe(false)
    flushed.resolve()
    expect(await answer).toBe(200)
  })
})

describe('refusals', () => {
  test.each([
    ['no token', { token: '' }, 401, 'token'],
    ['a wrong token', { token: 'falco-toket' }, 401, 'token'],
    ['a token that begins right', { token: 'falco-token2' }, 401, 'token'],
    ['another content type', { type: 'multipart/form-data' }, 415, 'type'],
    ['another encoding', { encoding: 'br' }, 415, 'encoding'],
    ['another method', { method: 'DELETE' }, 405, 'method'],
    ['what is not packed as it says', { encoding: 'gzip' }, 400, 'packed'],
    ['what is no zstd', { encoding: 'zstd' }, 400, 'packed'],
  ] as const)('%s', async (_, sent, status, reason) => {
    const url = await start()
    const response = await push(url, '{"a":1}', sent)
    expect(response.status).toBe(status)
    expect(((await response.json()) as { error: string }).error).not.toContain('token2')
    expect(spool.records).toEqual([])
    expect(refused(reason)).toBe(1)
    expect((await push(url, '{}')).status).toBe(200)
  })

  test.each(['{"a":1', '{"a":1]', '{"a":"x}', '{} {}', '', '[1,', '\\'])(
    'torn JSON %j is 400',
    async (body) => {
      const url = await start()
      expect((await push(url, body)).status).toBe(400)
      expect(spool.records).toEqual([])
    },
  )

  test('a body too large is 413, whether it says so or not, and the next request is served', async () => {
    const url = await start()
    const body = Buffer.alloc(12 * MIB, 'x')
    expect((await push(url, body, { type: 'text/plain' })).status).toBe(413)
    const chunked = await fetch(url, {
      method: 'POST',
      headers: { authorization: 'Bearer falco-token', 'content-type': 'text/plain' },
      body: new ReadableStream({
        start(controller) {
          for (let i = 0; i < 40; i++) controller.enqueue(body.subarray(0, 64 * 1024))
          controller.close()
        },
      }),
      duplex: 'half',
    } as RequestInit)
    expect(chunked.status).toBe(413)
    expect(refused('too-large')).toBe(2)
    expect((await push(url, '{}')).status).toBe(200)
  })

  test.each([
    ['gzip', gzipSync(Buffer.alloc(200 * MIB))],
    ['zstd', zstdCompressSync(Buffer.alloc(200 * MIB))],
  ])('a %s bomb ends at its ratio, and costs no memory', async (encoding, bomb) => {
    const url = await start()
    const before = process.memoryUsage().rss
    for (let i = 0; i < 10; i++)
      expect((await push(url, bomb, { encoding, type: 'text/plain' })).status).toBe(413)
    expect(process.memoryUsage().rss - before).toBeLessThan(60 * MIB)
    expect((await push(url, '{}')).status).toBe(200)
  })

  test('a body over what it may unpack to is 413 though its ratio is fine', async () => {
    const url = await start({ bodyMax: 20 * MIB, unpackedMax: MIB, ratioMax: 1_000 })
    const packed = gzipSync(Buffer.alloc(3 * MIB, 'abc'))
    expect((await push(url, packed, { encoding: 'gzip', type: 'text/plain' })).status).toBe(413)
  })

  test('a sender over its rate is 429 and told when to come again; others are not', async () => {
    const url = await start({ rateMax: 1_000 })
    expect((await push(url, `"${'x'.repeat(5_000)}"`)).status).toBe(200)
    const response = await push(url, '1')
    expect(response.status).toBe(429)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(3)
    expect((await push(url, '1', { token: 'trivy-token' })).status).toBe(200)
  })

  test('a full spool is 503 with Retry-After, then 200', async () => {
    const url = await start({}, new MemorySpool({ maxBytes: 20 }))
    expect((await push(url, '{"a":1}')).status).toBe(200)
    const response = await push(url, '{"a":"0123456789"}')
    expect(response.status).toBe(503)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    spool.shipped()
    expect((await push(url, '{"a":"0123456789"}')).status).toBe(200)
  })

  test('a disk that refuses is 503, one that hangs too, within the time', async () => {
    const url = await start({ answerTimeout: 100 }, new MemorySpool({ flush: () => sleep(1_500) }))
    spool.failure = new DecklogError('disk-full', 'the disk is full', { retryable: true })
    expect((await push(url, '{}')).status).toBe(503)
    spool.failure = undefined
    expect((await push(url, '{}')).status).toBe(503)
    expect(refused('disk')).toBe(1)
    expect(refused('slow-disk')).toBe(1)
  })

  test('too many bodies at once are told to wait', async () => {
    const url = await start({ memoryMax: MIB, bodyMax: 4 * MIB })
    expect((await push(url, Buffer.alloc(2 * MIB, 'x'), { type: 'text/plain' })).status).toBe(503)
    for (let i = 0; i < 5; i++)
      expect((await push(url, Buffer.alloc(MIB - 100, 'x'), { type: 'text/plain' })).status).toBe(200)
  })
})

describe('connections', () => {
  test('health needs no token', async () => {
    const url = await start()
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  test('one that sends its headers or its body too slowly is ended, others never notice', async () => {
    const url = await start()
    const slow = [
      await raw(url, 'POST / HTTP/1.1\r\nHost: x\r\n'),
      await raw(
        url,
        'POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer falco-token\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nabc',
      ),
    ]
    expect((await push(url, '{}')).status).toBe(200)
    for (const one of slow) expect(await one.end()).toMatch(/^HTTP\/1\.1 408 |^$/)
    expect(spool.records).toHaveLength(1)
    expect((await push(url, '{}')).status).toBe(200)
  })

  test('a torn body is nobody’s record', async () => {
    const url = await start()
    const one = await raw(
      url,
      'POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer falco-token\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nline\nline\n',
    )
    one.socket.destroy()
    await sleep(50)
    expect(spool.records).toEqual([])
  })

  test('what is no HTTP is answered and ended', async () => {
    const url = await start()
    expect(await (await raw(url, '\x16\x03\x01 nonsense\r\n\r\n')).end()).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('Expect: 100-continue is refused before the body is sent', async () => {
    const url = await start()
    const head =
      'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n'
    expect(await (await raw(url, `${head}\r\n`)).end()).toMatch(/^HTTP\/1\.1 401 /)
    const fine = await raw(url, `${head}Authorization: Bearer falco-token\r\n\r\n`)
    await sleep(100)
    fine.socket.write('text')
    expect(await fine.end()).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
  })

  test('one address cannot take all connections', async () => {
    const url = await start({ connectionsMax: 8, headerTimeout: 5_000 })
    const taken = await Promise.all(Array.from({ length: 12 }, () => raw(url, '')))
    await sleep(100)
    expect(taken.filter(({ socket }) => !socket.destroyed).length).toBeLessThanOrEqual(4)
    expect(refused('connections')).toBeGreaterThanOrEqual(8)
    for (const { socket } of taken) socket.destroy()
    await sleep(50)
    expect((await push(url, '{}')).status).toBe(200)
  })
})

describe('TLS', () => {
  let certificates: Certificates
  beforeAll(() => {
    certificates = makeCertificates()
  })

  function overTls(url: string, client?: { certificate: string; key: string }): Promise<number> {
    return new Promise((resolve, reject) => {
      const request = tlsRequest(
        url,
        {
          method: 'POST',
          ca: certificates.ca,
          ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
          headers: { authorization: 'Bearer falco-token', 'content-type': 'application/json' },
          agent: false,
        },
        (response) => {
          response.resume()
          resolve(response.statusCode!)
        },
      )
      request.on('error', reject)
      request.end('{}')
    })
  }

  test('with the certificate it was given', async () => {
    const url = await start({ tls: { ...certificates.server, minVersion: 'TLSv1.2' } })
    expect(await overTls(url)).toBe(200)
  })

  test('clients without the right certificate are not let in', async () => {
    const tls = { ...certificates.server, clientCa: certificates.ca, minVersion: 'TLSv1.2' } as const
    const url = await start({ tls })
    await expect(overTls(url)).rejects.toThrow()
    await expect(overTls(url, certificates.stranger)).rejects.toThrow()
    expect(await overTls(url, certificates.client)).toBe(200)
    expect(refused('tls')).toBeGreaterThan(0)
  })

  test('a handshake that never ends holds nobody up', async () => {
    const url = await start({ tls: { ...certificates.server, minVersion: 'TLSv1.2' } })
    const halfOpen = await Promise.all(Array.from({ length: 5 }, () => raw(url, '\x16\x03\x01')))
    expect(await overTls(url)).toBe(200)
    await Promise.all(halfOpen.map((one) => one.end()))
    expect(await overTls(url)).toBe(200)
  }, 20_000)

  test('certificate and key that do not belong together are said at the start', async () => {
    const tls = {
      certificate: certificates.server.certificate,
      key: certificates.client.key,
      minVersion: 'TLSv1.2',
    } as const
    await expect(start({ tls })).rejects.toMatchObject({ code: 'config-invalid' })
  })
})

test('parts of any JSON are its exact bytes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 6 }),
      fc.constantFrom('', ' ', '\n\t '),
      (values, space) => {
        const texts = values.map((value) => JSON.stringify(value, undefined, space.length))
        const text = Buffer.from(`${space}[${space}${texts.join(`${space},${space}`)}${space}]${space}`)
        const whole = wholeValue(text)!
        expect(
          elementsOf(text, whole)!.map(({ start: from, end }) => text.toString('utf8', from, end)),
        ).toEqual(texts)
        const object = Buffer.from(
          JSON.stringify(
            Object.fromEntries(values.map((value, i) => [`k${i}`, value])),
            undefined,
            space.length,
          ),
        )
        const members = membersOf(object, wholeValue(object)!)!
        expect(
          [...members].map(([key, { start: from, end }]) => [
            key,
            JSON.parse(object.toString('utf8', from, end)),
          ]),
        ).toEqual(values.map((value, i) => [`k${i}`, JSON.parse(JSON.stringify(value))]))
      },
    ),
  )
})

test('any bytes are read without an exception, and no part reaches outside', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...Buffer.from('[]{}",:\\ 1atrue\n\xff', 'latin1')), { maxLength: 40 }),
      (bytes) => {
        const text = Buffer.from(bytes)
        const whole = wholeValue(text)
        if (whole === undefined) return
        expect(whole.end).toBeLessThanOrEqual(text.length)
        for (const one of elementsOf(text, whole) ?? []) expect(one.end).toBeLessThan(whole.end)
        membersOf(text, whole)
      },
    ),
    { numRuns: 5_000 },
  )
})

interface Raw {
  readonly socket: Socket
  /** All that came until it was ended, from there or, after what was answered, from here. */
  end(): Promise<string>
}

async function raw(url: string, text: string): Promise<Raw> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  let came = ''
  socket.on('data', (chunk) => {
    came += chunk.toString('latin1')
    if (/HTTP\/1\.1 (?!100)\d{3} /.test(came)) socket.end()
  })
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise((resolve) => socket.once('connect', resolve))
  if (text !== '') socket.write(text, 'latin1')
  return {
    socket,
    async end() {
      await closed
      return came
    },
  }
}
