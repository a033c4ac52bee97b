import { existsSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { DecklogError } from '../core/errors.ts'
import { Telemetry } from '../core/telemetry.ts'
import type { Store } from '../ports/store.ts'
import { openDuckdbStore } from '../store/duckdb/duckdb-store.ts'
import { layoutOf } from './places.ts'
import { readBeside } from './read-beside.ts'
import { systemClock } from './system-clock.ts'

/** A data directory, to read only: also beside a decklog that runs, or was killed. @throws {DecklogError} `unreachable` */
export function openDataDirectory(dataDir: string): Promise<Store> {
  const directory = layoutOf(resolve(dataDir)).store
  if (!existsSync(directory)) {
    return Promise.reject(
      new DecklogError(
        'unreachable',
        `${dataDir} holds no decklog data; name the folder of a decklog with --data`,
      ),
    )
  }
  return readBeside({
    open: () =>
      openDuckdbStore({ directory, clock: systemClock, telemetry: new Telemetry(), readOnly: true }),
    sleep: (ms) => systemClock.sleep(ms),
    files: () => readdirSync(directory).filter((name) => name.startsWith('journal-')),
  })
}
