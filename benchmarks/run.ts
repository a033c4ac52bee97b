/**
 * Runs the benchmarks one after the other, keeps what they measured in `benchmarks/results/` and writes `docs/measurements.md`.
 *
 * `npm run bench` all of them (about two hours on two cores) but the soaks, which run when they are named;
 * `npm run bench -- ship search` these.
 * `--short` takes a third of that: fewer rounds and lines, kept too, and said on the page. `--quick` shortens all of them and keeps
 * nothing: does it all still run? `--page` only writes the page.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { report, type Subject } from './support/measurement.ts'
import { parseSubject, shipSubject, storeSubject, tagSubject } from './support/micro.ts'
import { pageOf, readResults, type Result } from './support/page.ts'
import { say } from './support/place.ts'

interface Benchmark {
  readonly name: string
  readonly args?: readonly string[]
  readonly quick: readonly string[]
  /** Undefined: as long as ever. */
  readonly short?: readonly string[]
  /** It has failed if it takes longer. */
  readonly minutesMax: number
  /** Runs only when it is named. */
  readonly isLong?: boolean
  readonly heapMb?: number
  /** Without these variables it cannot run, and is left out. */
  readonly needs?: readonly string[]
  /** Reads the last line of those that print JSON; the others write a subject to `--json`. */
  readonly read?: (json: never) => Subject
}

const KAFKA = ['DECKLOG_TEST_KAFKA']
const ELASTICSEARCH = ['DECKLOG_TEST_ELASTICSEARCH']

/** In the order of the page: the whole first, then its parts. */
const BENCHMARKS: readonly Benchmark[] = [
  {
    name: 'end-to-end',
    quick: ['--lines', '100000', '--rounds', '1'],
    short: ['--lines', '1000000', '--rounds', '3'],
    minutesMax: 40,
  },
  {
    name: 'freshness',
    quick: ['--seconds', '10', '--flood-seconds', '10'],
    short: ['--seconds', '30', '--flood-seconds', '60'],
    minutesMax: 15,
  },
  {
    name: 'search',
    quick: ['--events', '200000', '--rounds', '3'],
    short: ['--rounds', '7'],
    minutesMax: 40,
  },
  {
    name: 'memory',
    args: ['--minutes', '10'],
    quick: ['--minutes', '0.5', '--load-seconds', '15', '--lines', '300000'],
    short: ['--minutes', '1', '--load-seconds', '30'],
    minutesMax: 30,
  },
  {
    name: 'distributed',
    args: ['--stall-seconds', '300', '--stall-mib', '1024'],
    quick: ['--lines', '50000', '--rounds', '1', '--rival-rounds', '1', '--warm-lines', '0'],
    // Without Elasticsearch for a while: `backlog` has that too.
    short: ['--lines', '400000', '--rounds', '3', '--rival-rounds', '1'],
    minutesMax: 90,
    needs: [...KAFKA, ...ELASTICSEARCH],
  },
  {
    name: 'backlog',
    quick: ['--seconds', '20', '--mib', '64', '--catch-up-seconds', '5'],
    minutesMax: 20,
    needs: [...KAFKA, ...ELASTICSEARCH],
  },
  { name: 'parse', quick: [], minutesMax: 5, read: parseSubject },
  { name: 'tag', quick: [], minutesMax: 5, read: tagSubject },
  { name: 'ship', quick: ['--mib', '64', '--rounds', '1'], minutesMax: 10, read: shipSubject },
  { name: 'sources', quick: ['--seconds', '1', '--rounds', '1'], minutesMax: 10 },
  {
    name: 'store',
    args: ['--events', '1000000'],
    quick: ['--events', '100000'],
    minutesMax: 15,
    read: storeSubject,
  },
  { name: 'kafka-bus', quick: ['--mib', '20', '--rounds', '1'], minutesMax: 15, needs: KAFKA },
  {
    name: 'elasticsearch-write',
    quick: ['--events', '20000', '--rounds', '1'],
    minutesMax: 20,
    needs: ELASTICSEARCH,
  },
  { name: 'integrity-soak', quick: ['--records', '60000', '--kills', '3'], minutesMax: 30, isLong: true },
  {
    name: 'distributed-soak',
    quick: ['--records', '60000', '--pause-seconds', '3'],
    minutesMax: 60,
    isLong: true,
    needs: ['DECKLOG_TEST_KAFKA_PID', 'DECKLOG_TEST_ELASTICSEARCH_PID'],
    // Everything that was written and stored is compared in memory.
    heapMb: 6_000,
  },
]
const RESULTS = resolve(import.meta.dirname, 'results')
const PAGE = resolve(import.meta.dirname, '../docs/measurements.md')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
  },
})
const unknown = positionals.filter((name) => !BENCHMARKS.some((one) => one.name === name))
if (unknown.length > 0) {
  process.stderr.write(
    `no benchmark is called ${unknown.join(', ')}; there are ${BENCHMARKS.map(({ name }) => name).join(', ')}\n`,
  )
  process.exit(2)
}
process.exitCode = values.page ? writePage() : await main()

