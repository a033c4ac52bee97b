import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recover } from '../../src/roles/ship/checkpoint.ts'
import { checkTruth, piecesOf } from './support/check.ts'
import { sourcesOf, Workplace } from './support/deck.ts'
import { startWriting, writeNow } from './support/writing.ts'

const RECORDS = 6_000
/** What a person must be told: what does not work, why, and what becomes of it. */
const SENTENCES = {
  EIO: /EIO; it is tried again until the cause is gone/,
  EROFS: /EROFS; it is tried again until the cause is gone/,
  ENOSPC: /the disk is full; free space and it goes on by itself/,
} as const

const PASSING = [
  { step: 'cut-journal-write', code: 'EIO', when: '@3*4' },
  { step: 'cut-journal-write', code: 'ENOSPC', when: '@5*3' },
  { step: 'store-write', code: 'ENOSPC', when: '@4*5' },
  { step: 'store-write', code: 'EROFS', when: '@6*4' },
  { step: 'archive-append', code: 'EIO', when: '@2*6' },
  { step: 'archive-append', code: 'ENOSPC', when: '@7*5' },
] as const

test.each(PASSING)(
  '$code at $step, several times: it says so, and goes on when the cause is gone',
  {
    timeout: 240_000,
  },
  async ({ step, code, when }) => {
    await using place = new Workplace()
    const directory = place.logs('logs')
    place.configure({ sources: sourcesOf(directory) })
    const deck = await place.up({ faults: `${step}=${code}${when}` })
    const writing = startWriting({ directory, cluster: { records: RECORDS, ratePerSecond: 1_500 } })
    const truth = await writing.done
    await deck.ingested(RECORDS)
    expect(deck.complaints().filter((text) => SENTENCES[code].test(text)).length).toBeGreaterThan(0)
    await deck.stop()
    const { problems } = await checkTruth(piecesOf(truth), { dataDir: place.dataDir })
    expect(problems).toEqual([])
  },
)

const LASTING = ['cut-journal-write', 'store-write', 'archive-append'] as const

test.each(LASTING)(
  'a disk that always fails at %s: nothing is acknowledged, and after a kill everything is there',
  {
    timeout: 240_000,
  },
  async (step) => {
    await using place = new Workplace()
    const directory = place.logs('logs')
    place.configure({ sources: sourcesOf(directory) })
    const truth = await writeNow({ directory, cluster: { records: RECORDS } })
    const deck = await place.up({ faults: `${step}=EIO*1000000` })
    await deck.until(() => deck.complaints().some((text) => SENTENCES.EIO.test(text)), 'it complains')
    await sleep(1_500)
    await deck.kill()
    expect(settledRecords(place.dataDir)).toBe(0)
    const again = await place.up()
    await again.ingested(RECORDS)
    await again.stop()
    const { problems } = await checkTruth(piecesOf(truth), { dataDir: place.dataDir })
    expect(problems).toEqual([])
  },
)

/** Records that the shipper would not send again. */
function settledRecords(dataDir: string): number {
  const found = recover(join(dataDir, 'ship'))
  if (found.kind !== 'state') return 0
  const streams = [...found.state.streams.values()]
  return streams.reduce((sum, { open, nextSeq }) => sum + (open[0]?.firstSeq ?? nextSeq), 0)
}
