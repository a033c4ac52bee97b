import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { run } from '../../src/cli/program.ts'
import type { DeadLetter } from '../../src/roles/index/dead-letters.ts'
import { startTestServer, type TestServer } from '../support/test-server.ts'

interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

async function deadLetter(...args: string[]): Promise<Ended> {
  const printed = { stdout: '', stderr: '' }
  const taken = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      printed[name] += String(text)
      return true
    }),
  )
  const before = process.exitCode
  process.exitCode = 0
  try {
    const status = await run(['node', 'decklog', 'dead-letter', ...args])
    return { status, ...printed }
  } finally {
    process.exitCode = before
    for (const spy of taken) spy.mockRestore()
  }
}

describe('decklog dead-letter', () => {
  let server: TestServer
  const asked: string[][] = []
  beforeEach(async () => {
    asked.length = 0
    server = await startTestServer({
      replayDeadLetters: (ids) => {
        asked.push([...ids])
        const kept = ids.filter((id) => id === 'event:b:1').map((id) => ({ id, reason: 'not mended' }))
        return Promise.resolve({ replayed: ids.filter((id) => id !== 'event:b:1'), kept })
      },
    })
    await put('event:a:1', "failed to parse field [x] of type [date]: '1'")
    await put('event:a:2', "failed to parse field [x] of type [date]: '22'")
    await put('event:b:1', 'too large \u001b[31m')
  })
  afterEach(() => server.close())

  async function put(id: string, detail: string): Promise<void> {
    const letter: DeadLetter = {
      id,
      reason: 'rejected-by-store',
      detail,
      class: 'ssh',
      stream: id.split(':')[1]!,
      firstSeq: 1,
      count: 3,
      atMs: Date.now() - 3 * 36e5,
      kind: 'event-batch',
      bytes: '',
    }
    const body = { ...letter }
    await server.store.putRecord({ kind: 'dead-letter', id, version: 1, updatedMs: letter.atMs, body })
  }

  test('list groups what differs only in values, most letters first, and obeys no control characters', async () => {
    const { status, stdout } = await deadLetter('list', '--url', server.url)
    const [first, ...rest] = stdout.split('\n')
    expect(status).toBe(0)
    expect(first).toBe(
      "2 × rejected-by-store: failed to parse field [x] of type [date]: '…' (6 records, oldest 3 h ago)",
    )
    const ids = rest.slice(0, 2).map((line) => line.trim().split(/\s+/)[0])
    expect(new Set(ids)).toEqual(new Set(['event:a:1', 'event:a:2']))
    expect(rest[2]).toMatch(/^1 × rejected-by-store: too large \\x1b/)
  })

  test('list --group is a line a cause, --json too', async () => {
    const { stdout } = await deadLetter('list', '--url', server.url, '--group')
    expect(stdout.trim().split('\n')).toHaveLength(2)
    const asJson = await deadLetter('list', '--url', server.url, '--group', '--json')
    expect(JSON.parse(asJson.stdout.split('\n')[0]!)).toMatchObject({
      letters: 2,
      records: 6,
      classes: ['ssh'],
    })
  })

  test('replay --cause replays those of the cause and no others', async () => {
    const cause = "rejected-by-store: failed to parse field [x] of type [date]: '…'"
    const { status, stdout } = await deadLetter('replay', '--url', server.url, '--cause', cause)
    expect({ status, stdout }).toEqual({ status: 0, stdout: '2 replayed, 0 kept\n' })
    expect(asked.map((ids) => new Set(ids))).toEqual([new Set(['event:a:1', 'event:a:2'])])
  })

  test('replay says which stay and why, and ends with 1', async () => {
    const { status, stdout, stderr } = await deadLetter('replay', '--url', server.url, '--all')
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '2 replayed, 1 kept\n',
      stderr: 'event:b:1: not mended\n',
    })
  })

  test.each([
    ['nothing', [], /name ids, or --cause, or --all/],
    ['two ways at once', ['--all', '--cause', 'x'], /name ids, or --cause, or --all/],
    ['a cause that no letter has', ['--cause', 'nowhere'], /no dead letter has the cause "nowhere"/],
  ])('replay with %s is status 2 and replays nothing', async (_, args, message) => {
    const { status, stderr } = await deadLetter('replay', '--url', server.url, ...args)
    expect(status).toBe(2)
    expect(stderr).toMatch(message)
    expect(asked).toEqual([])
  })
})
