/**
 * decklog on many machines, on one: all roles in processes of their own, on a broker and an Elasticsearch of its own, while
 * everything that can go wrong does, in `rounds`, each in another order. Then every record is compared:
 *   node benchmarks/distributed-soak.ts [--records 2000000] [--rate 8000] [--rounds 1] [--pause-seconds 20] [--seed N] [--json FILE]
 * Needs DECKLOG_TEST_KAFKA_PID and DECKLOG_TEST_ELASTICSEARCH_PID: servers whose programs can be used. They are left alone.
 * SIGUSR2 ends the writing: then what was written until then is compared.
 * Prints counts, and ends with status 1 when anything is missing, doubled or altered.
 */
import { parseArgs } from 'node:util'
import { noEngines } from '../test/integrity/distributed/support/engine-process.ts'
import { startEngines } from '../test/integrity/distributed/support/engines.ts'
import { storm, type StormReport } from '../test/integrity/distributed/support/troubles.ts'
import { sail, type VoyageReport } from '../test/integrity/distributed/support/voyage.ts'
import { report, type Subject } from './support/measurement.ts'
import { soakMeasurements } from './support/soak-measurements.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '2000000' },
    rate: { type: 'string', default: '8000' },
    rounds: { type: 'string', default: '1' },
    'pause-seconds': { type: 'string', default: '20' },
    pods: { type: 'string', default: '24' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'string' },
  },
})

if (noEngines !== undefined) {
  process.stderr.write(`${noEngines}\n`)
  process.exit(2)
}
const seed = Number(values.seed)
process.stderr.write(`seed ${seed}\n`)
await using engines = await startEngines({ kafka: 768, elasticsearch: 1536 })
let troubles: StormReport | undefined
const voyage = await sail({
  engines,
  cluster: 'soak',
  records: Number(values.records),
  ratePerSecond: Number(values.rate),
  pods: Number(values.pods),
  seed,
  rotateBytes: 2 * 1024 * 1024,
  graceMs: 300_000,
  arriveMsMax: 1_200_000,
  onProgress: (text) => process.stderr.write(`${text}\n`),
  async troubles(started) {
    process.once('SIGUSR2', started.stopWriting)
    troubles = await storm(started, {
      seed,
      stopMsMax: 40_000,
      pauseMsMax: Number(values['pause-seconds']) * 1000,
      rounds: Number(values.rounds),
    })
  },
})
for (const problem of voyage.problems.slice(0, 50)) process.stderr.write(`${problem.slice(0, 500)}\n`)
for (const [text, times] of Object.entries(voyage.complaints)) process.stderr.write(`${times} x ${text}\n`)
report(subjectOf(voyage, troubles!), values.json)
process.exitCode = voyage.problems.length === 0 && voyage.failures.length === 0 ? 0 : 1

function subjectOf(found: VoyageReport, { troubles: happened, rollovers }: StormReport): Subject {
  return {
    subject: 'Exactly once, distributed',
    about:
      'Two clusters are written, one rotated by renaming and one by copytruncate, and shipped by processes of their own (ship, two of process, ' +
      'two of index, archive, serve) over Kafka to Elasticsearch, one server of each, all on one machine. Meanwhile processes and servers ' +
      'are killed and stopped, their connections fail, processes join and leave, and data streams are rolled over. Then the archive is ' +
      'compared with what was written, byte for byte, and every document of every backing index with what the archived records give.',
    notes: [
      `seed ${seed}; ${found.streams} streams, ${found.rotations} rotations, ${found.vanishedPods} pods that went away, ${found.backingIndices} backing indices, ${rollovers} rollovers by hand.`,
      `Troubles: ${Object.entries(happened)
        .map(([kind, times]) => `${kind} ${times}`)
        .join(', ')}.`,
      `${found.repeatedBatches} raw batches were sent more than once. Largest resident memory in MiB: ${Object.entries(
        found.rssMibMax,
      )
        .map(([role, mib]) => `${role} ${mib}`)
        .join(', ')}.`,
    ],
    measurements: soakMeasurements({
      ...found,
      store: 'Elasticsearch',
      problems: found.problems.length,
      zero: { 'processes that ended by themselves': found.failures.length },
      written: { 'all written after': found.writtenMs, 'all stored and acknowledged after': found.storedMs },
    }),
  }
}
