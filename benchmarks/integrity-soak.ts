/**
 * Kills the whole program at random moments while records flow, and checks every one of them afterwards, byte for byte:
 *   node benchmarks/integrity-soak.ts [--records 2000000] [--kills 30] [--rate 12000] [--seed N] [--out FILE]
 * Prints counts, writes them as JSON, and ends with status 1 when anything is missing, doubled or altered.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { storm } from '../test/integrity/support/storm.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '2000000' },
    kills: { type: 'string', default: '30' },
    rate: { type: 'string', default: '12000' },
    pods: { type: 'string', default: '24' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    out: { type: 'string', default: 'integrity-soak.json' },
  },
})
const seed = Number(values.seed)
console.error(`seed ${seed}`)
const report = await storm({
  seed,
  records: Number(values.records),
  kills: Number(values.kills),
  ratePerSecond: Number(values.rate),
  pods: Number(values.pods),
  graceMs: 20_000,
  rotateBytes: 1024 * 1024,
  onProgress: (text) => console.error(text),
})
const { problems, ...counts } = report
for (const [name, value] of Object.entries(counts)) console.log(`${name.padEnd(18)} ${value}`)
console.log(`${'problems'.padEnd(18)} ${problems.length}`)
for (const problem of problems.slice(0, 50)) console.log(problem.slice(0, 500))
const surroundings = { node: process.version, cores: availableParallelism(), at: new Date().toISOString() }
writeFileSync(values.out, `${JSON.stringify({ ...report, ...surroundings }, null, 2)}\n`)
process.exitCode = problems.length === 0 ? 0 : 1
