import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DecklogError } from '../../src/core/errors.ts'
import { startTestServer } from '../support/test-server.ts'

let web: string

beforeAll(async () => {
  web = await mkdtemp(join(tmpdir(), 'decklog-web-'))
  await writeFile(join(web, 'index.html'), '<!doctype html><script type="module" src="main.ts"></script>')
  await writeFile(
    join(web, 'main.ts'),
    "import { x } from './part.ts'\nconst y: number = x\nconsole.log(y)\n",
  )
  await writeFile(join(web, 'built.js'), 'export const x = 1\n')
  await writeFile(join(web, 'style.css'), 'a { color: red }')
  await writeFile(join(web, 'notes.md'), 'not served')
  await writeFile(join(web, '.secret'), 'not served')
  await mkdir(join(web, 'sub'))
  await writeFile(join(web, 'sub', 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  await writeFile(join(tmpdir(), 'decklog-outside.css'), 'outside')
  await symlink(join(tmpdir(), 'decklog-outside.css'), join(web, 'link.css'))
})

afterAll(async () => {
  await rm(web, { recursive: true })
  await rm(join(tmpdir(), 'decklog-outside.css'))
})

test.each([
  '/',
  '/api/search',
  '/api/nothing',
  '/health',
  '/metrics',
  '/style.css',
  '/api/export',
  '/nope.js',
])('%s has the security headers', async (path) => {
  await using server = await startTestServer({ webDirectory: web })
  const { headers } = await server.get(path)
  expect(headers.get('content-security-policy')).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  )
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('referrer-policy')).toBe('no-referrer')
  expect(headers.get('access-control-allow-origin')).toBeNull()
  expect(headers.get('cache-control')).toBe(['/', '/style.css'].includes(path) ? 'no-cache' : 'no-store')
})

test.each([
  ['localhost:7700', 200],
  ['127.0.0.1', 200],
  ['[::1]:1234', 200],
  ['LOCALHOST', 200],
  ['logs.example.org', 200],
  ['evil.example', 403],
  ['127.0.0.1.evil.example', 403],
  ['localhost.evil.example:7700', 403],
])('on loopback, a request for host %s is answered %i', async (host, status) => {
  await using server = await startTestServer({
    listen: { host: '127.0.0.1', port: 0, names: ['logs.example.org'] },
  })
  for (const path of ['/api/search', '/', '/health']) {
    const answered = await statusFor(server.url + path, host)
    expect(answered === 404 ? 200 : answered).toBe(status)
  }
})

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is refused', async (method) => {
  await using server = await startTestServer()
  const response = await server.get('/api/search', { method })
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  expect(await response.json()).toMatchObject({ type: 'urn:decklog:problem:method-refused' })
})

test('HEAD gives headers only', async () => {
  await using server = await startTestServer({ webDirectory: web })
  for (const path of ['/', '/api/search', '/api/tail', '/api/export']) {
    const response = await server.get(path, { method: 'HEAD' })
    expect([path, response.status, await response.text()]).toEqual([path, 200, ''])
  }
})

test.each<[string, number, string | null, RegExp]>([
  ['/', 200, 'text/html; charset=utf-8', /main\.ts/],
  ['/index.html', 200, 'text/html; charset=utf-8', /main\.ts/],
  ['/main.ts', 200, 'text/javascript; charset=utf-8', /const y {9}= x/],
  ['/main.js', 200, 'text/javascript; charset=utf-8', /const y {9}= x/],
  ['/built.js', 200, 'text/javascript; charset=utf-8', /export const x/],
  ['/built.ts', 200, 'text/javascript; charset=utf-8', /export const x/],
  ['/style.css', 200, 'text/css; charset=utf-8', /red/],
  ['/sub/icon.svg', 200, 'image/svg+xml', /svg/],
  ['/link.css', 404, 'application/problem+json', /nothing at/],
  ['/notes.md', 404, 'application/problem+json', /nothing at/],
  ['/.secret', 404, 'application/problem+json', /nothing at/],
  ['/sub', 404, 'application/problem+json', /nothing at/],
  ['/%2e%2e/decklog-outside.css', 404, 'application/problem+json', /nothing at/],
  ['/..%2fdecklog-outside.css', 404, 'application/problem+json', /nothing at/],
  ['/sub/..%5c..%5cdecklog-outside.css', 404, 'application/problem+json', /nothing at/],
])('of the page, %s is answered %i', async (path, status, type, body) => {
  await using server = await startTestServer({ webDirectory: web })
  const response = await server.get(path)
  expect([response.status, response.headers.get('content-type')]).toEqual([status, type])
  expect(await response.text()).toMatch(body)
})

