import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommanderError } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exitStatusOf } from '../../src/cli/exit.ts'
import { searchCommand, type SearchEnvironment } from '../../src/cli/search.ts'
import { DecklogError } from '../../src/core/errors.ts'
import type { JsonObject } from '../../src/core/document.ts'
import { batchOf, streamName } from '../support/event-batches.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { terminal } from '../support/terminal.ts'
import { startTestServer, testClock, type TestServer } from '../support/test-server.ts'

const LOGINS: readonly JsonObject[] = [
  {
    message: 'Failed password for root',
    user: { name: 'root' },
    host: { name: 'worker-1' },
    event: { outcome: 'failure', action: 'ssh_login' },
  },
  {
    message: 'Accepted publickey for dana',
    user: { name: 'dana' },
    host: { name: 'worker-1' },
    event: { outcome: 'success', action: 'ssh_login' },
  },
  {
    message: 'Failed password for dana',
    user: { name: 'dana' },
    host: { name: 'worker-2' },
    event: { outcome: 'failure', action: 'ssh_login' },
  },
]

let nowhere: string

beforeAll(async () => {
  nowhere = await mkdtemp(join(tmpdir(), 'decklog-search-'))
})
afterAll(() => rm(nowhere, { recursive: true }))

describe('what it prints', () => {
  test('in a pipe: NDJSON, every document as it was written', async () => {
    await using server = await startTestServer()
    const text =
      '{"@timestamp":"2026-11-24T09:00:00Z","message":"big\u202e \\u001b[31m","n":12345678901234567890}'
    await server.store.write([batchOf([text])])
    const ran = await search(['--url', server.url, 'n: *'])
    expect(ran).toMatchObject({ status: 0, stderr: '' })
    expect(ran.stdout).toBe(`${text.slice(0, -1)},"id":"${streamName(1)}:0"}\n`)
  })

  test('on a terminal: a table, without colours where there are none', async () => {
    await using server = await loginServer()
    const ran = await search(['--url', server.url, 'failed'], { isTTY: true, columns: 110 })
    expect(ran.stdout.split('\n')).toEqual([
      'TIME (UTC)               WHERE                        WHAT               MESSAGE',
      '2026-11-24T09:00:02.000Z worker-2                     ssh_login          Failed password for dana',
      '2026-11-24T09:00:00.000Z worker-1                     ssh_login          Failed password for root',
      '',
    ])
  })

  test('with colours where the terminal has them, and cut to its width', async () => {
    await using server = await loginServer()
    const ran = await search(['--url', server.url, 'accepted or failed', '--limit', '1'], {
      isTTY: true,
      columns: 69,
      colours: true,
    })
    expect(ran.stdout).toContain('\u001b[2m11-24 09:00:02\u001b[0m')
    expect(ran.stdout).toContain('\u001b[31mFailed password for…\u001b[0m')
  })

  test('a table says which rule tagged an event, and how bad it is', async () => {
    await using server = await startTestServer()
    const rule = { name: ['SSH login to a node', 'SSH login as root'] }
    const login = {
      message: 'Accepted',
      event: { action: 'ssh_login' },
      rule,
      tags: ['x', 'decklog.level.high'],
    }
    const line = { message: 'quiet', log: { level: 'warn' }, event: { dataset: 'kubernetes.container_logs' } }
    await server.store.write([batchOf([login, line])])
    const wide = await search(['--url', server.url, '--format', 'table'])
    expect(wide.stdout).toContain('ssh_login          [high: SSH login to a node +1] Accepted\n')
    expect(wide.stdout).toContain('warn               quiet\n')
    const narrow = await search(['--url', server.url], { isTTY: true, columns: 80, colours: true })
    expect(narrow.stdout).toContain('\u001b[31m[high: SSH login to a node +1] \u001b[0m\n')
  })

  test('a log line cannot command the terminal', async () => {
    await using server = await startTestServer()
    const hostile = 'a\u001b]0;owned\u0007 \u009b31m \u202egnp.exe \u200b \r\n\u0000 \u2028 b'
    await server.store.write([batchOf([{ message: hostile, host: { name: 'h\u001b[2J' } }])])
    for (const format of ['table', 'ndjson', 'csv']) {
      const ran = await search(['--url', server.url, '--format', format], { isTTY: true, columns: 500 })
      expect(ran.stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }
    const json = await search(['--url', server.url, '--format', 'ndjson'], { isTTY: true })
    expect((JSON.parse(json.stdout) as { message: string }).message).toBe(hostile)
    const table = await search(['--url', server.url], { isTTY: true, columns: 500 })
    expect(table.stdout).toContain(
      'a\\x1b]0;owned\\x07 \\x9b31m \\u202egnp.exe \\u200b \\r\\n\\x00 \\u2028 b',
    )
  })

  test('CSV comes from the API, formulas disarmed', async () => {
    await using server = await startTestServer()
    await server.store.write([batchOf([{ message: '=1+1' }])])
    const ran = await search(['--url', server.url, '--format', 'csv'])
    expect(ran.stdout).toMatch(/^@timestamp,.*\r?\n2026-11-24T09:00:00.000Z,.*,'=1\+1,0+1:0\r?\n$/)
  })

  test('a count is exact', async () => {
    await using server = await loginServer()
    expect(await search(['--url', server.url, 'failed', '--count'])).toEqual({
      status: 0,
      stdout: '2\n',
      stderr: '',
    })
  })

  test('nothing found is an answer', async () => {
    await using server = await loginServer()
    expect(await search(['--url', server.url, 'nothing-like-it'])).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    })
  })

  test('more than was printed is said', async () => {
    await using server = await loginServer()
    const ran = await search(['--url', server.url, '--limit', '2'])
    expect(ran.stdout.trimEnd().split('\n')).toHaveLength(2)
    expect(ran.stderr).toBe('decklog: printed 2 of 3 events, newest first; --limit 0 prints all\n')
  })

  test.each(['0', 'all'])('--limit %s prints everything', async (limit) => {
    await using server = await startTestServer({ limits: { exportPageBytes: 10_000 } })
    await server.store.write([batchOf(Array.from({ length: 3_000 }, (_, n) => ({ n })))])
    const ran = await search(['--url', server.url, '--limit', limit, '--order', 'oldest'])
    const numbers = ran.stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { n: number }).n)
    expect(numbers).toEqual(Array.from({ length: 3_000 }, (_, n) => n))
    expect(ran.stderr).toBe('')
  })

  test('a time range, several words, and notes on the query', async () => {
    await using server = await loginServer()
    const ran = await search([
      '--url',
      server.url,
      '--from',
      '2026-11-24T09:00:01Z',
      '--to',
      'now',
      'user.name:',
      '*a',
    ])
    expect(ran.stdout.trimEnd().split('\n')).toHaveLength(2)
    expect(ran.stderr).toMatch(/at character 12 of the query: a wildcard in front is dear/)
  })

  test('what is declared lost is said', async () => {
    await using server = await startTestServer()
    const batch = batchOf(LOGINS)
    await server.store.write([
      { ...batch, covers: [{ first: 3, last: 8, reason: 'lost', detail: 'truncated' }] },
    ])
    expect((await search(['--url', server.url])).stderr).toBe(
      'decklog: class ssh: 6 records declared lost in this time\n',
    )
  })

  test('context shows the stream around an event, and marks it', async () => {
    await using server = await loginServer()
    const id = `${streamName(1)}:1`
    const ran = await search(['--url', server.url, '--context', id, '--before', '1', '--after', '0'], {
      isTTY: true,
    })
    expect(ran.stderr).toBe('')
    expect(ran.stdout.split('\n').map((line) => line.slice(0, 4))).toEqual(['  TI', '  20', '> 20', ''])
    const all = await search(['--url', server.url, '--context', id])
    expect(all.stdout.trimEnd().split('\n')).toHaveLength(3)
  })

  test('a reader that goes ends it, without an error', async () => {
    await using server = await startTestServer()
    await server.store.write([batchOf(Array.from({ length: 2_000 }, () => ({ message: 'x'.repeat(500) })))])
    const stdout = terminal()
    const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
    stdout._write = (_chunk, _encoding, done) => done(broken)
    expect(await search(['--url', server.url, '--limit', '0'], { stdout })).toMatchObject({
      status: 0,
      stderr: '',
    })
  })
})