async function main(): Promise<number> {
  const chosen = BENCHMARKS.filter(({ name, isLong = false }) =>
    positionals.length === 0 ? !isLong : positionals.includes(name),
  )
  const failed: string[] = []
  let ran = 0
  for (const benchmark of chosen) {
    const missing = (benchmark.needs ?? []).filter((name) => process.env[name] === undefined)
    if (missing.length > 0) {
      say(`== ${benchmark.name}: skipped, it needs ${missing.join(' and ')}`)
      continue
    }
    say(`== ${benchmark.name}`)
    ran++
    try {
      const subject = await run(benchmark)
      if (!values.quick) keep(benchmark, subject)
    } catch (error) {
      // One that fails does not take the others' results with it.
      process.stderr.write(`${benchmark.name}: ${(error as Error).message}\n`)
      failed.push(benchmark.name)
    }
  }
  if (!values.quick) writePage()
  process.stdout.write(`${ran - failed.length} benchmarks ran, ${failed.length} failed ${failed.join(' ')}\n`)
  return failed.length === 0 ? 0 : 1
}

async function run({ name, args = [], quick, short, minutesMax, read, heapMb }: Benchmark): Promise<Subject> {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-bench-result-'))
  const json = join(directory, 'result.json')
  try {
    const length = values.quick ? quick : values.short ? (short ?? args) : args
    const options = [...length, ...(read === undefined ? ['--json', json] : [])]
    const output = await runScript(name, options, { minutesMax, heapMb })
    if (read === undefined) return JSON.parse(readFileSync(json, 'utf8')) as Subject
    const subject = read(JSON.parse(output.trim().split('\n').at(-1)!) as never)
    report(subject, json)
    return JSON.parse(readFileSync(json, 'utf8')) as Subject
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Returns what it printed, which is passed on as it comes. */
async function runScript(
  name: string,
  args: readonly string[],
  { minutesMax, heapMb }: { readonly minutesMax: number; readonly heapMb: number | undefined },
): Promise<string> {
  const script = resolve(import.meta.dirname, `${name}.ts`)
  const heap = heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`]
  const child = spawn(process.execPath, [...heap, script, ...args], {
    cwd: resolve(import.meta.dirname, '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    process.stdout.write(chunk)
  })
  const timer = setTimeout(() => child.kill('SIGTERM'), minutesMax * 60_000)
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearTimeout(timer)
  if (code !== 0) throw new Error(`ended with ${signal ?? `status ${code}`}`)
  return Buffer.concat(chunks).toString('utf8')
}

function keep({ name, short }: Benchmark, subject: Subject): void {
  const order = BENCHMARKS.findIndex((one) => one.name === name)
  const taken = {
    order,
    name: values.short && short !== undefined ? `--short ${name}` : name,
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    machine: machineOf(),
  }
  mkdirSync(RESULTS, { recursive: true })
  const result: Result = { ...subject, taken }
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`)
}

function machineOf(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  return `${cpus().length} cores of ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`
}

function writePage(): number {
  writeFileSync(PAGE, pageOf(readResults(RESULTS)))
  say(`wrote ${PAGE}`)
  return 0
}