test('a file of the page is sent again only when it changed, and a new one is found', async () => {
  await using server = await startTestServer({ webDirectory: web })
  const etag = (await server.get('/main.ts')).headers.get('etag')!
  expect((await server.get('/main.ts', { headers: { 'if-none-match': etag } })).status).toBe(304)
  expect((await server.get('/late.css')).status).toBe(404)
  await writeFile(join(web, 'late.css'), 'b {}')
  expect((await server.get('/late.css')).status).toBe(200)
})

test('stripping types warns nobody', async () => {
  const warnings: unknown[] = []
  const listen = (warning: unknown): unknown => warnings.push(warning)
  process.on('warning', listen)
  await using server = await startTestServer({ webDirectory: web })
  await server.get('/main.ts')
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', listen)
  expect(warnings).toEqual([])
})

test('a port that is taken, and an address that this machine has not, are said in a sentence', async () => {
  await using server = await startTestServer()
  const port = Number(new URL(server.url).port)
  const taken = await startTestServer({ listen: { host: '127.0.0.1', port } }).catch(
    (error: unknown) => error,
  )
  expect(taken).toBeInstanceOf(DecklogError)
  expect((taken as DecklogError).code).toBe('unreachable')
  expect((taken as DecklogError).message).toBe(
    `cannot listen on 127.0.0.1:${port}: another program (perhaps another decklog) has this port; stop it, or set http.listen to another port`,
  )
  const foreign = await startTestServer({ listen: { host: '203.0.113.1', port: 0 } }).catch(
    (error: unknown) => error,
  )
  expect((foreign as DecklogError).message).toMatch(/this machine has no such address/)
})

/** `fetch` does not let a caller choose the Host header. */
function statusFor(url: string, host: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  request(url, { headers: { host } }, (response) => {
    response.resume()
    resolve(response.statusCode!)
  })
    .on('error', reject)
    .end()
  return promise
}

test.each<[string, Record<string, string>, string, number]>([
  ['from the command line', {}, '{"ids":["a"]}', 200],
  ['from our page', { origin: 'SELF' }, '{"ids":["a"]}', 200],
  ['from another site', { origin: 'https://evil.example' }, '{"ids":["a"]}', 405],
  ['from a sandboxed page', { origin: 'null' }, '{"ids":["a"]}', 405],
  ['from a form', { 'content-type': 'text/plain' }, '{"ids":["a"]}', 405],
  ['without ids', {}, '{}', 400],
  ['too large', {}, `{"ids":["${'x'.repeat(3_000_000)}"]}`, 400],
])('a replay %s is answered', async (_, headers, body, status) => {
  const replayed: string[] = []
  await using server = await startTestServer({
    replayDeadLetters: (ids) => {
      replayed.push(...ids)
      return Promise.resolve({ replayed: ids, kept: [] })
    },
  })
  const sent = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value === 'SELF' ? server.url : value]),
  )
  const response = await server.get('/api/dead-letters/replay', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...sent },
    body,
  })
  expect(response.status).toBe(status)
  expect(replayed).toEqual(status === 200 ? ['a'] : [])
  expect(server.faults).toEqual([])
})