test('a full disk behind stdout is said, and so is an answer that breaks off', async () => {
  await using server = await startTestServer({ limits: { exportPageBytes: 1_000 } })
  await server.store.write([batchOf(Array.from({ length: 2_000 }, () => ({ message: 'x' })))])
  const stdout = terminal()
  stdout._write = (_chunk, _encoding, done) => done(Object.assign(new Error('write'), { code: 'ENOSPC' }))
  const full = await search(['--url', server.url, '--limit', '0'], { stdout })
  expect(full).toMatchObject({ status: 3, stderr: expect.stringContaining('the disk is full') as string })
  let pages = 0
  server.store.onRead = (call) =>
    call === 'search' && ++pages > 4 ? Promise.reject(new Error('gone')) : Promise.resolve()
  const broken = await search(['--url', server.url, '--limit', '0'])
  expect(broken.status).toBe(3)
  expect(broken.stderr).toMatch(/broke off|does not answer any more/)
})

describe('follow', () => {
  test('prints what arrives until it is stopped', async () => {
    await using server = await startTestServer()
    const stop = new AbortController()
    const stdout = terminal()
    const running = search(['--url', server.url, '--follow', 'failed'], { stdout, signal: stop.signal })
    await tailing(server)
    await server.store.write([batchOf(LOGINS)])
    await until(() => stdout.text.split('\n').length === 3)
    stop.abort()
    expect(await running).toMatchObject({ status: 0, stderr: '' })
    expect(stdout.text).toContain('Failed password for root')
  })

  test('goes on where it was when decklog comes back', async () => {
    const first = await startTestServer()
    const { port } = new URL(first.url)
    const stop = new AbortController()
    const stdout = terminal()
    const stderr = terminal()
    const running = search(['--url', first.url, '--follow'], { stdout, stderr, signal: stop.signal })
    await tailing(first)
    await first.store.write([batchOf(LOGINS)])
    await until(() => stdout.text.split('\n').length === 4)
    await first.close()
    await first.store.write([batchOf([{ message: 'while it was away' }], { firstSeq: 3 })])
    await using second = await startTestServer({
      store: first.store,
      listen: { host: '127.0.0.1', port: Number(port) },
    })
    expect(second.url).toBe(first.url)
    await until(() => stdout.text.includes('while it was away'))
    stop.abort()
    expect((await running).status).toBe(0)
    expect(stdout.text.split('\n')).toHaveLength(5)
    expect(stderr.text).toMatch(/has ended the stream: asking again/)
  })
})

