import { expect, test } from 'vitest'
import { storm } from './support/storm.ts'

const seed = Number(process.env['DECKLOG_TEST_SEED'] ?? Date.now() % 1_000_000)

test('killed at random moments while files rotate and pods come and go: every record is there once, byte for byte', {
  timeout: 240_000,
}, async () => {
  console.log(`seed ${seed}; the same kills again: DECKLOG_TEST_SEED=${seed}`)
  const report = await storm({
    seed,
    records: 120_000,
    kills: 6,
    ratePerSecond: 5_000,
    pods: 16,
    graceMs: 8_000,
    onProgress: (text) => console.log(text),
  })
  console.log(JSON.stringify({ ...report, problems: report.problems.length }))
  expect(report.problems).toEqual([])
  expect(report.records).toBe(report.expectedRecords)
  expect(report.rotations).toBeGreaterThan(50)
  expect(report.vanishedPods).toBeGreaterThan(0)
})
