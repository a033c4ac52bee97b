import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { run } from '../../src/cli/program.ts'

interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command in this process: what it prints is taken, and its status is what a shell would see. */
async function decklog(...args: string[]): Promise<Ended> {
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
    const status = await run(['node', 'decklog', 'rules', ...args])
    return { status, ...printed }
  } finally {
    process.exitCode = before
    for (const spy of taken) spy.mockRestore()
  }
}

describe('decklog rules', () => {
  let pipelines: string
  const rulePath = (): string => join(pipelines, 'rules/ssh/login-failed.yml')

  beforeAll(async () => {
    pipelines = await mkdtemp(join(tmpdir(), 'decklog-rules-'))
    await cp('pipelines', pipelines, { recursive: true })
  })
  afterAll(() => rm(pipelines, { recursive: true }))

  it('lists rules with what they run on', async () => {
    const { status, stdout, stderr } = await decklog('list', 'ssh', '--json')
    const rules = JSON.parse(stdout) as {
      title: string
      level: string
      datasets: string[]
      samples: number
    }[]
    expect(status).toBe(0)
    expect(stderr).toBe('')
    expect(rules).toContainEqual(
      expect.objectContaining({ title: 'SSH login as root', level: 'high', datasets: ['system.auth'] }),
    )
    const table = await decklog('list', 'ssh')
    expect(table.stdout).toMatch(/^high +ssh +s08 +SSH login as root$/m)
  })

  it('plays the samples of all rules', async () => {
    const { status, stdout } = await decklog('test')
    expect(stdout).toMatch(/^\d+ rules, \d+ samples, 0 failed\n$/)
    expect(status).toBe(0)
  })

  it('says where a sample stands that did not do what it says, and exits with 1', async () => {
    const text = await readFile(rulePath(), 'utf8')
    await writeFile(rulePath(), text.replace('event.outcome: failure', 'event.outcome: success'))
    const { status, stdout } = await decklog('test', 'ssh', '--pipelines', pipelines)
    await writeFile(rulePath(), text)
    const line = text.split('\n').findIndex((one) => one.includes('A wrong password')) + 1
    expect(status).toBe(1)
    expect(stdout).toContain(`login-failed.yml:${line}: "SSH login failed" should match "A wrong password`)
  })

  it('says file, line and what to write instead of a wrong rule, and exits with 2', async () => {
    const file = join(pipelines, 'rules/ssh/wrong.yml')
    const text = await readFile(rulePath(), 'utf8')
    const wrong = text.replace(/^id: .*$/m, 'id: 11111111-1111-4111-8111-111111111111')
    await writeFile(file, wrong.replace('    event.action:', '    event.action|contians:'))
    const line = text.split('\n').findIndex((one) => one.includes('event.action:')) + 1
    for (const action of ['check', 'test', 'list']) {
      const { status, stdout, stderr } = await decklog(action, file, '--pipelines', pipelines)
      expect(status, action).toBe(2)
      expect(action === 'check' ? stdout : stderr).toContain(
        `wrong.yml:${line}: unknown modifier "contians"; write one of: all, cased`,
      )
    }
    const all = await decklog('check', '--json', '--pipelines', pipelines)
    expect(JSON.parse(all.stdout)).toMatchObject({ problems: [{ severity: 'error', line }] })
    await rm(file)
  })

  it('says of a correlation that it is not supported yet, and goes on', async () => {
    const folder = join(pipelines, 'rules/later')
    await mkdir(folder)
    await writeFile(join(folder, 'c.yml'), 'title: many\ncorrelation:\n  type: event_count\n')
    const { status, stdout } = await decklog('check', 'later', '--pipelines', pipelines)
    await rm(folder, { recursive: true })
    expect(stdout).toContain('c.yml:2: "correlation:" is not supported yet')
    expect(status).toBe(0)
  })

  it('refuses what it does not know', async () => {
    expect(await decklog('check', 'nowhere')).toMatchObject({ status: 2, stdout: '' })
    expect(await decklog('list', '--nonsense')).toMatchObject({ status: 2, stdout: '' })
    expect(await decklog('list', '--pipelines', join(pipelines, 'none'))).toMatchObject({ status: 2 })
  })
})
