import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { FaultStep } from '../../../src/core/faults.ts'
import { checkTruth, piecesOf, type Report } from './check.ts'
import { type Deck, sourcesOf, Workplace } from './deck.ts'
import { startWriting, type Writing } from './writing.ts'

interface KillOptions {
  readonly step: FaultStep
  /** Dies when it passes the step this often. The first time is on decklog's first start, later ones on its second. */
  readonly time: number
  /** End it in order after so long: the step lies on that way. */
  readonly endAfterMs?: number
  readonly config?: Readonly<Record<string, unknown>>
}

/** The step must be reached in this time. */
const DIES_MS_MAX = 60_000
const RATE = 1_500

/** A test each, of what every one of them must leave behind. */
export function testKills(kills: readonly KillOptions[]): void {
  test.each(kills)(
    'killed when it passes $step for time $time: every record is there once, byte for byte',
    { timeout: 240_000 },
    async (kill) => {
      const { problems, records } = await killAt(kill)
      expect(problems).toEqual([])
      expect(records).toBeGreaterThan(500)
    },
  )
}

/**
 * Runs decklog until it kills itself at a step, while a small cluster is written and rotated; starts it again, and checks
 * everything. @throws when the step is never reached
 */
async function killAt({ step, time, endAfterMs, config = {} }: KillOptions): Promise<Report> {
  await using place = new Workplace()
  const directory = place.logs('logs')
  place.configure({ sources: sourcesOf(directory), ...config })
  const faults = `${step}=kill@${time}`
  let writing: Writing
  let deck: Deck
  if (time === 1) {
    // Rotated files that are there at first sight are not asked for: nothing is rotated before it has seen them.
    writing = startWriting({ directory, cluster: { records: null, ratePerSecond: RATE } })
    deck = await place.up({ faults, unready: true })
  } else {
    const first = await place.up()
    writing = startWriting({
      directory,
      rotation: 'rename',
      rotateBytes: 64 * 1024,
      cluster: { records: null, ratePerSecond: RATE },
    })
    await first.until(async () => (await first.accounted()) > 500, 'some records are stored')
    await first.stop()
    deck = await place.up({ faults, unready: true })
  }
  if (endAfterMs !== undefined) {
    await deck.ready()
    await sleep(endAfterMs)
    deck.child.kill('SIGTERM')
  }
  await mustDie(deck, faults)
  const again = await place.up()
  writing.stop()
  const truth = await writing.done
  await again.ingested(truth.totals.records)
  await again.stop()
  return await checkTruth(piecesOf(truth), { dataDir: place.dataDir })
}

/** @throws when it does not kill itself: then the step was not passed, and nothing would be tested */
export async function mustDie(deck: Deck, faults: string): Promise<void> {
  const ended = await Promise.race([deck.ended, sleep(DIES_MS_MAX, undefined, { ref: false })])
  if (ended?.signal === 'SIGKILL') return
  throw new Error(`decklog did not come to ${faults}: ${JSON.stringify(ended)}\n${deck.stderr}`)
}
