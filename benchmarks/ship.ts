/**
 * What the shipper reaches against a bus that discards, beside what its primitives reach on the same bytes in the same run:
 * SHA-256 + zstd level 1 alone, and counting newlines alone. Then its memory with 500 active files.
 *
 * `node benchmarks/ship.ts [--mib 256] [--rounds 5]`
 */
import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { constants, zstdCompressSync } from 'node:zlib'
import { systemClock } from '../src/app/system-clock.ts'
import { encodeRawBatch } from '../src/codec/raw-batch.ts'
import { BATCH_BYTES_MAX } from '../src/core/limits.ts'
import { Telemetry } from '../src/core/telemetry.ts'
import type { Bus } from '../src/ports/bus.ts'
import { countNewlines } from '../src/roles/ship/cut-chunk.ts'
import { type ShipRole, startShipRole } from '../src/roles/ship/ship.ts'
import type { SourceConfig } from '../src/sources/source-config.ts'

const MIB = 1024 * 1024
const ACTIVE_FILES = 500
const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '256' },
    rounds: { type: 'string', default: '5' },
    memory: { type: 'boolean' },
  },
})

if (values.memory === true) await measureMemory()
else await main()

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-bench-ship-'))
  try {
    const path = join(directory, 'big.log')
    const bytes = writeLines(path, Number(values.mib) * MIB)
    const rates = { ship: [] as number[], primitives: [] as number[], newlines: [] as number[] }
    const cpuShares: number[] = []
    // The first of each compiles.
    hashAndPack(path)
    await ship(path, join(directory, 'data-warm'), bytes)
    for (let round = 0; round < Number(values.rounds); round++) {
      const primitives = process.cpuUsage()
      rates.primitives.push(rateOf(bytes, () => hashAndPack(path)))
      const primitivesMs = cpuMsSince(primitives)
      const shipped = await ship(path, join(directory, `data-${round}`), bytes)
      rates.ship.push(shipped.rateMBs)
      cpuShares.push(primitivesMs / shipped.cpuMs)
      rates.newlines.push(rateOf(bytes, () => scan(path)))
    }
    const result = {
      mib: bytes / MIB,
      shipMBs: median(rates.ship),
      hashAndZstdMBs: median(rates.primitives),
      newlineScanMBs: median(rates.newlines),
      share: median(rates.ship.map((rate, round) => rate / rates.primitives[round]!)),
      shareTarget: 0.75,
      // The same from processor time: it holds on a machine that others use too.
      shareOfCpuTime: median(cpuShares),
      ...memoryInOwnProcess(),
    }
    console.table(result)
    console.log(JSON.stringify(result))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Container lines as a runtime writes them, about 190 bytes each. */
function writeLines(path: string, bytesMin: number): number {
  const fd = openSync(path, 'w')
  let written = 0
  for (let line = 0; written < bytesMin; ) {
    const lines: string[] = []
    for (let i = 0; i < 5_000; i++, line++) lines.push(lineOf(line))
    written += writeSync(fd, lines.join(''))
  }
  closeSync(fd)
  return written
}

function lineOf(line: number): string {
  const nanos = String((line * 7_919) % 1e9).padStart(9, '0')
  const item = (line * 2_654_435_761) % 100_003
  const json = `{"level":"info","msg":"request handled","path":"/api/v1/items/${item}","status":${200 + (line % 5)},"ms":${line % 977}}`
  return `2026-11-24T09:00:${String(line % 60).padStart(2, '0')}.${nanos}Z stdout F ${json}\n`
}

function eachChunk(path: string, visit: (chunk: Buffer) => void): void {
  const fd = openSync(path, 'r')
  const chunk = Buffer.allocUnsafe(BATCH_BYTES_MAX)
  for (let count = 1; count > 0; ) {
    count = readSync(fd, chunk, 0, BATCH_BYTES_MAX, null)
    if (count > 0) visit(chunk.subarray(0, count))
  }
  closeSync(fd)
}

function hashAndPack(path: string): void {
  const options = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
  eachChunk(path, (chunk) => {
    hash('sha256', chunk, 'hex')
    zstdCompressSync(chunk, options)
  })
}

function scan(path: string): void {
  eachChunk(path, (chunk) => countNewlines(chunk, chunk.length))
}

function rateOf(bytes: number, run: () => void): number {
  const startMs = performance.now()
  run()
  return bytes / 1_000 / (performance.now() - startMs)
}

async function ship(
  path: string,
  dataDirectory: string,
  bytes: number,
): Promise<{ readonly rateMBs: number; readonly cpuMs: number }> {
  const telemetry = new Telemetry()
  const sources = [{ kind: 'file', class: 'pod', format: 'cri', paths: [path] }] as const
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const role = await start(sources, dataDirectory, telemetry)
  await role.ready
  // All bytes cut, and every batch acknowledged.
  while (
    telemetry.get('decklog_ship_bytes_total', { class: 'pod' }) < bytes ||
    role.status().openBytes.pod! > 0
  )
    await sleep(2)
  const tookMs = performance.now() - startMs
  const cpuMs = cpuMsSince(cpu)
  await role.close()
  return { rateMBs: bytes / 1_000 / tookMs, cpuMs }
}

function start(
  sources: readonly SourceConfig[],
  dataDirectory: string,
  telemetry: Telemetry,
): Promise<ShipRole> {
  const say = (_fields: object, message: string): void => console.error(message)
  return startShipRole({
    sources,
    dataDirectory,
    telemetry,
    bus: discardingBus(),
    clock: systemClock,
    log: { debug: () => undefined, info: () => undefined, warn: say, error: say },
    cluster: 'bench',
    node: 'node',
    pipelineVersion: '1',
    encode: encodeRawBatch,
  })
}

function discardingBus(): Bus {
  const nothing = (): Promise<void> => Promise.resolve()
  return {
    publish: nothing,
    close: nothing,
    subscribe: () => Promise.reject(new Error('not used')),
    lag: () => Promise.resolve([]),
    [Symbol.asyncDispose]: nothing,
  }
}

function memoryInOwnProcess(): object {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--memory'], {
    encoding: 'utf8',
  })
  if (child.status !== 0) throw new Error(child.stderr)
  return JSON.parse(child.stdout) as object
}

/** 500 files that get lines all the time, 5,000 lines a second in all, for five seconds. */
async function measureMemory(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-bench-ship-'))
  const paths = Array.from({ length: ACTIVE_FILES }, (_, pod) => {
    const container = join(directory, 'pods', `ns_pod-${pod}_uid-${pod}`, 'app')
    mkdirSync(container, { recursive: true })
    return join(container, '0.log')
  })
  for (const path of paths) appendFileSync(path, lineOf(0))
  const telemetry = new Telemetry()
  const role = await start(
    [{ kind: 'pods', class: 'pod', path: join(directory, 'pods') }],
    join(directory, 'data'),
    telemetry,
  )
  await role.ready
  const cpu = process.cpuUsage()
  let peakBytes = 0
  for (let round = 0; round < 50; round++) {
    for (const path of paths) appendFileSync(path, lineOf(round))
    await sleep(100)
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
  }
  const { user, system } = process.cpuUsage(cpu)
  await sleep(300)
  const records = telemetry.get('decklog_ship_records_total', { class: 'pod' })
  await role.close()
  rmSync(directory, { recursive: true, force: true })
  const rssMiB = Math.round(peakBytes / MIB)
  const status = {
    activeFiles: ACTIVE_FILES,
    rssMiB,
    rssTargetMiB: 140,
    records,
    cpuShare: (user + system) / 5e6,
  }
  console.log(JSON.stringify(status))
}

function cpuMsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1_000
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}
