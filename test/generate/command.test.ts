import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bytesOnDisk, sha256 } from './building.ts'

const RUN = `
import { generateCommand } from ${JSON.stringify(new URL('../../src/cli/generate.ts', import.meta.url).href)}
generateCommand().parseAsync(process.argv.slice(1), { from: 'user' }).catch((error) => {
  process.stderr.write(error.message)
  process.exitCode = error.code === 'usage' ? 2 : 1
})`

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(flags: readonly string[]): { readonly ended: Promise<Ended>; readonly terminate: () => void } {
  const child = spawn(process.execPath, ['--input-type=module', '-e', RUN, '--', ...flags])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (status) => resolve({ status, stdout, stderr })),
  )
  return { ended, terminate: () => child.kill('SIGTERM') }
}

const emptyDirectory = (): string => mkdtempSync(join(tmpdir(), 'decklog-generate-command-'))

describe('decklog generate', () => {
  it('prints the truth on stdout and nothing else there, and writes the same to --truth', async () => {
    const out = emptyDirectory()
    const file = join(emptyDirectory(), 'truth.json')
    const { status, stdout, stderr } = await start(['--out', out, '--records', '2000', '--truth', file]).ended
    expect([status, stderr]).toEqual([0, expect.stringContaining('wrote 2000 records')])
    const truth = JSON.parse(stdout)
    expect(truth.totals.records).toBe(2000)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(truth)
    for (const stream of truth.streams) expect(sha256(bytesOnDisk(out, stream))).toBe(stream.sha256)
  })

  it('follows until SIGTERM, then says the truth', async () => {
    const out = emptyDirectory()
    const running = start(['--out', out, '--rate', '2000', '--follow', '--rotate', '20kB'])
    const audit = { files: ['auth.log'] }
    while (bytesOnDisk(out, audit).length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
    running.terminate()
    const { status, stdout } = await running.ended
    expect(status).toBe(0)
    const truth = JSON.parse(stdout)
    expect(truth.totals.records).toBeGreaterThan(0)
    for (const stream of truth.streams) expect(sha256(bytesOnDisk(out, stream))).toBe(stream.sha256)
  })

  it.each([
    [['--records', 'many'], 'a whole number is needed'],
    [['--size', '5 apples'], 'a size is needed'],
    [['--rotate', '--copytruncate'], 'choose --rotate or --copytruncate'],
    [['--records', '10'], 'need at least'],
    [['--colour', 'red'], 'unknown option'],
  ])('refuses %j in one sentence', async (flags, sentence) => {
    const { status, stdout, stderr } = await start(['--out', emptyDirectory(), ...flags]).ended
    expect(status).not.toBe(0)
    expect(stdout).toBe('')
    expect(stderr).toContain(sentence)
  })

  it('does not write over what is there', async () => {
    const out = emptyDirectory()
    writeFileSync(join(out, 'auth.log'), 'mine\n')
    const { status, stderr } = await start(['--out', out]).ended
    expect([status, stderr]).toEqual([2, expect.stringContaining('is not empty')])
    expect(readFileSync(join(out, 'auth.log'), 'utf8')).toBe('mine\n')
  })
})
