import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import { systemClock } from '../../src/app/system-clock.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { EventBatch } from '../../src/core/event-batch.ts'
import { type DuckdbStoreOptions, openDuckdbStore } from '../../src/store/duckdb/duckdb-store.ts'
import type { Store } from '../../src/ports/store.ts'
import type { StorePlace } from '../contracts/store.ts'

export interface DuckdbPlace extends StorePlace {
  readonly directory: string
  open(options?: Partial<DuckdbStoreOptions>): Promise<Store>
  writeAndDie(
    batches: readonly EventBatch[],
    faults: string,
    options?: { readonly searchableBetween?: boolean; readonly expire?: boolean },
  ): Promise<number>
}

/** A directory for an embedded store, deleted with the place. */
export async function duckdbPlace(): Promise<DuckdbPlace> {
  const directory = await mkdtemp(join(tmpdir(), 'decklog-store-'))
  return {
    directory,
    open: (options = {}) =>
      openDuckdbStore({
        directory,
        clock: systemClock,
        telemetry: new Telemetry(),
        indexIntervalMs: 10,
        ...options,
      }),
    writeAndDie: (batches, faults, options = {}) => {
      const then = options.expire ? 'expire' : options.searchableBetween ? 'wait' : ''
      return writeAndDie(directory, batches, [faults, then])
    },
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function writeAndDie(
  directory: string,
  batches: readonly EventBatch[],
  [faults, then]: readonly [string, string],
): Promise<number> {
  const file = join(tmpdir(), `decklog-batches-${process.pid}-${Date.now()}`)
  await writeFile(file, serialize(batches))
  try {
    const script = new URL('../store/crash-child.ts', import.meta.url).pathname
    const child = spawn(process.execPath, [script, directory, file, faults, then], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    const signal = await new Promise((resolve) => child.on('close', (_code, by) => resolve(by)))
    if (signal !== 'SIGKILL') throw new Error(`the child was not killed at ${faults}: ${errors}`)
    return output.split('answered').length - 1
  } finally {
    await rm(file, { force: true })
  }
}