describe('whom it asks', () => {
  test('the data directory, when it is named', async () => {
    const store = new MemoryStore()
    await store.write([batchOf(LOGINS)])
    const opened: string[] = []
    const openStore = (dir: string): Promise<MemoryStore> => {
      opened.push(dir)
      return Promise.resolve(store)
    }
    const ran = await search(['--data', nowhere, 'failed', '--count'], { openStore })
    expect(ran).toEqual({ status: 0, stdout: '2\n', stderr: '' })
    expect(opened).toEqual([nowhere])
    const wrong = await search(['--data', nowhere, 'user.name:'], { openStore })
    expect(wrong.status).toBe(2)
    const followed = await search(['--data', nowhere, '--follow'], { openStore })
    expect(followed).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('needs a running decklog') as string,
    })
  })

  test('a data directory that is not there, or an address that is none', async () => {
    const openStore = (): Promise<MemoryStore> => Promise.resolve(new MemoryStore())
    const missing = await search(['--data', join(nowhere, 'none')], { openStore })
    expect(missing).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('there is no data directory') as string,
    })
    const odd = await search(['--url', 'decklog:7700'])
    expect(odd).toMatchObject({ status: 2, stderr: expect.stringContaining('is no address') as string })
  })

  test('nothing answers, or something else does', async () => {
    await using closed = await startTestServer()
    await closed.close()
    const none = await search(['--url', closed.url])
    expect(none.status).toBe(3)
    expect(none.stderr).toBe(
      `no decklog at ${closed.url}: nothing answers there; correct --url, or start it with "decklog up"`,
    )
    const other = createServer((_request, response) => response.end('<html>hello</html>'))
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    const foreign = await search(['--url', address])
    other.close()
    expect(foreign.stderr).toContain('what answers there is no decklog')
  })
})

