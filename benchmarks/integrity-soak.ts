/**
 * Kills the whole program at random moments while records flow, and checks every one of them afterwards, byte for byte:
 *   node benchmarks/integrity-soak.ts [--records 2000000] [--kills 30] [--rate 12000] [--seed N] [--json FILE]
 * Prints counts, and ends with status 1 when anything is missing, doubled or altered.
 */
import { parseArgs } from 'node:util'
import { storm } from '../test/integrity/support/storm.ts'
import { report } from './support/measurement.ts'
import { soakMeasurements } from './support/soak-measurements.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '2000000' },
    kills: { type: 'string', default: '30' },
    rate: { type: 'string', default: '12000' },
    pods: { type: 'string', default: '24' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'string' },
  },
})
const seed = Number(values.seed)
console.error(`seed ${seed}`)
const found = await storm({
  seed,
  records: Number(values.records),
  kills: Number(values.kills),
  ratePerSecond: Number(values.rate),
  pods: Number(values.pods),
  graceMs: 20_000,
  rotateBytes: 1024 * 1024,
  onProgress: (text) => console.error(text),
})
const { problems } = found
for (const problem of problems.slice(0, 50)) process.stderr.write(`${problem.slice(0, 500)}\n`)
report(
  {
    subject: 'Exactly once, one process',
    about:
      'Two clusters are written, one rotated by renaming while its pods come and go, one by copytruncate, and the whole program is killed ' +
      'with -9 at random moments, often while it starts. Then the archive is compared with what was written, byte for byte, and every ' +
      'event of the store with what the archived records give.',
    notes: [
      `seed ${seed}; ${found.streams} streams, ${found.rotations} rotations, ${found.vanishedPods} pods that went away; ${found.kills} kills, ${found.killsWhileStarting} of them while it started.`,
    ],
    measurements: soakMeasurements({
      ...found,
      store: 'the store',
      problems: problems.length,
      written: { 'all written after': found.writtenMs, 'all ingested after': found.ingestedMs },
    }),
  },
  values.json,
)
process.exitCode = problems.length === 0 ? 0 : 1
