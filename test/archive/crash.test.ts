import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { listAll, readAll } from '../contracts/archive.ts'
import { rawChain } from '../support/raw-batches.ts'
import { emptyDirectory, openAt } from './local-place.ts'

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)

/** Appends the batches of one chain from a number on, says each that is acknowledged, seals after every fifth. */
const APPENDER = `
import { armFaults } from ${url('../../src/core/faults.ts')}
import { openAt } from ${url('./local-place.ts')}
import { rawChain } from ${url('../support/raw-batches.ts')}
const [directory, faults, from, to] = process.argv.slice(1)
const archive = await openAt(directory)
armFaults(faults)
const chain = rawChain(Number(to))
for (let i = Number(from); i < chain.length; i++) {
  await archive.append([{ batch: chain[i], receivedMs: i }])
  process.stdout.write(i + '\\n')
  if (i % 5 === 4) await archive.seal({ all: true })
}
await archive.close()`

interface Run {
  readonly acknowledged: readonly number[]
  readonly signal: NodeJS.Signals | null
}

function appendInChild(directory: string, faults: string, from: number, to: number): Promise<Run> {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', APPENDER, '--', directory, faults, String(from), String(to)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let stdout = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  return new Promise((resolve) => {
    child.on('close', (_, signal) =>
      resolve({ acknowledged: stdout.split('\n').filter(Boolean).map(Number), signal }),
    )
  })
}

describe('the process is killed', () => {
  it.each([
    'archive-append=kill@1',
    'archive-append=kill@2',
    'archive-append=kill@4',
    'archive-append=kill@7',
    'archive-append=kill@8',
    'seal-inside=kill@1',
    'seal-inside=kill@2',
  ])('at %s: what was acknowledged is there once, and the rest comes again', async (faults) => {
    const directory = emptyDirectory()
    const killed = await appendInChild(directory, faults, 0, 12)
    expect(killed.signal).toBe('SIGKILL')
    // The bus delivers again all that was not acknowledged, and perhaps a little more.
    const acknowledged = killed.acknowledged.length
    const next = await appendInChild(directory, '', Math.max(0, acknowledged - 1), 12)
    expect(next.signal).toBeNull()
    await using archive = await openAt(directory)
    await archive.seal({ all: true })
    const manifests = await listAll(archive)
    const repeated = manifests.flatMap((manifest) => manifest.repeated ?? []).flatMap(({ ranges }) => ranges)
    const found: number[] = []
    for (const { name } of manifests)
      found.push(...(await readAll(archive, name)).map(({ batch }) => batch.firstSeq))
    // A batch may stand in two segments only where a seal came between, and then the listing says so.
    expect(found.length - new Set(found).size).toBe(repeated.length)
    expect([...new Set(found)].sort((left, right) => left - right)).toEqual(
      rawChain(12).map(({ firstSeq }) => firstSeq),
    )
    expect(readdirSync(join(directory, 'open'))).toEqual([])
  })

  it('has every batch it acknowledged, also when nothing is sent again', async () => {
    const directory = emptyDirectory()
    const { acknowledged } = await appendInChild(directory, 'archive-append=kill@4', 0, 12)
    expect(acknowledged.length).toBeGreaterThan(1)
    await using archive = await openAt(directory)
    const [manifest] = await archive.seal({ all: true })
    expect((await readAll(archive, manifest!.name)).map(({ batch }) => batch.firstSeq / 2)).toEqual(
      acknowledged,
    )
  })
})
