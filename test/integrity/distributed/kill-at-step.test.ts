import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { PIPELINES_DIRECTORY } from '../../../src/app/places.ts'
import type { FaultStep } from '../../../src/core/faults.ts'
import { noEngines } from './support/engine-process.ts'
import { startEngines } from './support/engines.ts'
import type { Role } from './support/fleet.ts'
import { sail } from './support/voyage.ts'

if (noEngines !== undefined) console.warn(`skipped: ${noEngines}`)

/** Each role at each step that lies on its way, at the first time and in the middle of its work. */
const DEATHS: readonly (readonly [Role, FaultStep, number])[] = [
  // First, for who dies in it holds the lease of retention for ten minutes.
  ['index', 'rollover-inside', 1],
  ['ship', 'cut-journaled', 20],
  ['ship', 'batch-published', 1],
  ['ship', 'batch-published', 20],
  ['ship', 'checkpoint-before', 2],
  ['ship', 'checkpoint-inside', 2],
  ['process', 'assignment-inside', 1],
  ['process', 'events-published', 1],
  ['process', 'events-published', 30],
  ['process', 'offsets-commit-before', 1],
  ['process', 'offsets-committed', 3],
  ['index', 'assignment-inside', 2],
  ['index', 'store-commit-inside', 1],
  ['index', 'store-commit-inside', 5],
  ['index', 'store-committed', 2],
  ['index', 'offsets-commit-before', 2],
  ['archive', 'assignment-inside', 1],
  ['archive', 'archive-append', 10],
  ['archive', 'offsets-commit-before', 1],
]

/** They make 2 MB of audit events. */
const ROLLOVER_RECORDS = 60_000

test.skipIf(noEngines !== undefined)(
  'each role is killed at each step on its way: each record is in Elasticsearch once',
  { timeout: 1_500_000 },
  async () => {
    using pipelines = pipelinesThatRollOver()
    await using engines = await startEngines()
    const report = await sail({
      engines,
      cluster: 'steps',
      records: 300_000,
      ratePerSecond: 600,
      seed: 11,
      config: { pipelines: pipelines.directory },
      onProgress: (text) => console.log(text),
      async troubles({ fleet, say, stopWriting, accounted }) {
        // As much as makes an index large enough to be ended.
        while ((await accounted()) < ROLLOVER_RECORDS) await sleep(200)
        for (const [at, [role, step, time]] of DEATHS.entries()) {
          const members = fleet.of(role)
          const member = members[at % members.length]!
          say(`${member.name} is to die at ${step}, time ${time}`)
          await fleet.dieAt(member, `${step}=kill@${time}`)
          await sleep(500)
        }
        stopWriting()
      },
    })
    console.log(JSON.stringify(report))
    expect(report.problems).toEqual([])
    expect(report.failures).toEqual([])
    expect(report.records).toBe(report.expectedRecords)
    expect(report.backingIndices).toBeGreaterThan(3)
  },
)

/** The pipelines of the product, but the indices of audit events are ended at 2 MB. */
function pipelinesThatRollOver(): { readonly directory: string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-pipelines-'))
  cpSync(PIPELINES_DIRECTORY, directory, { recursive: true })
  const path = join(directory, 'retention.yaml')
  const text = readFileSync(path, 'utf8').replace(
    /^control-plane: .*$/m,
    'control-plane: { hot: 90d, maxBytes: 20MB, whenFull: refuse }',
  )
  writeFileSync(path, text)
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) }
}
