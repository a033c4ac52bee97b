import { expect, test } from 'vitest'
import { checkTruth, piecesOf } from './support/check.ts'
import { sourcesOf, Workplace } from './support/deck.ts'
import { startWriting } from './support/writing.ts'

/** What is promised to an operator, whatever decklog is doing. */
const ENDS_MS_MAX = 10_000

test('SIGTERM ends it in time under load, and the next start goes on: every record is there once', {
  timeout: 240_000,
}, async () => {
  await using place = new Workplace()
  const directory = place.logs('logs')
  place.configure({ sources: sourcesOf(directory) })
  let deck = await place.up()
  // Rotated files that are there at first sight are not asked for: decklog is there first.
  const writing = startWriting({
    directory,
    rotation: 'rename',
    rotateBytes: 512 * 1024,
    cluster: { records: null, ratePerSecond: 10_000, pods: 12 },
  })
  for (let round = 1; round <= 3; round++) {
    await deck.until(async () => (await deck.accounted()) > round * 5_000, 'it is under load')
    const tookMs = await deck.stop()
    expect(await deck.ended).toEqual({ status: 0, signal: null })
    expect(tookMs).toBeLessThan(ENDS_MS_MAX)
    deck = await place.up()
  }
  writing.stop()
  const truth = await writing.done
  await deck.ingested(truth.totals.records)
  await deck.stop()
  const { problems } = await checkTruth(piecesOf(truth), { dataDir: place.dataDir })
  expect(problems).toEqual([])
})

test('SIGTERM ends it in time while the disk fails, and nothing is lost', { timeout: 240_000 }, async () => {
  await using place = new Workplace()
  const directory = place.logs('logs')
  place.configure({ sources: sourcesOf(directory) })
  const deck = await place.up({ faults: 'store-write=EIO@4*1000000' })
  const writing = startWriting({ directory, cluster: { records: 6_000, ratePerSecond: 3_000 } })
  const truth = await writing.done
  await deck.until(() => deck.complaints().some((text) => text.includes('EIO')), 'it complains')
  expect(await deck.stop()).toBeLessThan(ENDS_MS_MAX)
  expect(await deck.ended).toEqual({ status: 0, signal: null })
  const next = await place.up()
  await next.ingested(truth.totals.records)
  await next.stop()
  const { problems } = await checkTruth(piecesOf(truth), { dataDir: place.dataDir })
  expect(problems).toEqual([])
})
