/**
 * Parsing, one thread: raw bytes to document bytes, beside the primitives that it is made of. Each figure is the median of five
 * rounds. `node benchmarks/parse.ts` prints a table and, as its last line, JSON.
 */
import { BATCH_BYTES_MAX } from '../src/core/limits.ts'
import { cri } from '../src/parsers/cri.ts'
import { jsonPayload } from '../src/parsers/json-payload.ts'
import { stackTrace } from '../src/parsers/stack-trace.ts'
import type { FormatDefinition } from '../src/ports/format.ts'
import { compilePipeline, type PipelineSpec } from '../src/stages/pipeline.ts'
import { processBatch } from '../src/stages/process-batch.ts'
import { newStreamState } from '../src/stages/stream-state.ts'
import { batchOf } from '../test/stages/stream-of.ts'

const ROUNDS = 5
const ROUND_MS = 300

interface Result {
  readonly name: string
  readonly linesPerSecond: number
  readonly bytesPerLine: number
}

function measure(name: string, lines: number, bytes: number, run: () => void): Result {
  for (const until = performance.now() + ROUND_MS; performance.now() < until; ) run()
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    let runs = 0
    while (performance.now() - start < ROUND_MS) {
      run()
      runs++
    }
    rates.push((runs * lines * 1000) / (performance.now() - start))
  }
  return {
    name,
    linesPerSecond: Math.round(rates.sort((a, b) => a - b)[2]!),
    bytesPerLine: Math.round(bytes / lines),
  }
}

function payloadOf(line: (n: number) => string): { raw: Buffer; count: number } {
  const lines: string[] = []
  for (let bytes = 0; bytes < BATCH_BYTES_MAX; bytes += lines.at(-1)!.length)
    lines.push(`${line(lines.length)}\n`)
  return { raw: Buffer.from(lines.join('')), count: lines.length }
}

function stamp(n: number): string {
  return `2026-11-24T08:00:${String(n % 60).padStart(2, '0')}.${String((n * 7919) % 1e9).padStart(9, '0')}Z`
}

function plainLine(n: number): string {
  const text = `10.0.${n % 256}.${(n * 7) % 256} - - "GET /api/v1/items/${n}?page=2 HTTP/1.1" 200 ${n * 13} "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"`
  return `${stamp(n)} stdout F ${text}`.padEnd(193, ' x')
}

function wordLine(n: number): string {
  return `${stamp(n)} stdout F reconciled deployment shop/cart generation ${n} in 12ms without changes`.padEnd(
    193,
    ' and more',
  )
}

function jsonLine(n: number): string {
  return `${stamp(n)} stdout F {"time":"2026-11-24T08:00:00Z","level":"info","msg":"request served","method":"GET","path":"/api/items/${n}","status":200,"ms":${n % 97}.5,"user":"u-${n}","trace_id":"4bf92f3577b34da6"}`
}

function benchFormat(
  name: string,
  spec: PipelineSpec,
  formats: readonly FormatDefinition[],
  line: (n: number) => string,
): Result {
  const pipeline = compilePipeline(spec, {
    formats: new Map(formats.map((format) => [format.name, format])),
    lineFormats: new Map([['cri', cri]]),
    payload: jsonPayload,
    trace: stackTrace,
  })
  const { raw, count } = payloadOf(line)
  const state = newStreamState()
  const provenance = { ...batchOf().provenance, format: spec.match[0]!.when.format! }
  let firstSeq = 0
  return measure(name, count, raw.length, () => {
    const batch = batchOf({ provenance, firstSeq, count, rawBytes: raw.length })
    processBatch(state, batch, { raw, receivedMs: batch.wallTimeMs, pipeline })
    firstSeq += count
  })
}

function pods(): PipelineSpec {
  return {
    class: 'pod',
    match: [{ when: { format: 'cri' }, parse: ['cri', ['json']], dataset: 'kubernetes.container_logs' }],
  }
}

function primitives(): Result[] {
  const { raw, count } = payloadOf(plainLine)
  const json = payloadOf((n) => jsonLine(n).slice(40))
  const texts = json.raw.toString('latin1').trimEnd().split('\n')
  return [
    measure('newline scan', count, raw.length, () => {
      let at = 0
      while (at >= 0 && at < raw.length) at = raw.indexOf(0x0a, at) + 1
    }),
    measure('JSON.parse of the payload', json.count, json.raw.length, () => {
      for (const text of texts) JSON.parse(text)
    }),
    measure('JSON.stringify of {message}', json.count, json.raw.length, () => {
      for (const message of texts) JSON.stringify({ message })
    }),
  ]
}

const results = [
  ...primitives(),
  benchFormat('cri, words', pods(), [], wordLine),
  benchFormat('cri, access log', pods(), [], plainLine),
  benchFormat('cri, JSON', pods(), [], jsonLine),
]
for (const { name, linesPerSecond, bytesPerLine } of results) {
  const mib = (linesPerSecond * bytesPerLine) / 1024 / 1024
  process.stdout.write(
    `${name.padEnd(34)}${linesPerSecond.toLocaleString('en').padStart(14)} lines/s ${mib.toFixed(0).padStart(6)} MiB/s  ${bytesPerLine} B\n`,
  )
}
process.stdout.write(`${JSON.stringify({ benchmark: 'parse', results })}\n`)
