import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openKafkaBus } from '../../src/bus/kafka.ts'
import { applyTopics } from '../../src/bus/kafka/admin.ts'
import type { KafkaConnection, KafkaSasl } from '../../src/bus/kafka/options.ts'
import { DecklogError } from '../../src/core/errors.ts'
import { type OwnBroker, PASSWORD, startBroker } from '../support/kafka-broker.ts'
import { busOptions, freshName, noKafka, silentLog, until } from '../support/kafka.ts'

describe.skipIf(noKafka !== undefined)('a broker with locks', () => {
  let broker: OwnBroker
  let directory: string
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'decklog-token-'))
    broker = await startBroker()
  }, 120_000)
  afterAll(async () => {
    await broker[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  const sasl = (login: KafkaSasl, ca = broker.tls.ca): KafkaConnection => ({
    brokers: [broker.saslTls],
    tls: { ca },
    sasl: login,
  })
  const user = (
    mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512',
    username = 'admin',
    password = PASSWORD,
  ): KafkaSasl => ({
    mechanism,
    username,
    password,
  })
  const tokenFile = (): string => {
    const path = join(directory, 'token')
    writeFileSync(path, `${tokenFor('admin')}\n`)
    return path
  }

  test.each([
    ['no password', () => ({ brokers: [broker.plaintext] })],
    ['SASL PLAIN', () => sasl(user('plain'))],
    ['SCRAM-SHA-256', () => sasl(user('scram-sha-256'))],
    ['SCRAM-SHA-512', () => sasl(user('scram-sha-512'))],
    [
      'OAUTHBEARER with a token from a file',
      () => sasl({ mechanism: 'oauthbearer', tokenFile: tokenFile() }),
    ],
    [
      'a client certificate',
      () => ({
        brokers: [broker.mutualTls],
        tls: { ca: broker.tls.ca, certificate: broker.tls.clientCertificate, key: broker.tls.clientKey },
      }),
    ],
  ])('opens with %s', async (_, connection) => {
    await carriesAMessage(connection())
  })

  test('opens with OAUTHBEARER with a token from an endpoint, and asks once for many connections', async () => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (part: Buffer) => (body += part.toString()))
      request.on('end', () => {
        asked.push(`${request.headers.authorization} ${body}`)
        response.end(JSON.stringify({ access_token: tokenFor('admin'), expires_in: 600 }))
      })
    })
    const tokenUrl = await listen(server)
    await carriesAMessage(
      sasl({ mechanism: 'oauthbearer', tokenUrl, clientId: 'ship', clientSecret: 'hush', scope: 'logs' }),
    )
    server.close()
    const basic = Buffer.from('ship:hush').toString('base64')
    expect(new Set(asked)).toEqual(new Set([`Basic ${basic} grant_type=client_credentials&scope=logs`]))
  })

  test('an endpoint that refuses is one sentence without secrets', async () => {
    const server = createServer((_, response) => {
      response.statusCode = 401
      response.end('{"error":"hush is wrong"}')
    })
    const tokenUrl = await listen(server)
    const error = await refusal(
      sasl({ mechanism: 'oauthbearer', tokenUrl, clientId: 'ship', clientSecret: 'hush' }),
    )
    server.close()
    expect(error.message).toMatch(/^no token for Kafka from http:\/\/127\.0\.0\.1:\d+: it answered 401$/)
    expect(error.message).not.toContain('hush')
  })

  test.each([
    [
      'a wrong password',
      () => sasl(user('scram-sha-512', 'admin', 'wrong')),
      /refuses this user or password$/,
      false,
    ],
    [
      'a wrong password (PLAIN)',
      () => sasl(user('plain', 'admin', 'wrong')),
      /refuses this user or password$/,
      false,
    ],
    ['a wrong CA', () => sasl(user('plain'), broker.tls.otherCa), /is not signed by the given CA/, false],
    [
      'another name in the certificate',
      () => ({ ...sasl(user('plain')), tls: { ca: broker.tls.ca, serverName: 'elsewhere' } }),
      /bears another name/,
      false,
    ],
    [
      'no client certificate',
      () => ({ brokers: [broker.mutualTls], tls: { ca: broker.tls.ca } }),
      /wants a client certificate/,
      false,
    ],
    [
      'no TLS on a TLS port',
      () => ({ brokers: [broker.saslTls] }),
      /closed the connection: does this port want TLS/,
      true,
    ],
    [
      'TLS on a plain port',
      () => ({ brokers: [broker.plaintext], tls: {} }),
      /closed the connection: does this port want TLS, or none/,
      true,
    ],
    [
      'no login where one is wanted',
      () => ({ brokers: [broker.saslTls], tls: { ca: broker.tls.ca } }),
      /another way to log in/,
      true,
    ],
    [
      'a login where none is wanted',
      () => ({ brokers: [broker.plaintext], sasl: user('plain') }),
      /does not take this way to log in/,
      false,
    ],
    ['no broker', () => ({ brokers: ['127.0.0.1:1'] }), /cannot be reached \(ECONNREFUSED\)$/, true],
    [
      'an unknown host',
      () => ({ brokers: ['nowhere.invalid:9092'] }),
      /cannot be reached \(ENOTFOUND\)$/,
      true,
    ],
    [
      'a token file that is missing',
      () => sasl({ mechanism: 'oauthbearer', tokenFile: '/nowhere/token' }),
      /^the token for Kafka cannot be read from \/nowhere\/token$/,
      false,
    ],
  ])('%s is one clear sentence', async (_, connection, sentence, retryable) => {
    const error = await refusal(connection())
    expect(error).toMatchObject({ code: 'unreachable', retryable })
    expect(error.message).toMatch(sentence)
    expect(error.message).not.toContain(PASSWORD)
    expect(error.message.split('\n')).toHaveLength(1)
  })

  test('a server that answers nothing is one clear sentence', async () => {
    const server = createTcpServer(() => {}).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const error = await refusal({
      brokers: [`127.0.0.1:${(server.address() as AddressInfo).port}`],
      requestTimeoutMs: 300,
    })
    server.close()
    expect(error.message).toMatch(/does not answer$/)
    expect(error.retryable).toBe(true)
  })

  test('a user without rights is told so, for publishing, reading and making topics', async () => {
    const poor = sasl(user('scram-sha-512', 'poor'))
    const topic = freshName('rights')
    await applyTopics({ brokers: [broker.plaintext], log: silentLog }, [
      { name: topic, partitions: 1, replication: 1 },
    ])
    await using bus = await openKafkaBus(busOptions(poor))
    const message = expect.stringContaining('or this user may not see it')
    await expect(bus.publish(topic, [{ key: 'k', value: Buffer.from('x') }])).rejects.toMatchObject({
      message,
    })
    const reading = bus.subscribe({ group: 'g', topics: [topic], bytesMax: 1, handle: () => {} })
    await expect(reading).rejects.toMatchObject({ message })
    const making = applyTopics({ ...poor, log: silentLog }, [
      { name: freshName('new'), partitions: 1, replication: 1 },
    ])
    await expect(making).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('does not allow this user to create topics; let an administrator run'),
    })
  })

  test('a broker that is killed and comes back loses nothing, and readers go on where they were', {
    timeout: 120_000,
  }, async () => {
    const topic = freshName('killed')
    const connection = { brokers: [broker.plaintext] }
    await applyTopics({ ...connection, log: silentLog }, [{ name: topic, partitions: 3, replication: 1 }])
    await using bus = await openKafkaBus(busOptions(connection))
    const seen: number[] = []
    await bus.subscribe({
      group: 'g',
      topics: [topic],
      bytesMax: 1 << 20,
      handle(delivery) {
        seen.push(Number(Buffer.from(delivery.value).toString()))
        delivery.ack()
      },
    })
    let next = 0
    const publishes: Promise<void>[] = []
    const publishFor = async (ms: number): Promise<void> => {
      for (const end = Date.now() + ms; Date.now() < end; ) {
        publishes.push(bus.publish(topic, [{ key: `k${next % 7}`, value: Buffer.from(String(next++)) }]))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    await publishFor(1_000)
    await broker.kill()
    await publishFor(1_500)
    const starting = broker.start()
    await publishFor(1_000)
    await starting
    await publishFor(1_000)
    await Promise.all(publishes)
    await until(() => new Set(seen).size === next, 60_000)
    await until(async () => (await bus.lag()).every(({ messages }) => messages === 0))
  })

  test('a broker that stands still for a while is waited for', { timeout: 120_000 }, async () => {
    const topic = freshName('still')
    const connection = { brokers: [broker.plaintext], requestTimeoutMs: 1_000 }
    await applyTopics({ ...connection, log: silentLog }, [{ name: topic, partitions: 3, replication: 1 }])
    await using bus = await openKafkaBus(busOptions(connection))
    const seen: number[] = []
    await bus.subscribe({
      group: 'g',
      topics: [topic],
      bytesMax: 1 << 20,
      handle(delivery) {
        seen.push(Number(Buffer.from(delivery.value).toString()))
        delivery.ack()
      },
    })
    const publish = (number: number): Promise<void> =>
      bus.publish(topic, [{ key: `k${number % 7}`, value: Buffer.from(String(number)) }])
    await Promise.all(Array.from({ length: 50 }, (_, i) => publish(i)))
    process.kill(broker.pid, 'SIGSTOP')
    const publishes = Array.from({ length: 50 }, (_, i) => publish(50 + i))
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    process.kill(broker.pid, 'SIGCONT')
    await Promise.all(publishes)
    await until(() => new Set(seen).size === 100, 60_000)
  })
})

