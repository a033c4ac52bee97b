import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** The package as a user gets it: packed, installed in an empty folder, run by the system's Node, worker threads and page included. */
const ROOT = join(import.meta.dirname, '../..')
let room: string
let running: ChildProcess | undefined

beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), 'decklog-pack-'))
}, 30_000)

afterAll(async () => {
  if (running?.exitCode === null) {
    const ended = new Promise((resolve) => running!.once('exit', resolve))
    // npx does not pass a signal on: the whole group gets it, as from a terminal.
    process.kill(-running.pid!, 'SIGTERM')
    await ended
  }
  rmSync(room, { recursive: true, force: true, maxRetries: 10, retryDelay: 300 })
}, 30_000)

test('npm pack, install, npx decklog up: events are searchable and the page is served', {
  timeout: 180_000,
}, async (context) => {
  execFileSync('npm', ['pack', '--pack-destination', room, '--loglevel=error'], { cwd: ROOT, stdio: 'pipe' })
  const tarball = readdirSync(room).find((name) => name.endsWith('.tgz'))!
  const home = join(room, 'home')
  execFileSync('mkdir', [home])
  writeFileSync(join(home, 'package.json'), '{ "name": "user", "private": true }')
  try {
    execFileSync(
      'npm',
      ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', join(room, tarball)],
      { cwd: home, stdio: 'pipe' },
    )
  } catch (error) {
    const reason = 'its dependencies could not be installed here: is the npm registry reachable?'
    console.warn(`skipped: ${reason} ${(error as Error).message.split('\n')[0]}`)
    context.skip(reason)
  }
  expect(existsSync(join(home, 'node_modules/decklog/dist/cli/main.js'))).toBe(true)

  const port = await freePort()
  writeFileSync(join(home, 'decklog.yaml'), `http: { listen: 127.0.0.1:${port} }\n`)
  running = spawn('npx', ['decklog', 'up', '--demo', '--config', 'decklog.yaml'], {
    cwd: home,
    stdio: 'ignore',
    detached: true,
  })
  const url = `http://127.0.0.1:${port}`
  await until(async () => (await total(`${url}/api/search?query=rule.id:*&limit=1`)) > 0)
  expect(
    await total(`${url}/api/search?query=event.dataset:kubernetes.container_logs&limit=1`),
  ).toBeGreaterThan(0)
  expect(await (await fetch(url)).text()).toContain('<html')
  const script = await fetch(`${url}/main.js`)
  expect(script.headers.get('content-type')).toContain('javascript')
})

async function total(url: string): Promise<number> {
  try {
    const answer = (await (await fetch(url)).json()) as { total: { value: number } }
    return answer.total.value
  } catch {
    return 0
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('not within a minute')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
