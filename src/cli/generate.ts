import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { DecklogError } from '../core/errors.ts'
import type { ClusterOptions } from '../generate/cluster.ts'
import { ClusterWriter, type WriteOptions, type WriterClock } from '../generate/write-cluster.ts'
import type { Truth } from '../generate/truth.ts'

const EXAMPLES = `
Writes below DIR (with several nodes below DIR/node-1, DIR/node-2, …):
  pods/<namespace>_<pod>_<uid>/<container>/<restart>.log   containers, CRI format
  kubernetes/audit.log                                     Kubernetes audit events, JSON lines (on node-1)
  auth.log                                                 sshd, sudo, su, PAM, logind, cron, syslog format

A planted incident runs through all of them: passwords are tried from 203.0.113.66, "dana" logs in as every day, then
"breakglass" comes from 198.51.100.23: SSH by key, sudo to root, /etc/kubernetes, kubectl exec, a secret, a privileged pod.

The truth goes to stdout as JSON: for each stream its records, bytes and SHA-256, and where the planted records stand.
The same options and seed give the same bytes (with --rate and --follow also give --start, for they begin now).

Examples:
  decklog generate --out /tmp/cluster                                   100,000 records, as fast as the disk takes them
  decklog generate --out /tmp/cluster --records 2000000 --rotate 4MiB --churn --truth /tmp/truth.json
  decklog generate --out /tmp/cluster --rate 500 --follow               writes on until it is stopped
  decklog generate --out /tmp/cluster --nodes 3 --size 1GiB --mix json`

/** Real files of a synthetic cluster, with a known truth. */
export function generateCommand(): Command {
  return new Command('generate')
    .description('a synthetic cluster: log files on disk, at a rate, with a known truth')
    .requiredOption('--out <dir>', 'directory for the files; must be empty, or see --append')
    .option('--seed <n>', 'another seed, another cluster', wholeNumber, 1)
    .option(
      '--records <n>',
      'stop after so many records (default: 100,000 where nothing else ends it)',
      wholeNumber,
    )
    .option('--duration <s>', "stop after so many seconds of the cluster's time", positiveNumber)
    .option('--rate <lines/s>', 'write at this pace; without it as fast as possible', positiveNumber)
    .option('--size <bytes>', 'stop at this size, e.g. 500MB, 1GiB', byteSize)
    .option('--nodes <n>', 'number of nodes', wholeNumber, 1)
    .option('--pods <n>', 'pods alive at a time, over all nodes', wholeNumber, 12)
    .option(
      '--rotate [bytes]',
      'rotate by renaming at this size, and pack, as the kubelet does (10MiB)',
      byteSize,
    )
    .option(
      '--copytruncate [bytes]',
      'rotate by copying and emptying at this size, while the writer is quiet (10MiB)',
      byteSize,
    )
    .option('--keep <n>', 'rotated files that stay of each file', wholeNumber, 5)
    .option('--quiet <ms>', 'how long nothing is written before and after a copytruncate', wholeNumber, 1000)
    .option('--churn', 'pods vanish and others come', false)
    .option('--grace <ms>', 'delete no rotated file and no vanished pod before this age', wholeNumber, 30_000)
    .option('--lossy', 'delete at once, also what nobody may have read: the same as --grace 0', false)
    .option(
      '--follow',
      'keep writing until SIGTERM or SIGINT (at 1,000 lines/s where --rate says nothing)',
      false,
    )
    .option('--start <time>', 'time of the first record: RFC 3339 or "now"', startTime)
    .addOption(
      new Option('--mix <mix>', 'what containers write').choices(['plain', 'mixed', 'json']).default('mixed'),
    )
    .option('--no-incident', 'plant nothing')
    .option('--append', 'write into a directory that holds files; the truth counts only what is new', false)
    .option('--truth <file>', 'write the truth to this file too')
    .addHelpText('after', EXAMPLES)
    .action(generate)
}

interface Flags {
  readonly out: string
  readonly seed: number
  readonly records?: number
  readonly duration?: number
  readonly rate?: number
  readonly size?: number
  readonly nodes: number
  readonly pods: number
  readonly rotate?: number | true
  readonly copytruncate?: number | true
  readonly keep: number
  readonly quiet: number
  readonly churn: boolean
  readonly grace: number
  readonly lossy: boolean
  readonly follow: boolean
  readonly start?: number
  readonly mix: 'plain' | 'mixed' | 'json'
  readonly incident: boolean
  readonly append: boolean
  readonly truth?: string
}

