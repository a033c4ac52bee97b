import { readFileSync } from 'node:fs'
import { deserialize } from 'node:v8'
import { systemClock } from '../../src/app/system-clock.ts'
import type { EventBatch } from '../../src/core/event-batch.ts'
import { armFaults } from '../../src/core/faults.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { ElasticsearchOptions } from '../../src/store/elasticsearch/connection.ts'
import { openElasticsearchStore } from '../../src/store/elasticsearch/elasticsearch-store.ts'

/** Writes the batches of a file, says so on stdout after each answer, and dies at the armed step. */
const [prefix, file, faults] = process.argv.slice(2) as [string, string, string]
const given = deserialize(readFileSync(file)) as { server: ElasticsearchOptions; batches: EventBatch[] }
const store = await openElasticsearchStore({
  ...given.server,
  clock: systemClock,
  telemetry: new Telemetry(),
  prefix,
})
armFaults(faults)
for (const batch of given.batches) {
  await store.write([batch])
  process.stdout.write('answered\n')
}
await store.close()
