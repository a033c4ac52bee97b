import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { decodeRawBatch } from '../../src/codec/raw-batch.ts'
import type { SourceConfig } from '../../src/sources/source-config.ts'
import { chainProblems, ShipYard, until } from './harness.ts'
import type { ChildOptions } from './ship-child.ts'

const CHILD = fileURLToPath(new URL('ship-child.ts', import.meta.url))

function startChild(yard: ShipYard, sources: readonly SourceConfig[], faults = ''): ChildProcess {
  const options: ChildOptions = {
    sources,
    dataDirectory: yard.dataDirectory,
    out: join(yard.directory, 'published'),
    faults,
  }
  return spawn(process.execPath, [CHILD, JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'pipe'] })
}

async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

/** Reads what the children published; a frame that a kill cut off was never acknowledged. */
function load(yard: ShipYard): void {
  const path = join(yard.directory, 'published')
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
  yard.bus.batches.length = 0
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    if (at + 4 + length > bytes.length) break
    const value = bytes.subarray(at + 4, at + 4 + length)
    yard.bus.batches.push({ topic: '', batch: decodeRawBatch(value), bytes: Buffer.from(value) })
    at += 4 + length
  }
}

function lines(from: number, count: number): string {
  return Array.from({ length: count }, (_, i) => `line ${from + i} ${'x'.repeat((from + i) % 97)}\n`).join('')
}

test('killed 12 times while lines flow and files rotate: every record once, every repeat the same to the byte', {
  timeout: 120_000,
}, async () => {
  await using yard = new ShipYard()
  const directory = join(yard.logs, 'shop_web-1_0a1b/nginx')
  mkdirSync(directory, { recursive: true })
  const path = join(directory, '0.log')
  const sources: SourceConfig[] = [{ kind: 'pods', class: 'pod', path: yard.logs }]
  let written = 0
  let rotations = 0
  const write = (count: number): void => {
    appendFileSync(path, lines(written, count))
    written += count
  }
  write(1)
  for (let kill = 0; kill < 12; kill++) {
    const child = startChild(yard, sources)
    for (let step = 0; step < 5 + (kill % 4) * 4; step++) {
      write(500)
      await sleep(20)
      if (step % 5 !== 4) continue
      const rotated = `${path}.20261124-${String(rotations++).padStart(6, '0')}`
      renameSync(path, rotated)
      write(1)
      if (rotations % 2 === 0) {
        writeFileSync(`${rotated}.tmp`, gzipSync(readFileSync(rotated)))
        renameSync(`${rotated}.tmp`, `${rotated}.gz`)
        rmSync(rotated)
      }
    }
    await sleep(100 + kill * 25)
    await end(child, 'SIGKILL')
  }
  const child = startChild(yard, sources)
  await until(() => (load(yard), yard.records().size >= written), `all ${written} records`)
  await end(child, 'SIGTERM')
  load(yard)
  expect(yard.text()).toBe(lines(0, written))
  expect(yard.losses()).toEqual([])
  expect(yard.streams()).toHaveLength(1)
  expect(chainProblems(yard.bus)).toEqual([])
})

for (const step of [
  'cut-journaled',
  'batch-published',
  'checkpoint-before',
  'checkpoint-inside',
  'cut-journal-write',
]) {
  for (const time of [1, 2]) {
    test(`killed at ${step}, the ${time}. time: nothing is missing and repeats are the same`, async () => {
      await using yard = new ShipYard()
      mkdirSync(yard.logs)
      const path = join(yard.logs, 'auth.log')
      const sources: SourceConfig[] = [{ kind: 'file', class: 'ssh', format: 'syslog', paths: [path] }]
      // Enough cuts to fold the journal, so that a checkpoint is written while others wait.
      writeFileSync(path, lines(0, 20_000))
      const first = startChild(yard, sources, `${step}=kill@${time}`)
      for (let round = 0; round < 400 && first.signalCode === null; round++) {
        if (round === 200 && step.startsWith('checkpoint')) first.kill('SIGTERM')
        appendFileSync(path, lines(20_000 + round, 1))
        await sleep(10)
      }
      const total = readFileSync(path, 'latin1').split('\n').length - 1
      await until(() => first.signalCode !== null, 'the shipper kills itself')
      expect(first.signalCode).toBe('SIGKILL')
      const second = startChild(yard, sources)
      await until(() => (load(yard), yard.records().size >= total), 'all records')
      await end(second, 'SIGTERM')
      load(yard)
      expect(yard.text()).toBe(readFileSync(path, 'latin1'))
      expect(yard.losses()).toEqual([])
      expect(chainProblems(yard.bus)).toEqual([])
    })
  }
}