async function generate(flags: Flags): Promise<void> {
  const stop = new AbortController()
  const stopped = (): void => stop.abort()
  process.once('SIGTERM', stopped).once('SIGINT', stopped)
  try {
    const options = writeOptions(flags)
    prepareDirectory(flags)
    const writer = new ClusterWriter(options)
    await writer.write({ clock: machineClock, signal: stop.signal, progress: progressTo(process.stderr) })
    const truth = writer.truth()
    process.stderr.write(
      `wrote ${truth.totals.records} records, ${truth.totals.bytes} bytes, ${truth.totals.streams} streams\n`,
    )
    if (flags.truth !== undefined) writeTruth(flags.truth, truth)
    await new Promise((resolve) => process.stdout.write(`${JSON.stringify(truth)}\n`, resolve))
  } finally {
    process.off('SIGTERM', stopped).off('SIGINT', stopped)
  }
}

/** Cluster's time when neither --start nor a pace is given: a night, and always the same bytes. */
const START_MS = Date.UTC(2026, 10, 24, 1, 50)
const RATE_DEFAULT = 1000
const RECORDS_DEFAULT = 100_000
const ROTATE_BYTES_DEFAULT = 10 * 1024 * 1024

function writeOptions(flags: Flags): WriteOptions {
  if (flags.rotate !== undefined && flags.copytruncate !== undefined) {
    throw new DecklogError('usage', 'choose --rotate or --copytruncate: one file is not rotated in two ways')
  }
  if (flags.nodes < 1 || flags.pods < 1) throw new DecklogError('usage', '--nodes and --pods begin at 1')
  const size = flags.rotate ?? flags.copytruncate
  return {
    directory: flags.out,
    cluster: clusterOptions(flags),
    paced: flags.rate !== undefined || flags.follow,
    bytes: flags.size ?? null,
    rotation:
      flags.rotate !== undefined ? 'rename' : flags.copytruncate !== undefined ? 'copytruncate' : 'none',
    rotateBytes: typeof size === 'number' ? size : ROTATE_BYTES_DEFAULT,
    keep: flags.keep,
    graceMs: flags.lossy ? 0 : flags.grace,
    quietMs: flags.quiet,
  }
}

function clusterOptions(flags: Flags): ClusterOptions {
  const { seed, nodes, pods, mix, churn, incident } = flags
  const paced = flags.rate !== undefined || flags.follow
  const startMs = flags.start ?? (paced ? Date.now() : START_MS)
  const spread =
    flags.records !== undefined && flags.duration !== undefined
      ? flags.records / flags.duration
      : RATE_DEFAULT
  const ratePerSecond = flags.rate ?? spread
  return {
    seed,
    startMs,
    nodes,
    pods,
    mix,
    churn,
    ratePerSecond,
    records: recordsOf(flags, ratePerSecond),
    history: null,
    incident,
  }
}

function recordsOf({ records, duration, size, follow }: Flags, ratePerSecond: number): number | null {
  const byTime = duration === undefined ? undefined : Math.max(1, Math.floor(duration * ratePerSecond))
  if (records !== undefined && byTime !== undefined) return Math.min(records, byTime)
  return records ?? byTime ?? (follow || size !== undefined ? null : RECORDS_DEFAULT)
}

function prepareDirectory({ out, append }: Flags): void {
  try {
    mkdirSync(out, { recursive: true })
    if (append || readdirSync(out).length === 0) return
  } catch (error) {
    throw new DecklogError(
      'usage',
      `cannot use ${out} as --out; it must be a directory that can be written`,
      { cause: error },
    )
  }
  throw new DecklogError('usage', `${out} is not empty: choose another --out, or --append to write into it`)
}

/** The name appears only when the file is whole. */
function writeTruth(path: string, truth: Truth): void {
  writeFileSync(`${path}.tmp`, `${JSON.stringify(truth)}\n`)
  renameSync(`${path}.tmp`, path)
}

const machineClock: WriterClock = {
  now: Date.now,
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal })
  },
}

function progressTo(stderr: NodeJS.WriteStream): (state: { records: number; bytes: number }) => void {
  let saidMs = Date.now()
  return ({ records, bytes }) => {
    if (Date.now() - saidMs < 2000) return
    saidMs = Date.now()
    stderr.write(`${records} records, ${Math.round(bytes / 1_000_000)} MB\n`)
  }
}

function wholeNumber(text: string): number {
  const value = Number(text.replaceAll('_', ''))
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('a whole number is needed, such as 1000.')
  return value
}

function positiveNumber(text: string): number {
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('a number above 0 is needed.')
  return value
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
}

function byteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]i?)?b?$/i.exec(text)
  if (match === null) throw new InvalidArgumentError('a size is needed, such as 500000, 500MB or 1GiB.')
  return Math.max(1, Math.floor(Number(match[1]) * UNITS[(match[2] ?? '').toLowerCase()]!))
}

function startTime(text: string): number {
  const ms = text === 'now' ? Date.now() : Date.parse(text)
  if (Number.isNaN(ms))
    throw new InvalidArgumentError('a time is needed, such as 2026-11-24T01:50:00Z, or "now".')
  return ms
}
