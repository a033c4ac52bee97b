import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/app/system-clock.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { connect, type ElasticsearchOptions } from '../../src/store/elasticsearch/connection.ts'
import { openElasticsearchStore } from '../../src/store/elasticsearch/elasticsearch-store.ts'
import { Outcome, type WriteResult } from '../../src/ports/store.ts'
import { eventBatch } from '../support/event-batches.ts'
import { FakeElasticsearch } from '../support/fake-elasticsearch.ts'

const SERVER = process.env['DECKLOG_TEST_ELASTICSEARCH_TLS']
const { DECKLOG_TEST_ELASTICSEARCH_USER: user, DECKLOG_TEST_ELASTICSEARCH_PASSWORD: password } = process.env
const CA_FILE = process.env['DECKLOG_TEST_CA']

const toClose: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of toClose.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

if (SERVER === undefined) {
  test.skip('DECKLOG_TEST_ELASTICSEARCH_TLS is not set: no server with passwords', () => undefined)
}

describe.skipIf(SERVER === undefined)('a server with TLS and passwords', () => {
  const ca = CA_FILE === undefined ? '' : readFileSync(CA_FILE, 'utf8')
  const right: ElasticsearchOptions = {
    nodes: [SERVER ?? ''],
    auth: { user: user ?? '', password: password ?? '' },
    tls: { ca },
  }
  const ask = async (options: ElasticsearchOptions): Promise<number> => {
    const connection = connect(options)
    toClose.push({ [Symbol.asyncDispose]: () => connection.close() })
    return (await connection.request({ method: 'GET', path: '/_cluster/health' })).status
  }

  test('answers with its authority named, and is not spoken to without', async () => {
    expect(await ask(right)).toBe(200)
    await expect(ask({ ...right, tls: {} })).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/certificate is not trusted .*tls\.ca/) as unknown,
    })
  })

  test('a fingerprint stands for the authority, where the server shows its certificate', async () => {
    // This server shows its own certificate only, so another one with the same certificates is asked.
    const folder = dirname(CA_FILE!)
    const [key, own] = ['server.key', 'server.crt'].map((name) => readFileSync(join(folder, name), 'utf8'))
    const chain = createServer({ key, cert: `${own!}${ca}` }, (_, response) => {
      response.writeHead(200, { 'x-elastic-product': 'Elasticsearch' }).end()
    })
    chain.listen(0, '127.0.0.1')
    await once(chain, 'listening')
    toClose.push({ [Symbol.asyncDispose]: async () => void chain.close() })
    const nodes = [`https://localhost:${(chain.address() as AddressInfo).port}`]
    const { fingerprint256 } = new X509Certificate(ca)
    expect(await ask({ nodes, tls: { caFingerprint: fingerprint256 } })).toBe(200)
    const wrong = { caFingerprint: `${'00:'.repeat(31)}00` }
    await expect(ask({ nodes, tls: wrong })).rejects.toMatchObject({
      message: expect.stringMatching(/another authority than caFingerprint says/) as unknown,
    })
    await expect(ask({ ...right, tls: wrong })).rejects.toMatchObject({
      message: expect.stringMatching(/no certificate of its authority .*tls\.ca/) as unknown,
    })
  })

  test('a wrong password is an answer and not an error, and is never shown', async () => {
    const connection = connect({ ...right, auth: { user: 'elastic', password: 'not-this-one' } })
    toClose.push({ [Symbol.asyncDispose]: () => connection.close() })
    const answer = await connection.request({ method: 'GET', path: '/_cluster/health' })
    expect(answer.status).toBe(401)
    expect(JSON.stringify(answer)).not.toContain('not-this-one')
  })

  test('a write with a wrong password, or without the right to write, is kept, said in one line, and retried', async () => {
    for (const auth of [
      { user: 'elastic', password: 'not-this-one' },
      { user: 'reader', password: password ?? '' },
    ]) {
      const said: string[] = []
      const store = await openElasticsearchStore({
        ...right,
        auth,
        clock: systemClock,
        telemetry: new Telemetry(),
        retryForMs: 300,
        onProblem: (sentence) => said.push(sentence),
      })
      toClose.push(store)
      const written = await store.write([eventBatch()]).catch((error: unknown) => error)
      if (written instanceof Error) expect(written).toMatchObject({ retryable: true })
      else expect([...(written as WriteResult[])[0]!.outcomes]).toEqual([Outcome.retry])
      expect(said).toHaveLength(1)
      expect(said.join()).toMatch(/password or API key is refused|unauthorized|not allowed|may not/)
      expect(said.join()).not.toContain('not-this-one')
      expect(store.problems().length).toBeGreaterThanOrEqual(1)
    }
  })
})

describe('an API key', () => {
  test('goes as its header, and as nothing else', async () => {
    const server = new FakeElasticsearch()
    await server.listen()
    toClose.push(server)
    const connection = connect({ nodes: [server.url], auth: { apiKey: 'aWQ6c2VjcmV0' } })
    toClose.push({ [Symbol.asyncDispose]: () => connection.close() })
    await connection.request({ method: 'GET', path: '/_tasks' })
    expect(server.authorizations).toEqual(['ApiKey aWQ6c2VjcmV0'])
  })
})
