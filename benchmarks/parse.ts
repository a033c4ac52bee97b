/**
 * Parsing, one thread: raw bytes to document bytes, beside the primitives that it is made of. Rates are per second of the thread's
 * own CPU time, so that a busy machine counts less; each is the median of five rounds. `node benchmarks/parse.ts` prints a table
 * and, as its last line, JSON. With names of formats it measures those alone: `node benchmarks/parse.ts klog sshd`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BATCH_BYTES_MAX } from '../src/core/limits.ts'
import { formats } from '../src/parsers/registry.ts'
import type { FormatDefinition } from '../src/ports/format.ts'
import { parsersOnly } from '../src/roles/process/parts.ts'
import { compilePipeline, type PipelineSpec } from '../src/stages/pipeline.ts'
import { processBatch } from '../src/stages/process-batch.ts'
import { newStreamState } from '../src/stages/stream-state.ts'
import { auditEvent } from '../test/stages/audit-records.ts'
import { batchOf } from '../test/stages/stream-of.ts'

const ROUNDS = 5
const ROUND_MS = 250
const CONTAINER = ['cri', ['json']]

interface Result {
  readonly name: string
  readonly linesPerSecond: number
  readonly bytesPerLine: number
}

interface Lines {
  readonly raw: Buffer
  readonly count: number
}

function measure(name: string, { raw, count }: Lines, run: () => void): Result {
  for (const until = performance.now() + ROUND_MS; performance.now() < until; ) run()
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    const before = process.threadCpuUsage()
    let runs = 0
    while (performance.now() - start < ROUND_MS) {
      run()
      runs++
    }
    const { user, system } = process.threadCpuUsage(before)
    rates.push((runs * count * 1e6) / (user + system))
  }
  const median = rates.sort((a, b) => a - b)[ROUNDS >> 1]!
  return { name, linesPerSecond: Math.round(median), bytesPerLine: Math.round(raw.length / count) }
}

function linesOf(line: (n: number) => string): Lines {
  const lines: string[] = []
  for (let bytes = 0; bytes < BATCH_BYTES_MAX; bytes += lines.at(-1)!.length) {
    lines.push(`${line(lines.length)}\n`)
  }
  return { raw: Buffer.from(lines.join('')), count: lines.length }
}

function stamp(n: number): string {
  return `2026-11-24T08:00:${String(n % 60).padStart(2, '0')}.${String((n * 7919) % 1e9).padStart(9, '0')}Z`
}

function accessLine(n: number): string {
  const text = `10.0.${n % 256}.${(n * 7) % 256} - - "GET /api/v1/items/${n}?page=2 HTTP/1.1" 200 ${n * 13} "-" "okhttp/4.12.0"`
  return `${stamp(n)} stdout F ${text}`.padEnd(193, ' rt=0.012')
}

function wordLine(n: number): string {
  const text = `reconciled deployment shop/cart generation ${n} in 12ms without changes`
  return `${stamp(n)} stdout F ${text}`.padEnd(193, ' and more')
}

function jsonLine(n: number): string {
  const rest = `"method":"GET","path":"/api/items/${n}","status":200,"ms":${n % 97}.5,"user":"u-${n}"`
  return `${stamp(n)} stdout F {"time":"2026-11-24T08:00:00Z","level":"info","msg":"request served",${rest},"trace_id":"4bf92f3577b34da6"}`
}

function traceLine(n: number): string {
  const isHead = n % 8 === 0
  const text = isHead ? 'java.lang.IllegalStateException: no cart' : `\tat shop.Cart.get(Cart.java:${n})`
  return `${stamp(n)} stderr F ${text}`
}

function partLine(n: number): string {
  return `${stamp(n)} stdout ${n % 4 === 3 ? 'F' : 'P'} ${'part of a long line '.repeat(50)}`
}

function bench(name: string, parse: PipelineSpec['match'][number]['parse'], lines: Lines): Result {
  const spec = { class: 'pod', match: [{ when: {}, parse, dataset: 'benchmark.lines' }] }
  const pipeline = compilePipeline(spec, parsersOnly)
  const state = newStreamState()
  const { raw, count } = lines
  let firstSeq = 0
  return measure(name, lines, () => {
    const batch = batchOf({ firstSeq, count, rawBytes: raw.length })
    processBatch(state, batch, { raw, receivedMs: batch.wallTimeMs, pipeline })
    firstSeq += count
  })
}

/** Program starts of six records each, as auditd writes them, or those of four processors mixed. */
function auditLines(processors: number): Lines {
  const lines: string[] = []
  for (let bytes = 0, serial = 1; bytes < BATCH_BYTES_MAX; serial += processors) {
    const events = Array.from({ length: processors }, (_, n) =>
      auditEvent({ serial: serial + n, millis: serial, paths: 2 }),
    )
    for (let at = 0; at < events[0]!.length; at++) lines.push(...events.map((event) => event[at]!))
    bytes += events.flat().reduce((sum, line) => sum + line.length + 1, 0)
  }
  return { raw: Buffer.from(`${lines.join('\n')}\n`), count: lines.length }
}

