import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { SourceConfig } from '../../src/sources/source-config.ts'
import { chainProblems, ShipYard, until } from './harness.ts'

/** xorshift32: the same seed gives the same history. */
function randomOf(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** A log with a writer, and everything that happens to logs. All lines are ended before a rotation, as log writers do. */
class LogHistory {
  written = ''
  #line = 0
  #rotation = 0
  #half = ''
  readonly #path: string
  readonly #random: (below: number) => number

  constructor(path: string, random: (below: number) => number) {
    this.#path = path
    this.#random = random
  }

  write(): void {
    for (let count = this.#random(300); count >= 0; count--)
      this.#append(`${this.#half}line ${this.#line++} ${'w'.repeat(this.#random(120))}\n`)
  }

  writeHalf(): void {
    this.finishLine()
    this.#half = 'half '
    appendFileSync(this.#path, this.#half)
  }

  finishLine(): void {
    if (this.#half !== '') this.#append(`${this.#half}done\n`)
  }

  rename(): void {
    this.finishLine()
    renameSync(this.#path, this.#rotatedPath())
    writeFileSync(this.#path, '')
  }

  copyTruncate(): void {
    this.finishLine()
    copyFileSync(this.#path, this.#rotatedPath())
    truncateSync(this.#path, 0)
  }

  pack(directory: string): void {
    const plain = readdirSync(directory)
      .filter((name) => /\.\d{3}$/.test(name))
      .sort()
    for (const name of plain.slice(0, -1)) {
      const path = join(directory, name)
      if (existsSync(`${path}.gz`)) continue
      writeFileSync(`${path}.tmp`, gzipSync(readFileSync(path)))
      const { atime, mtime } = statSync(path)
      utimesSync(`${path}.tmp`, atime, mtime)
      renameSync(`${path}.tmp`, `${path}.gz`)
      rmSync(path)
    }
  }

  #append(text: string): void {
    appendFileSync(this.#path, text.slice(this.#half.length))
    this.written += text
    this.#half = ''
  }

  #rotatedPath(): string {
    return `${this.#path}.${String(this.#rotation++).padStart(3, '0')}`
  }
}

async function live(seed: number): Promise<void> {
  await using yard = new ShipYard()
  const random = randomOf(seed)
  const isPod = seed % 2 === 0
  const directory = isPod ? join(yard.logs, 'ns_pod_uid/app') : yard.logs
  mkdirSync(directory, { recursive: true })
  const path = join(directory, isPod ? '0.log' : 'app.log')
  writeFileSync(path, '')
  const log = new LogHistory(path, random)
  const sources: SourceConfig[] = isPod
    ? [{ kind: 'pods', class: 'pod', path: yard.logs }]
    : [{ kind: 'file', class: 'node', format: 'text', paths: [path] }]
  let running = true
  // A file that is rotated before it was ever seen is none of ours, so the first look comes first.
  await (await yard.start(sources)).ready
  for (let step = 0; step < 40; step++) {
    const dice = random(20)
    if (dice < 9) log.write()
    else if (dice < 11) log.writeHalf()
    else if (dice < 14) log.rename()
    else if (dice < 15) log.copyTruncate()
    else if (dice < 16) log.pack(directory)
    else if (dice < 17 && running) await yard.stop()
    else if (dice < 18 && !running) await yard.start(sources)
    else if (dice < 19) yard.bus.hold = () => random(2) === 0
    else yard.bus.release()
    running = yard.role !== undefined
    // Files are told apart by their time, which the kernel counts in steps of 4 ms.
    const pauseMs = isPod ? 0 : 10
    await sleep(pauseMs + (random(3) === 0 ? random(80) : 0))
  }
  log.finishLine()
  yard.bus.release()
  if (!running) await yard.start(sources)
  const total = log.written.split('\n').length - 1
  await until(() => yard.records().size >= total, `all ${total} records of history ${seed}`)
  expect(yard.text()).toBe(log.written)
  expect(yard.losses()).toEqual([])
  expect(yard.streams()).toHaveLength(1)
  expect(chainProblems(yard.bus)).toEqual([])
}

for (let seed = 1; seed <= 12; seed++) {
  test(
    `history ${seed}: whatever happens to a log, each record comes once and in order`,
    { timeout: 60_000 },
    () => live(seed),
  )
}
