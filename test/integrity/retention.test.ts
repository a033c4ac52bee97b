import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PIPELINES_DIRECTORY } from '../../src/app/places.ts'
import { checkTruth, piecesOf } from './support/check.ts'
import { sourcesOf, Workplace } from './support/deck.ts'
import { mustDie } from './support/step.ts'
import { startWriting } from './support/writing.ts'

/** The pipelines of the product, but container lines are kept for a second. */
function forgetfulPipelines(place: Workplace): string {
  const directory = join(place.directory, 'pipelines')
  cpSync(PIPELINES_DIRECTORY, directory, { recursive: true })
  const path = join(directory, 'retention.yaml')
  const text = readFileSync(path, 'utf8').replace(/^pod: .*$/m, 'pod: { hot: 1s, whenFull: refuse }')
  writeFileSync(path, text)
  return directory
}

test('killed inside retention: what is expired goes in the end, nothing else does, and nothing comes again', {
  timeout: 240_000,
}, async () => {
  await using place = new Workplace()
  const directory = place.logs('logs')
  const sources = sourcesOf(directory)
  place.configure({ sources })
  const first = await place.up()
  const writing = startWriting({ directory, cluster: { records: 6_000, ratePerSecond: 1_500 } })
  const truth = await writing.done
  await first.ingested(truth.totals.records)
  await first.stop()

  place.configure({ sources, pipelines: forgetfulPipelines(place) })
  const faults = 'retention-inside=kill@1'
  await mustDie(await place.up({ faults, unready: true }), faults)

  const again = await place.up()
  await again.until(async () => (await eventsOf(again, 'pod')) === 0, 'all expired events are deleted')
  expect(await eventsOf(again, 'ssh')).toBe(truth.totals.recordsByClass['ssh'])
  await again.ingested(truth.totals.records)
  await again.stop()
  const report = await checkTruth(piecesOf(truth), { dataDir: place.dataDir, expiredClasses: ['pod'] })
  expect(report.problems).toEqual([])
  expect(report.records).toBe(truth.totals.records)
  expect(report.events).toBeLessThan(truth.totals.records / 2)
})

async function eventsOf(deck: { get<T>(path: string): Promise<T> }, className: string): Promise<number> {
  const { usage } = await deck.get<{ usage: readonly { class: string; events: number }[] }>('/api/status')
  return usage.find((each) => each.class === className)?.events ?? 0
}