/** Formats of what hosts say stand behind a syslog header, the others alone. */
function benchExample(format: FormatDefinition): Result {
  if (format.kind === 'record' || !format.dataset.startsWith('system.')) {
    // A joined format's example is several records.
    const lines = format.example.split('\n')
    return bench(
      `${format.name}, its example`,
      [format.name],
      linesOf((n) => lines[n % lines.length]!),
    )
  }
  const header = `2026-11-24T08:00:00.123456+01:00 worker-3 ${format.name}[4711]: `
  const lines = linesOf(() => `${header}${format.example}`)
  return bench(`syslog + ${format.name}, its example`, ['syslog', [format.name]], lines)
}

const FIXTURES = join(import.meta.dirname, '..', 'test', 'fixtures', 'formats')
const HOST = ['sshd', 'sudo', 'su', 'pam', 'logind']

/** All lines of a format's fixtures, one after the other: every form that it has, the rare ones as often as the common ones. */
function benchFixtures(name: string): Result {
  const folder = join(FIXTURES, name)
  const files = readdirSync(folder).filter((file) => file.endsWith('.log'))
  const lines = files.flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n')).filter(Boolean)
  const parse = HOST.includes(name) ? ['syslog', HOST] : [name]
  return bench(
    `${parse.length > 1 ? 'syslog + ' : ''}${name}, its fixtures`,
    parse,
    linesOf((n) => lines[n % lines.length]!),
  )
}

function primitives(): Result[] {
  const lines = linesOf(accessLine)
  const payloads = linesOf((n) => jsonLine(n).slice(40))
  const texts = payloads.raw.toString('latin1').trimEnd().split('\n')
  return [
    measure('newline scan', lines, () => {
      for (let at = 0; at >= 0 && at < lines.raw.length; ) at = lines.raw.indexOf(0x0a, at) + 1
    }),
    measure('JSON.parse of a payload', payloads, () => {
      for (const text of texts) JSON.parse(text)
    }),
    measure('JSON.stringify of {message}', payloads, () => {
      for (const message of texts) JSON.stringify({ message })
    }),
  ]
}

/** A cluster's log of logins, in the shares that it has. */
const AUTH_LINES = [
  'sshd[4711]: Failed password for invalid user admin from 203.0.113.7 port 50522 ssh2',
  'sshd[4711]: Accepted publickey for alice from 203.0.113.7 port 50522 ssh2: ED25519 SHA256:sTN9WI88blCwPH1CtKLQEGFK0jrgTxVBOYguUl35gfw',
  'sshd[4711]: pam_unix(sshd:session): session opened for user alice(uid=1001) by (uid=0)',
  'sshd[4712]: Connection closed by authenticating user root 198.51.100.7 port 4022 [preauth]',
  'sudo[4713]:    alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/systemctl restart kubelet',
  'systemd-logind[812]: New session 42 of user alice.',
  'sshd[4711]: Received disconnect from 203.0.113.7 port 50522:11: disconnected by user',
].map((text) => `2026-11-24T08:00:00.123456+01:00 worker-3 ${text}`)

const KLOG_PLAIN =
  'I1124 08:00:04.523456       1 controller.go:615] quota admission added evaluator for: deployments.apps'

function all(): Result[] {
  return [
    ...primitives(),
    bench('cri, words', CONTAINER, linesOf(wordLine)),
    bench('cri, access log', CONTAINER, linesOf(accessLine)),
    bench('cri, JSON', CONTAINER, linesOf(jsonLine)),
    bench('cri, stack traces', CONTAINER, linesOf(traceLine)),
    bench('cri, parts of long lines', CONTAINER, linesOf(partLine)),
    bench('auditd, joined', ['auditd'], auditLines(1)),
    bench('auditd, joined and mixed', ['auditd'], auditLines(4)),
    bench(
      'cri + klog, plain',
      ['cri', ['klog', 'json']],
      linesOf((n) => `${stamp(n)} stderr F ${KLOG_PLAIN}`),
    ),
    bench(
      'klog, plain',
      ['klog'],
      linesOf(() => KLOG_PLAIN),
    ),
    bench(
      'syslog + logins',
      ['syslog', HOST],
      linesOf((n) => AUTH_LINES[n % AUTH_LINES.length]!),
    ),
    ...[...formats.values()].map(benchExample),
    ...['klog', 'sshd', 'sudo', 'json-app', 'kube-audit']
      .filter((name) => formats.has(name))
      .map(benchFixtures),
  ]
}

function named(names: readonly string[]): Result[] {
  return names.flatMap((name) => {
    const format = formats.get(name)
    if (format === undefined) throw new Error(`there is no format ${name}`)
    return [benchExample(format), benchFixtures(name)]
  })
}

const names = process.argv.slice(2).filter((name) => !name.startsWith('-'))
const results = names.length === 0 ? all() : named(names)
for (const { name, linesPerSecond, bytesPerLine } of results) {
  const rate = linesPerSecond.toLocaleString('en').padStart(12)
  const mib = ((linesPerSecond * bytesPerLine) / 1024 / 1024).toFixed(0).padStart(6)
  process.stdout.write(`${name.padEnd(32)}${rate} lines/s ${mib} MiB/s  of ${bytesPerLine} B\n`)
}
process.stdout.write(`${JSON.stringify({ benchmark: 'parse', per: 'thread CPU second', results })}\n`)
