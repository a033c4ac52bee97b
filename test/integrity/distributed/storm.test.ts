import { expect, test } from 'vitest'
import { noEngines } from './support/engine-process.ts'
import { startEngines } from './support/engines.ts'
import { storm } from './support/troubles.ts'
import { sail } from './support/voyage.ts'

if (noEngines !== undefined) console.warn(`skipped: ${noEngines}`)
const seed = Number(process.env['DECKLOG_TEST_SEED'] ?? Date.now() % 1_000_000)

test.skipIf(noEngines !== undefined)(
  'processes, broker and node are killed and stopped, their network fails, groups rebalance, data streams roll over: each record is in Elasticsearch once',
  { timeout: 1_800_000 },
  async () => {
    console.log(`seed ${seed}; the same order again: DECKLOG_TEST_SEED=${seed}`)
    await using engines = await startEngines()
    const report = await sail({
      engines,
      cluster: 'storm',
      records: 400_000,
      ratePerSecond: 500,
      seed,
      config: { bus: { kind: 'kafka', brokers: [engines.kafka.address], sessionTimeout: '6s' } },
      onProgress: (text) => console.log(text),
      troubles: async (voyage) => {
        console.log(JSON.stringify(await storm(voyage, { seed, stopMsMax: 12_000, pauseMsMax: 2_500 })))
        voyage.stopWriting()
      },
    })
    console.log(JSON.stringify(report))
    expect(report.problems).toEqual([])
    expect(report.failures).toEqual([])
    expect(report.records).toBe(report.expectedRecords)
    expect(report.backingIndices).toBeGreaterThan(5)
  },
)
