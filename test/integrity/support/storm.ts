import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../../../src/generate/random.ts'
import { allPiecesOf, checkTruth, type Report } from './check.ts'
import { type Deck, sourcesOf, Workplace } from './deck.ts'
import { PatientClock, startWriting, type Writing } from './writing.ts'

export interface StormOptions {
  readonly seed: number
  readonly records: number
  readonly kills: number
  /** Records a second, all files together. */
  readonly ratePerSecond: number
  readonly pods: number
  /** How long what was rotated away, or belongs to a pod that is gone, stays to be read. */
  readonly graceMs: number
  /** @default 128 KiB */
  readonly rotateBytes?: number
  readonly onProgress?: (text: string) => void
}

export interface StormReport extends Report {
  readonly seed: number
  readonly expectedRecords: number
  readonly kills: number
  readonly killsWhileStarting: number
  readonly rotations: number
  readonly vanishedPods: number
  readonly writtenMs: number
  readonly ingestedMs: number
}

/** Kills decklog at random moments while two clusters are written: one rotates by renaming and its pods come and go, one by copytruncate. */
export async function storm(options: StormOptions): Promise<StormReport> {
  const { seed, records, ratePerSecond, pods, graceMs, rotateBytes = 128 * 1024, onProgress } = options
  await using place = new Workplace()
  const directories = [place.logs('renaming'), place.logs('truncating')] as const
  place.configure({ sources: directories.flatMap(sourcesOf) })
  const startMs = Date.now()
  const half = {
    records: Math.floor(records / 2),
    ratePerSecond: ratePerSecond / 2,
    pods: Math.ceil(pods / 2),
  }
  let deck = await place.up()
  const clock = new PatientClock()
  const writings = [
    startWriting({
      clock,
      directory: directories[0],
      rotation: 'rename',
      rotateBytes,
      graceMs,
      cluster: { ...half, seed, churn: true },
    }),
    startWriting({
      clock,
      directory: directories[1],
      rotation: 'copytruncate',
      rotateBytes,
      graceMs,
      cluster: { ...half, seed: seed + 1 },
    }),
  ]
  const written = new AbortController()
  const patience = bePatient({
    clock,
    writings,
    deck: () => deck,
    behindMax: 5 * ratePerSecond,
    signal: written.signal,
  })
  const random = new Random(`storm ${seed}`)
  const spanMs = (records / ratePerSecond) * 1000
  let killsWhileStarting = 0
  let kills = 0
  for (; kills < options.kills; kills++) {
    const dueMs = startMs + ((kills + 0.2 + random.below(800) / 1000) / options.kills) * spanMs
    const isEarly = kills > 0 && random.once(4)
    await sleep(isEarly ? random.between(100, 1_500) : Math.max(0, dueMs - Date.now()))
    if (deck.url === '' && !isEarly) await deck.ready()
    if (deck.url === '') killsWhileStarting++
    onProgress?.(
      `kill ${kills + 1} after ${Date.now() - startMs} ms${deck.url === '' ? ', while it starts' : ''}`,
    )
    deck = await killed(deck, () => place.up({ unready: true }))
  }
  const truths = await Promise.all(writings.map(({ done }) => done))
  written.abort()
  await patience
  const writtenMs = Date.now() - startMs
  const expectedRecords = truths.reduce((sum, { totals }) => sum + totals.records, 0)
  await deck.ready()
  onProgress?.(`ready after ${Date.now() - startMs} ms`)
  await deck.ingested(expectedRecords)
  const ingestedMs = Date.now() - startMs
  onProgress?.(`ingested after ${ingestedMs} ms, written after ${writtenMs} ms`)
  await deck.stop()
  const streams = truths.flatMap((truth) => truth.streams)
  // A pod that vanished while decklog was down may have written more, as far as decklog can know; the bytes say that it did not.
  const vanished = new Set(streams.filter(({ deleted }) => deleted).map(podOf))
  const report = await checkTruth(allPiecesOf(truths), {
    dataDir: place.dataDir,
    mayDoubt: (key, reason) => reason === 'deleted' && vanished.has(key.split('/')[0]!),
  })
  place.keep = report.problems.length > 0
  return {
    ...report,
    seed,
    expectedRecords,
    kills,
    killsWhileStarting,
    rotations: streams.reduce((sum, { rotations }) => sum + rotations, 0),
    vanishedPods: vanished.size,
    writtenMs,
    ingestedMs,
  }
}

/** `<namespace>_<pod>_<uid>`. */
function podOf({ path }: { readonly path: string }): string {
  return path.split('/').at(-3) ?? ''
}

/** While decklog is far behind, what could be deleted stays. */
async function bePatient(options: {
  readonly clock: PatientClock
  readonly writings: readonly Writing[]
  readonly deck: () => Deck
  readonly behindMax: number
  readonly signal: AbortSignal
}): Promise<void> {
  const { clock, writings, deck, behindMax, signal } = options
  for (let accounted = 0; !signal.aborted; await sleep(200)) {
    // It may be dead just now: then what it said last counts.
    accounted = await deck()
      .accounted()
      .catch(() => accounted)
    clock.hold(writings.reduce((sum, { records }) => sum + records, 0) - accounted > behindMax)
  }
}

async function killed(deck: Deck, restart: () => Promise<Deck>): Promise<Deck> {
  await deck.kill()
  return restart()
}
