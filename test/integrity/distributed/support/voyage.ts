import { setTimeout as sleep } from 'node:timers/promises'
import type { Truth } from '../../../../src/generate/truth.ts'
import { allPiecesOf, checkTruth, type Report } from '../../support/check.ts'
import { PatientClock, startWriting, type Writing, type WritingOptions } from '../../support/writing.ts'
import { elasticsearchEvents } from './elasticsearch-events.ts'
import type { Engines } from './engines.ts'
import { Fleet, type FleetOptions, type Role } from './fleet.ts'
import { lags } from './lag.ts'

export interface VoyageOptions extends Omit<FleetOptions, 'engines' | 'cluster'> {
  readonly engines: Engines
  readonly cluster: string
  readonly records: number
  /** Records a second, as long as decklog keeps up. */
  readonly ratePerSecond: number
  readonly seed: number
  readonly pods?: number
  /** @default 256 KiB */
  readonly rotateBytes?: number
  /** How long what was rotated away, or belongs to a pod that is gone, stays to be read. @default 60 s */
  readonly graceMs?: number
  /** What goes wrong while records flow. */
  readonly troubles: (voyage: Voyage) => Promise<void>
  readonly onProgress?: (text: string) => void
  /** All records must be stored so long after the last trouble. @default 5 minutes */
  readonly arriveMsMax?: number
}

/** So far may the store be behind what is written before the writers wait for it. */
const BEHIND_SECONDS_MAX = 60

export interface Voyage {
  readonly fleet: Fleet
  readonly engines: Engines
  /** Records written so far. */
  readonly written: () => number
  /** Ends it before all records are written. */
  readonly stopWriting: () => void
  readonly say: (text: string) => void
  /** Records that Elasticsearch accounts for; what it said last while nobody can be asked. */
  readonly accounted: () => Promise<number>
}

export interface VoyageReport extends Report {
  readonly expectedRecords: number
  readonly rotations: number
  readonly vanishedPods: number
  readonly backingIndices: number
  readonly writtenMs: number
  readonly storedMs: number
  /** Processes that ended without having been told to. */
  readonly failures: readonly string[]
  readonly rssMibMax: Readonly<Partial<Record<Role, number>>>
  /** What was said at `warn` and above, with how often. */
  readonly complaints: Readonly<Record<string, number>>
}

/**
 * Ships a generated cluster through a fleet, lets troubles come, waits until everything has arrived, ends the fleet in order, and
 * compares the archive with what was written, and Elasticsearch with what the archive holds.
 */
export async function sail(options: VoyageOptions): Promise<VoyageReport> {
  const { engines, cluster, troubles, onProgress = () => {}, arriveMsMax = 300_000 } = options
  await using fleet = new Fleet({
    engines,
    cluster,
    logs: ['renaming', 'truncating'],
    ...given(options.config),
  })
  await fleet.setup()
  await fleet.start(options.members)
  const startMs = Date.now()
  const say = (text: string): void => onProgress(`${((Date.now() - startMs) / 1000).toFixed(1)} s: ${text}`)
  const clock = new PatientClock()
  const writings = startWritings(fleet, clock, options)
  const written = (): number => writings.reduce((sum, { records }) => sum + records, 0)
  const accounted = accountOf(fleet)
  const stop = new AbortController()
  const tending = tend({
    fleet,
    clock,
    written,
    accounted,
    behindMax: BEHIND_SECONDS_MAX * options.ratePerSecond,
    stop: stop.signal,
  })
  try {
    const done = Promise.all(writings.map((writing) => writing.done))
    const stopWriting = (): void => writings.forEach((writing) => writing.stop())
    await troubles({ fleet, engines, written, stopWriting, say, accounted })
    const truths = await done
    const writtenMs = Date.now() - startMs
    const expectedRecords = truths.reduce((sum, { totals }) => sum + totals.records, 0)
    say(`${expectedRecords} records are written`)
    await untilArrived({ fleet, engines, accounted, expectedRecords, msMax: arriveMsMax, say })
    const storedMs = Date.now() - startMs
    stop.abort()
    await tending
    await fleet.stop()
    say('everything has arrived; it is compared')
    return { ...(await compared(fleet, engines, truths)), expectedRecords, writtenMs, storedMs }
  } catch (error) {
    fleet.keep = true
    for (const text of await fleet.describe()) say(text)
    for (const [text, times] of fleet.complaints()) say(`${times} x ${text}`)
    throw error
  } finally {
    stop.abort()
    await tending
  }
}

