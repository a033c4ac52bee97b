import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Truth } from '../../src/generate/truth.ts'
import { checkTruth, piecesOf } from './support/check.ts'
import { type Deck, sourcesOf, Workplace } from './support/deck.ts'
import { mountSmallDisk, whyNoMount } from './support/small-disk.ts'
import { startWriting } from './support/writing.ts'

const why = whyNoMount()
if (why !== undefined) console.log(`a full and a read-only disk are not tested: ${why}`)

const RECORDS = 20_000
const MIB = 1024 * 1024

/** All records are written, and the disk was too small for them: it has said so. */
async function upUntilFull(
  disk: ReturnType<typeof mountSmallDisk>,
  place: Workplace,
): Promise<{ deck: Deck; truth: Truth }> {
  const directory = place.logs('logs')
  place.configure({ sources: sourcesOf(directory) })
  const deck = await place.up()
  disk.fill(MIB)
  const writing = startWriting({ directory, cluster: { records: RECORDS, ratePerSecond: 4_000 } })
  const truth = await writing.done
  await deck.until(
    () => deck.complaints().some((text) => /disk is full/.test(text)),
    'it says that the disk is full',
  )
  return { deck, truth }
}

test.skipIf(why !== undefined)(
  'a disk that is full: it says so, acknowledges nothing, and goes on when there is room',
  { timeout: 240_000 },
  async () => {
    using disk = mountSmallDisk(64)
    await using place = new Workplace({ dataDir: join(disk.directory, 'data') })
    const { deck, truth } = await upUntilFull(disk, place)
    const before = await deck.accounted()
    await sleep(2_000)
    expect(before).toBeLessThan(RECORDS)
    expect(await deck.isAtRest()).toBe(false)
    for (const text of deck.complaints().filter((each) => each.includes('full')))
      expect(text).toMatch(/free space/)
    disk.free()
    await deck.ingested(RECORDS)
    await deck.stop()
    const { problems } = await checkTruth(piecesOf(truth), { dataDir: place.dataDir })
    expect(problems).toEqual([])
  },
)

test.skipIf(why !== undefined)(
  'killed while the disk is full: after there is room again every record is there once',
  { timeout: 240_000 },
  async () => {
    using disk = mountSmallDisk(64)
    await using place = new Workplace({ dataDir: join(disk.directory, 'data') })
    const { deck, truth } = await upUntilFull(disk, place)
    await deck.kill()
    // Without room it waits, or ends with a sentence; it never begins anew.
    const again = await place.up({ unready: true })
    await sleep(3_000)
    if (again.isRunning) await again.kill()
    else expect(again.stderr).toMatch(/disk is full/)
    disk.free()
    const last = await place.up()
    await last.ingested(RECORDS)
    await last.stop()
    const { problems } = await checkTruth(piecesOf(truth), { dataDir: place.dataDir })
    expect(problems).toEqual([])
  },
)

test.skipIf(why !== undefined)(
  'a data directory that is read-only is refused with one sentence',
  {
    timeout: 60_000,
  },
  async () => {
    using disk = mountSmallDisk(8)
    await using place = new Workplace({ dataDir: join(disk.directory, 'data') })
    place.configure({ sources: sourcesOf(place.logs('logs')) })
    disk.remount('ro')
    const deck = await place.up({ unready: true })
    expect(await deck.ended).toEqual({ status: 3, signal: null })
    expect(deck.stderr).toMatch(
      /^decklog: \S+decklog\.yaml:3: the data directory \S+ is on a read-only file system; set dataDir or --data to a folder that this user may write\n$/,
    )
  },
)
