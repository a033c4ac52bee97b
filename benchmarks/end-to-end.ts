/**
 * Log files → searchable, on the whole machine: `decklog up` as a user starts it, with files that appear at once. Beside it, on the
 * same files in the same run: rsyslog (tail → JSON file), and what the bytes cost at least (newline scan; SHA-256 + zstd level 1).
 *
 * `node benchmarks/end-to-end.ts [--lines 2000000] [--rounds 3] [--mix plain,mixed] [--pods 12] [--json FILE] [--keep]`
 */
import { spawnSync } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Mix } from '../src/generate/pods.ts'
import { moveLogs, writeClusterFiles, type ClusterFiles } from './support/cluster-files.ts'
import { countEvents, startDecklog, untilSearchable } from './support/decklog.ts'
import { type Measurement, median, report } from './support/measurement.ts'
import { say, temporaryPlace } from './support/place.ts'
import { hashAndPackRate, newlineRate } from './support/primitives.ts'
import { cpuByThread, cpuSecondsOf, memoryOf } from './support/proc.ts'
import { type RivalRun, rsyslogVersion, runRsyslog } from './support/rsyslog.ts'

/** A run that is so slow has failed. */
const LINES_PER_SECOND_MIN = 4_000
const SETTLING_MS = 60_000

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '3' },
    mix: { type: 'string', default: 'plain,mixed' },
    pods: { type: 'string', default: '12' },
    json: { type: 'string' },
    'cpu-prof': { type: 'string' },
  },
})
const ROUNDS = Number(values.rounds)

interface Input {
  readonly mix: Mix
  readonly files: ClusterFiles
  readonly parts: readonly ('pods' | 'audit' | 'auth')[]
  readonly lines: number
  readonly bytes: number
}

interface Run {
  readonly linesPerSecond: number
  readonly cpuSecondsPerMillion: number
  readonly peakMb: number
}

using place = temporaryPlace('end-to-end')
const measurements: Measurement[] = []
const notes: string[] = []
for (const mix of values.mix.split(',') as Mix[]) await measureMix(mix)
report(
  {
    subject: 'Files → searchable, whole machine',
    about:
      'decklog up, archive and rules on, gets log files that appear at once; the clock stops when a search finds every event. ' +
      'plain: container lines; mixed: 90 % container lines (JSON, klog, access logs, stack traces, parts), 8 % kube-audit, 2 % auth.log. ' +
      'rsyslog: imfile, mmnormalize (four fields of a container line; other files as they are), JSON lines to one file: it parses less and makes nothing searchable.',
    notes,
    measurements,
  },
  values.json,
)

async function measureMix(mix: Mix): Promise<void> {
  const input = await write(mix)
  const { lines, bytes } = input
  notes.push(
    `${mix}: ${lines.toLocaleString('en')} lines, ${(bytes / 1e6).toFixed(0)} MB, ${values.pods} pods, ${ROUNDS} rounds`,
  )
  const paths = pathsOf(input)
  const ours: Run[] = []
  const theirs: RivalRun[] = []
  const scans: number[] = []
  const packs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    scans.push(newlineRate(paths))
    packs.push(hashAndPackRate(paths))
    ours.push(await measureDecklog(input, round))
    if (rsyslogVersion() !== undefined) theirs.push(await measureRsyslog(input, round))
  }
  const perLine = bytes / lines
  const rival = theirs[0] === undefined ? [] : [{ name: `rsyslog ${theirs[0].version}`, runs: theirs }]
  const beside = (pick: (run: Run) => number): { name: string; value: number }[] =>
    rival.map(({ name, runs }) => ({ name, value: median(runs.map(pick)) }))
  measurements.push(
    {
      name: `${mix} lines, read to found`,
      value: median(ours.map((run) => run.linesPerSecond)),
      unit: 'lines/s',
      ...(mix === 'plain' ? { target: { atLeast: 80_000 } } : {}),
      beside: [
        ...beside((run) => run.linesPerSecond),
        { name: 'SHA-256 + zstd 1', value: (median(packs) / perLine) * 1e6 },
        { name: 'newline scan', value: (median(scans) / perLine) * 1e6 },
      ],
    },
    {
      name: `${mix} lines, CPU of a million`,
      value: median(ours.map((run) => run.cpuSecondsPerMillion)),
      unit: 'CPU s',
      beside: beside((run) => run.cpuSecondsPerMillion),
    },
    {
      name: `${mix} lines, peak resident memory`,
      value: median(ours.map((run) => run.peakMb)),
      unit: 'MB',
      target: { atMost: 900 },
      beside: beside((run) => run.peakMb),
    },
  )
  rmSync(input.files.directory, { recursive: true, force: true })
}