function startWritings(fleet: Fleet, clock: PatientClock, options: VoyageOptions): Writing[] {
  const { seed, pods = 12, rotateBytes = 256 * 1024, graceMs = 60_000 } = options
  const half = {
    records: Math.floor(options.records / 2),
    ratePerSecond: options.ratePerSecond / 2,
    pods: Math.ceil(pods / 2),
  }
  const ways: readonly Pick<WritingOptions, 'rotation' | 'cluster'>[] = [
    { rotation: 'rename', cluster: { ...half, seed, churn: true } },
    { rotation: 'copytruncate', cluster: { ...half, seed: seed + 1 } },
  ]
  return ways.map((way, at) =>
    startWriting({ clock, directory: fleet.logs[at]!, rotateBytes, graceMs, ...way }),
  )
}

function accountOf(fleet: Fleet): () => Promise<number> {
  let last = 0
  return async () => {
    const [serve] = fleet.of('serve')
    try {
      if (serve !== undefined && serve.deck.url !== '') last = await serve.deck.accounted()
    } catch {
      // It, or what it asks, is away just now.
    }
    return last
  }
}

/** Starts again who has ended, and lets no file vanish before it can be read while decklog is behind. */
async function tend(options: {
  readonly fleet: Fleet
  readonly clock: PatientClock
  readonly written: () => number
  readonly accounted: () => Promise<number>
  readonly behindMax: number
  readonly stop: AbortSignal
}): Promise<void> {
  const { fleet, clock, written, accounted, behindMax, stop } = options
  while (!stop.aborted) {
    fleet.tend()
    clock.hold(written() - (await accounted()) > behindMax)
    await sleep(300)
  }
}

async function untilArrived(options: {
  readonly fleet: Fleet
  readonly engines: Engines
  readonly accounted: () => Promise<number>
  readonly expectedRecords: number
  readonly msMax: number
  readonly say: (text: string) => void
}): Promise<void> {
  const { fleet, engines, accounted, expectedRecords, msMax, say } = options
  let saidMs = Date.now()
  for (const endMs = Date.now() + msMax; ; await sleep(500)) {
    const stored = await accounted()
    const lag = await lags(engines.kafka.direct).catch((error: unknown) => new Map([[String(error), -1]]))
    const state = `${stored} of ${expectedRecords} records are accounted for, lag ${JSON.stringify([...lag])}`
    if (stored === expectedRecords && lag.size === 0 && fleet.members.every(({ deck }) => deck.url !== ''))
      return
    if (Date.now() > endMs) throw new Error(`not everything arrives: ${state}`)
    if (Date.now() - saidMs > 10_000) {
      say(state)
      saidMs = Date.now()
    }
  }
}

async function compared(
  fleet: Fleet,
  engines: Engines,
  truths: readonly Truth[],
): Promise<Omit<VoyageReport, 'expectedRecords' | 'writtenMs' | 'storedMs'>> {
  const streams = truths.flatMap((truth) => truth.streams)
  const vanished = new Set(
    streams.filter(({ deleted }) => deleted).map(({ path }) => path.split('/').at(-3)!),
  )
  await using store = await elasticsearchEvents(engines.elasticsearch.direct, fleet.cluster)
  const report = await checkTruth(allPiecesOf(truths), {
    dataDir: fleet.of('archive')[0]!.dataDir,
    store,
    // A pod that vanished while nobody looked may have written more, as far as decklog can know; the bytes say that it did not.
    mayDoubt: (key, reason) => reason === 'deleted' && vanished.has(key.split('/')[0]!),
  })
  fleet.keep = report.problems.length > 0
  const rssMibMax: Partial<Record<Role, number>> = {}
  for (const { role, rssBytesMax } of fleet.members)
    rssMibMax[role] = Math.max(rssMibMax[role] ?? 0, Math.round(rssBytesMax / 2 ** 20))
  return {
    ...report,
    rotations: streams.reduce((sum, { rotations }) => sum + rotations, 0),
    vanishedPods: vanished.size,
    backingIndices: store.byIndex.size,
    failures: fleet.members.flatMap(({ failures }) => failures),
    rssMibMax,
    complaints: Object.fromEntries(fleet.complaints()),
  }
}

function given(config: FleetOptions['config']): Pick<FleetOptions, 'config'> {
  return config === undefined ? {} : { config }
}
