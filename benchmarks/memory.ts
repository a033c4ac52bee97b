/**
 * Memory, resident, as the kernel counts it: `ship` alone with 500 active files; `decklog up` at full load; `decklog up` while its
 * store takes nothing.
 *
 * `node benchmarks/memory.ts [--minutes 2] [--load-seconds 60] [--only ship|load|stalled] [--json FILE]`
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { buildInto } from './support/built.ts'
import { moveLogs, writeClusterFiles } from './support/cluster-files.ts'
import { type RunningDecklog, searchableEvents, startDecklog } from './support/decklog.ts'
import { type Measurement, report } from './support/measurement.ts'
import { say, temporaryPlace } from './support/place.ts'
import { memoryOf } from './support/proc.ts'
import { startWriter } from './support/writer.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    'load-seconds': { type: 'string', default: '60' },
    lines: { type: 'string', default: '3000000' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
})
const SAMPLE_MS = 5_000
/** From then on a stalled decklog has filled its buffers. */
const FILLED_SECONDS = 30
/** Memory that grows no faster than this is flat: ten minutes of it are 30 MB. */
const FLAT_MB_PER_MINUTE = 3

using place = temporaryPlace('memory')
say('building')
const built = buildInto(place.directory)
const measurements: Measurement[] = []
const notes: string[] = []
const parts = { ship: shipAlone, load: fullLoad, stalled: storeStalled }
for (const [name, measure] of Object.entries(parts))
  if (values.only === undefined || values.only === name) await measure()
report(
  {
    subject: 'Memory',
    about:
      'Resident set of the process (VmRSS, VmHWM), in MB of 10^6 bytes, the runtime itself in it; decklog runs as JavaScript, as it is installed.',
    notes,
    measurements,
  },
  values.json,
)

async function shipAlone(): Promise<void> {
  say('ship alone, 500 active files')
  const script = join(built, 'benchmarks/ship.js')
  const child = spawnSync(process.execPath, [script, '--memory'], { encoding: 'utf8', timeout: 120_000 })
  if (child.status !== 0) throw new Error(`ship --memory failed: ${child.stderr}`)
  const { rssMiB, records } = JSON.parse(child.stdout.trim().split('\n').at(-1)!) as {
    rssMiB: number
    records: number
  }
  measurements.push({
    name: 'ship alone, 500 active files, peak',
    value: (rssMiB * 1024 * 1024) / 1e6,
    unit: 'MB',
    target: { atMost: 140 },
    beside: [{ name: 'an idle Node', value: idleNode() }],
  })
  notes.push(`ship alone: ${records.toLocaleString('en')} records`)
}

function idleNode(): number {
  const { stdout } = spawnSync(process.execPath, ['-e', 'console.log(process.memoryUsage.rss())'], {
    encoding: 'utf8',
  })
  return Number(stdout) / 1e6
}

/** All classes have a backlog, and it is searched meanwhile. */
async function fullLoad(): Promise<void> {
  const { decklog, close } = await withBacklog('load', {})
  try {
    const seconds = Number(values['load-seconds'])
    say(`full load for ${seconds} s`)
    const samples = await watch(decklog, seconds, async () => {
      await decklog.get('/api/search?limit=50&query=error')
      await decklog.get('/api/histogram')
    })
    const { peakMb } = memoryOf(decklog.pid)
    measurements.push({
      name: 'decklog up at full load, searched meanwhile, peak',
      value: peakMb,
      unit: 'MB',
      target: { atMost: 900 },
    })
    notes.push(
      `full load: ${(await searchableEvents(decklog)).toLocaleString('en')} events became searchable in ${seconds} s; ${shortOf(samples)}`,
    )
  } finally {
    await close()
  }
}

/** Every write of the store fails, and is tried again: all that is bounded fills, and then nothing may grow. */
async function storeStalled(): Promise<void> {
  const { decklog, close } = await withBacklog('stalled', {
    DECKLOG_TEST_FAULTS: 'store-write=EIO*1000000000',
  })
  const seconds = Number(values.minutes) * 60
  const writer = startWriter({
    root: join(place.directory, 'stalled', 'logs', 'pods'),
    pods: 10,
    rate: 5_000,
    seconds,
    name: 'stalled',
  })
  try {
    say(`store stalled for ${seconds} s`)
    const samples = await watch(decklog, seconds)
    const { lag } = await decklog.get<{ lag: { bytes: number }[] }>('/api/status')
    const events = await searchableEvents(decklog)
    if (events > 0) throw new Error('the store was to take nothing, and took something')
    const filled = samples.filter(({ second }) => second >= Math.min(FILLED_SECONDS, seconds / 2))
    measurements.push(
      {
        name: `store stalled for ${values.minutes} min, peak`,
        value: memoryOf(decklog.pid).peakMb,
        unit: 'MB',
        target: { atMost: 900 },
      },
      {
        name: `store stalled for ${values.minutes} min, growth once full`,
        value: slopePerMinute(filled),
        unit: 'MB/min',
        target: { atMost: FLAT_MB_PER_MINUTE },
      },
    )
    notes.push(
      `store stalled: ${(lag.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6).toFixed(0)} MB waited on the bus; ${shortOf(samples)}`,
    )
  } finally {
    writer.end()
    await writer.done
    await close()
  }
}

async function withBacklog(
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<{ decklog: RunningDecklog; close: () => Promise<void> }> {
  const directory = join(place.directory, name)
  const logs = join(directory, 'logs')
  mkdirSync(logs, { recursive: true })
  say(`${name}: writing ${values.lines} lines`)
  const files = await writeClusterFiles({
    directory: join(directory, 'files'),
    mix: 'mixed',
    records: Number(values.lines),
    pods: 30,
  })
  writeFileSync(join(logs, 'auth.log'), '')
  const decklog = await startDecklog({ directory, logs, env, main: join(built, 'src/cli/main.js') })
  moveLogs(files.directory, logs, ['pods', 'audit', 'auth'])
  return {
    decklog,
    async close() {
      await decklog.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

interface Sample {
  readonly second: number
  readonly mb: number
}

async function watch(
  { pid }: RunningDecklog,
  seconds: number,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<Sample[]> {
  const startMs = performance.now()
  const samples: Sample[] = []
  for (let dueMs = SAMPLE_MS; dueMs <= seconds * 1000; dueMs += SAMPLE_MS) {
    await meanwhile()
    await sleep(Math.max(0, dueMs - (performance.now() - startMs)))
    samples.push({ second: (performance.now() - startMs) / 1000, mb: memoryOf(pid).rssMb })
  }
  return samples
}

/** Least squares. */
function slopePerMinute(samples: readonly Sample[]): number {
  const mean = (pick: (one: Sample) => number): number =>
    samples.reduce((sum, one) => sum + pick(one), 0) / samples.length
  const x = mean(({ second }) => second)
  const y = mean(({ mb }) => mb)
  const above = mean(({ second, mb }) => (second - x) * (mb - y))
  const below = mean(({ second }) => (second - x) ** 2)
  return below === 0 ? 0 : (above / below) * 60
}

/** A dozen samples are enough to see the shape. */
function shortOf(samples: readonly Sample[]): string {
  const every = Math.max(1, Math.ceil(samples.length / 12))
  const some = samples.filter((_, i) => i % every === 0 || i === samples.length - 1)
  return `resident MB over time: ${some.map(({ second, mb }) => `${second.toFixed(0)} s ${mb.toFixed(0)}`).join(', ')}`
}
