import { readFileSync } from 'node:fs'
import { deserialize } from 'node:v8'
import { systemClock } from '../../src/app/system-clock.ts'
import { type EventBatch, EventIndex } from '../../src/core/event-batch.ts'
import { armFaults } from '../../src/core/faults.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { openDuckdbStore } from '../../src/store/duckdb/duckdb-store.ts'
import { searchable } from '../support/store.ts'

/**
 * Writes the batches of a file into a store, says so on stdout after each answer, and dies at the armed step. `wait`: each
 * batch is searchable before the next is written; `expire`: that, and in the end all of it expires.
 */
const [directory, file, faults, then] = process.argv.slice(2) as [string, string, string, string]
const store = await openDuckdbStore({
  directory,
  clock: systemClock,
  telemetry: new Telemetry(),
  indexIntervalMs: 10,
})
armFaults(faults)
let count = 0
for (const batch of deserialize(readFileSync(file)) as EventBatch[]) {
  await store.write([batch])
  process.stdout.write('answered\n')
  count += new EventIndex(batch).count
  if (then !== '') await searchable(store, count)
}
if (then === 'expire') {
  await store.expire([{ class: 'ssh', hotMs: 1, whenFull: 'refuse' }], Date.UTC(2030, 0), async () => true)
}
// Merges and retention are reached later; a child that was to die there does not get so far.
await new Promise((resolve) => setTimeout(resolve, 20_000))