async function carriesAMessage(connection: KafkaConnection): Promise<void> {
  const topic = freshName('login')
  await applyTopics({ ...connection, log: silentLog }, [{ name: topic, partitions: 1, replication: 1 }])
  await using bus = await openKafkaBus(busOptions(connection))
  const seen: string[] = []
  await bus.subscribe({
    group: 'g',
    topics: [topic],
    bytesMax: 1 << 20,
    handle(delivery) {
      seen.push(Buffer.from(delivery.value).toString())
      delivery.ack()
    },
  })
  await bus.publish(topic, [{ key: 'k', value: Buffer.from('hello') }])
  await until(() => seen.length === 1)
  expect(seen).toEqual(['hello'])
}

async function refusal(connection: KafkaConnection): Promise<DecklogError> {
  try {
    const bus = await openKafkaBus(busOptions({ connectTimeoutMs: 3_000, ...connection }))
    await bus.close()
  } catch (error) {
    expect(error).toBeInstanceOf(DecklogError)
    return error as DecklogError
  }
  throw new Error('it opened')
}

/** An unsecured token (RFC 7515, `alg` none), which this broker takes. */
function tokenFor(subject: string): string {
  const now = Date.now() / 1000
  const parts = [{ alg: 'none' }, { sub: subject, iat: now, exp: now + 600 }]
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
}
