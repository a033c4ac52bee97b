import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { noEngines } from './support/engine-process.ts'
import { startEngines } from './support/engines.ts'
import { ROLES } from './support/fleet.ts'
import { sail } from './support/voyage.ts'

if (noEngines !== undefined) console.warn(`skipped: ${noEngines}`)

test.skipIf(noEngines !== undefined)(
  'one process of each role is killed while records flow: each record is in Elasticsearch once',
  { timeout: 900_000 },
  async () => {
    await using engines = await startEngines()
    const report = await sail({
      engines,
      cluster: 'kills',
      records: 40_000,
      ratePerSecond: 1_500,
      seed: 7,
      onProgress: (text) => console.log(text),
      async troubles({ fleet, say }) {
        for (const role of ROLES) {
          await sleep(4_000)
          const [member] = fleet.of(role)
          say(`kill ${member!.name}`)
          await fleet.killAndRestart(member!)
        }
      },
    })
    expect(report.problems).toEqual([])
    expect(report.failures).toEqual([])
    expect(report.records).toBe(report.expectedRecords)
  },
)
