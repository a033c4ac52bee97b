/**
 * Parsing, one thread: raw bytes to document bytes, beside the primitives that it is made of. Rates are per second of the thread's
 * own CPU time, so that a busy machine counts less; each is the median of five rounds. `node benchmarks/parse.ts` prints a table
 * and, as its last line, JSON.
 */
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

/** The example of each format; that of a payload format stands behind a syslog header. */
function benchExample(format: FormatDefinition): Result {
  if (format.kind === 'record') {
    return bench(
      `${format.name}, its example`,
      [format.name],
      linesOf(() => format.example),
    )
  }
  const header = `2026-11-24T08:00:00.123456+01:00 worker-3 ${format.name}[4711]: `
  const lines = linesOf(() => `${header}${format.example}`)
  return bench(`syslog + ${format.name}, its example`, ['syslog', [format.name]], lines)
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

const results = [
  ...primitives(),
  bench('cri, words', CONTAINER, linesOf(wordLine)),
  bench('cri, access log', CONTAINER, linesOf(accessLine)),
  bench('cri, JSON', CONTAINER, linesOf(jsonLine)),
  bench('cri, stack traces', CONTAINER, linesOf(traceLine)),
  bench('cri, parts of long lines', CONTAINER, linesOf(partLine)),
  bench('auditd, joined', ['auditd'], auditLines(1)),
  bench('auditd, joined and mixed', ['auditd'], auditLines(4)),
  ...[...formats.values()].map(benchExample),
]
for (const { name, linesPerSecond, bytesPerLine } of results) {
  const rate = linesPerSecond.toLocaleString('en').padStart(12)
  const mib = ((linesPerSecond * bytesPerLine) / 1024 / 1024).toFixed(0).padStart(6)
  process.stdout.write(`${name.padEnd(32)}${rate} lines/s ${mib} MiB/s  of ${bytesPerLine} B\n`)
}
process.stdout.write(`${JSON.stringify({ benchmark: 'parse', per: 'thread CPU second', results })}\n`)