describe('wrong usage ends with 2', () => {
  test.each<[string[], RegExp]>([
    [['user.name:'], /expected a value for "user.name", found the end\n {2}user.name:\n {12}\^/],
    [['--from', 'yesterday'], /"from" is a time such as/],
    [['--limit', 'many'], /whole number/],
    [['--count', '--follow'], /do not go together/],
    [['--context', 'x', 'word'], /takes no query/],
    [['--context', 'x'], /"id" is the id of an event/],
    [['--context', `${streamName(7)}:1`], /there is no event/],
    [['--before', '3'], /go with --context/],
    [['--follow', '--from', 'now'], /from now on/],
    [['--follow', '--format', 'csv'], /csv is for plain searches/],
    [['--nonsense'], /unknown option/],
  ])('%j', async (words, expected) => {
    await using server = await startTestServer()
    const ran = await search(['--url', server.url, ...words])
    expect(ran.status).toBe(2)
    expect(ran.stdout).toBe('')
    expect(ran.stderr).toMatch(expected)
  })
})

test('--help has examples', () => {
  let help = ''
  searchCommand()
    .configureOutput({ writeOut: (text) => (help += text) })
    .outputHelp()
  expect(help).toContain("decklog search 'failed password'")
  expect(help).toContain('Exit status: 0 answered')
})

type Run = { status: number; stdout: string; stderr: string }
type RunOptions = { isTTY?: boolean; columns?: number; colours?: boolean } & SearchEnvironment

/** Runs the command as `decklog` does: an error becomes its sentence and its exit status. */
async function search(words: readonly string[], options: RunOptions = {}): Promise<Run> {
  const stdout = options.stdout ?? terminal(options)
  const stderr = options.stderr ?? terminal()
  let said = ''
  const command = searchCommand({ ...options, stdout, stderr })
  command
    .exitOverride()
    .configureOutput({ writeErr: (text) => (said += text), writeOut: (text) => (said += text) })
  let status = 0
  try {
    await command.parseAsync(words, { from: 'user' })
  } catch (error) {
    if (error instanceof DecklogError) {
      status = exitStatusOf(error)
      said += error.message
    } else if (error instanceof CommanderError) status = error.exitCode === 0 ? 0 : 2
    else throw error
  }
  return {
    status,
    stdout: (stdout as { text?: string }).text ?? '',
    stderr: ((stderr as { text?: string }).text ?? '') + said,
  }
}

async function loginServer(): Promise<TestServer> {
  const server = await startTestServer()
  await server.store.write([batchOf(LOGINS)])
  return server
}

/** Waits until somebody tails the store: from there on it sees what arrives. */
async function tailing(server: TestServer): Promise<void> {
  let looks = 0
  server.store.onRead = (call) => {
    if (call === 'scan') looks++
    return Promise.resolve()
  }
  await until(() => looks >= 2)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await testClock.sleep(2)
}
