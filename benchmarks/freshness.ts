/**
 * How long a line takes from being written until a search finds it, over the HTTP API of `decklog up`: at 10,000 lines/s from ten
 * pods; then lines of SSH while one pod floods with 200,000 lines/s.
 *
 * `node benchmarks/freshness.ts [--seconds 60] [--rate 10000] [--flood-seconds 120] [--flood-rate 200000] [--only steady|flood] [--json FILE]`
 */
import { appendFileSync, statfsSync, writeFileSync } from 'node:fs'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { covered, type RunningDecklog, startDecklog, untilSearchable } from './support/decklog.ts'
import { type Measurement, median, quantile, report } from './support/measurement.ts'
import { say, temporaryPlace } from './support/place.ts'
import { memoryOf } from './support/proc.ts'
import { probe } from './support/probe.ts'
import { startWriter } from './support/writer.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '10000' },
    'flood-seconds': { type: 'string', default: '120' },
    'flood-rate': { type: 'string', default: '200000' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
})
const TARGET_MS = 2_000
const PATIENCE_MS = 60_000
/** Bytes of disk that a flooded line takes, all told: the log, the archive, the journal and the segments. */
const DISK_BYTES_PER_LINE = 600

using place = temporaryPlace('freshness')
const measurements: Measurement[] = []
const notes: string[] = []
if (values.only !== 'flood') await withDecklog('steady', measureSteady)
if (values.only !== 'steady') await withDecklog('flood', measureFlood)
report(
  {
    subject: 'Line written → found by search',
    about:
      'A line with a word of its own is written, and the API is asked for it every 40 ms until an answer holds it; writer, prober and decklog share the machine.',
    notes,
    measurements,
  },
  values.json,
)

async function withDecklog(
  name: string,
  measure: (decklog: RunningDecklog, logs: string) => Promise<void>,
): Promise<void> {
  const directory = join(place.directory, name)
  const logs = join(directory, 'logs')
  mkdirSync(logs, { recursive: true })
  writeFileSync(join(logs, 'auth.log'), '')
  const decklog = await startDecklog({ directory, logs })
  try {
    await measure(decklog, logs)
  } finally {
    await decklog.stop()
  }
}

async function measureSteady(decklog: RunningDecklog, logs: string): Promise<void> {
  const seconds = Number(values.seconds)
  const rate = Number(values.rate)
  say(`steady: ${rate} lines/s for ${seconds} s`)
  const writer = startWriter({
    root: join(logs, 'pods'),
    pods: 10,
    rate,
    seconds: seconds + 2,
    name: 'steady',
  })
  const path = join(logs, 'pods', 'bench_probe_00000000-0000-4000-8000-00000000abcd', 'app', '0.log')
  mkdirSync(join(path, '..'), { recursive: true })
  const took = await probe({
    decklog,
    path,
    lineOf: (word) => `${new Date().toISOString().slice(0, -1)}000000Z stdout F the word is ${word}\n`,
    everyMs: 200,
    durationMs: seconds * 1000,
    patienceMs: PATIENCE_MS,
  })
  const { lines, wanted } = await writer.done
  addFreshness(`container line, ${rate.toLocaleString('en')} lines/s`, took)
  notes.push(
    `steady: ${took.length} probes in ${seconds} s; ${lines.toLocaleString('en')} of ${wanted.toLocaleString('en')} lines written; peak ${memoryOf(decklog.pid).peakMb.toFixed(0)} MB resident`,
  )
  await untilSearchable(decklog, { records: lines + took.length, timeoutMs: 120_000 })
}

async function measureFlood(decklog: RunningDecklog, logs: string): Promise<void> {
  const seconds = Number(values['flood-seconds'])
  const rate = Number(values['flood-rate'])
  const free = statfsSync(place.directory)
  if (free.bavail * free.bsize < seconds * rate * DISK_BYTES_PER_LINE)
    throw new Error(
      `the flood needs ${(seconds * rate * DISK_BYTES_PER_LINE) / 1e9} GB of disk in ${place.directory}`,
    )
  say(`flood: one pod, ${rate} lines/s for ${seconds} s`)
  const path = join(logs, 'auth.log')
  appendFileSync(path, sshLine('before the flood'))
  const writer = startWriter({ root: join(logs, 'pods'), pods: 1, rate, seconds, name: 'flood' })
  const took = await probe({
    decklog,
    path,
    lineOf: sshLine,
    everyMs: 500,
    durationMs: seconds * 1000,
    patienceMs: PATIENCE_MS,
  })
  const pods = await covered(decklog, 'pod')
  const { lines, wanted } = await writer.done
  addFreshness('ssh line, beside a pod that floods', took)
  measurements.push({
    name: 'flood: lines found lost or missing',
    value: pods.declaredLost + pods.undeclaredGaps,
    unit: 'lines',
    target: { atMost: 0 },
  })
  notes.push(
    `flood: ${took.length} probes; one pod wrote ${lines.toLocaleString('en')} of ${wanted.toLocaleString('en')} lines; ` +
      `${pods.records.toLocaleString('en')} were searchable when it ended (${Math.round(pods.records / seconds).toLocaleString('en')}/s), ` +
      `the other ${(lines - pods.records).toLocaleString('en')} waited in the file; peak ${memoryOf(decklog.pid).peakMb.toFixed(0)} MB resident`,
  )
}

function sshLine(word: string): string {
  const time = new Date().toISOString()
  return `${time} node-1 sshd[4711]: Failed password for invalid user ${word} from 203.0.113.7 port 50022 ssh2\n`
}

function addFreshness(name: string, took: readonly number[]): void {
  measurements.push(
    { name: `${name}: p50`, value: median(took), unit: 'ms' },
    { name: `${name}: p99`, value: quantile(took, 0.99), unit: 'ms', target: { atMost: TARGET_MS } },
    { name: `${name}: slowest`, value: Math.max(...took), unit: 'ms' },
  )
}