async function write(mix: Mix): Promise<Input> {
  const parts: Input['parts'] = mix === 'plain' ? ['pods'] : ['pods', 'audit', 'auth']
  const wanted = Number(values.lines)
  // Without the other files, 90 % of the records remain.
  const records = mix === 'plain' ? Math.ceil(wanted / 0.9) : wanted
  say(`${mix}: writing ${wanted} lines`)
  const directory = join(place.directory, mix)
  const files = await writeClusterFiles({ directory, mix, records, pods: Number(values.pods) })
  const classes = { pods: 'pod', audit: 'control-plane', auth: 'ssh' } as const
  const streams = files.truth.streams.filter((one) => parts.some((part) => classes[part] === one.class))
  return {
    mix,
    files,
    parts,
    lines: streams.reduce((sum, one) => sum + one.records, 0),
    bytes: streams.reduce((sum, one) => sum + one.bytes, 0),
  }
}

function pathsOf({ files, parts }: Input): string[] {
  const classes = parts.map((part) => ({ pods: 'pod', audit: 'control-plane', auth: 'ssh' })[part])
  return files.truth.streams
    .filter((one) => classes.includes(one.class))
    .flatMap((one) => one.files.map((file) => join(files.directory, file)))
    .filter((path) => statSync(path).size > 0)
}

async function measureDecklog({ mix, files, parts, lines }: Input, round: number): Promise<Run> {
  const directory = join(place.directory, `${mix}-decklog-${round}`)
  const logs = join(directory, 'logs')
  const profile = values['cpu-prof']
  const nodeOptions = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const decklog = await startDecklog({ directory, logs, nodeOptions })
  try {
    const cpuBefore = cpuSecondsOf(decklog.pid)
    const startMs = performance.now()
    moveLogs(files.directory, logs, parts)
    const timeoutMs = (lines / LINES_PER_SECOND_MIN) * 1000 + SETTLING_MS
    const { events } = await untilSearchable(decklog, { records: lines, timeoutMs })
    const seconds = (performance.now() - startMs) / 1000
    const cpu = cpuSecondsOf(decklog.pid) - cpuBefore
    const { peakMb } = memoryOf(decklog.pid)
    say(
      `${mix} ${round}: decklog ${Math.round(lines / seconds)} lines/s, ${events} events, ${((cpu / lines) * 1e6).toFixed(1)} CPU s/M, peak ${peakMb.toFixed(0)} MB`,
    )
    say(
      `  CPU by thread: ${cpuByThread(decklog.pid)
        .slice(0, 8)
        .map(({ name, seconds: s }) => `${name} ${s.toFixed(1)}`)
        .join(', ')}`,
    )
    if ((await countEvents(decklog)) !== events)
      throw new Error('the count of events changed after all were found')
    return { linesPerSecond: lines / seconds, cpuSecondsPerMillion: (cpu / lines) * 1e6, peakMb }
  } finally {
    await decklog.stop()
    moveLogs(logs, files.directory, parts)
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measureRsyslog({ mix, files, parts, lines }: Input, round: number): Promise<RivalRun> {
  const directory = join(place.directory, `${mix}-rsyslog-${round}`)
  const logs = join(directory, 'logs')
  try {
    moveLogs(files.directory, logs, parts)
    const timeoutMs = (lines / LINES_PER_SECOND_MIN) * 1000 + SETTLING_MS
    const run = await runRsyslog({ directory, logs, lines, timeoutMs })
    say(
      `${mix} ${round}: rsyslog ${Math.round(run.linesPerSecond)} lines/s, ${run.cpuSecondsPerMillion.toFixed(1)} CPU s/M, peak ${run.peakMb.toFixed(0)} MB`,
    )
    return run
  } finally {
    moveLogs(logs, files.directory, parts)
    rmSync(directory, { recursive: true, force: true })
    // The next round does not pay for this one's pages.
    spawnSync('sync')
  }
}
