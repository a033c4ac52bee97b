/**
 * Writes container lines at a rate, in a process of its own: `node write-lines.ts --root DIR --pods N --rate N --seconds N`.
 * Every line is new and has its own time. Ends with `{"lines":…,"bytes":…,"wanted":…}` on stdout; SIGTERM ends it early.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    pods: { type: 'string', default: '10' },
    rate: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '60' },
    name: { type: 'string', default: 'writer' },
  },
})
/** Short turns: so that lines come as they do in life, and not once a second. */
const TURN_MS = 10
/** `<time, 30 bytes> stdout F request ` */
const NUMBER_AT = 30 + ' stdout F request '.length
const NUMBER_DIGITS = 10
const root = values.root!
const pods = Number(values.pods)
const rate = Number(values.rate)
const seconds = Number(values.seconds)
let ended = false
process.once('SIGTERM', () => {
  ended = true
})

const files = Array.from({ length: pods }, (_, pod) => {
  const directory = join(
    root,
    `bench_${values.name}-${pod}_00000000-0000-4000-8000-${String(pod).padStart(12, '0')}`,
    'app',
  )
  mkdirSync(directory, { recursive: true })
  return openSync(join(directory, '0.log'), 'a')
})
const block = newBlock(Math.max(1, Math.ceil((rate * TURN_MS) / 1000 / pods)))
const startMs = performance.now()
let lines = 0
let bytes = 0
for (let turn = 0; !ended && dueAt(performance.now()) < seconds * rate; turn++) {
  const due = dueAt(performance.now())
  for (let pod = turn % pods; lines < due; pod = (pod + 1) % pods) {
    const count = Math.min(block.count, due - lines)
    bytes += writeSync(files[pod]!, block.stamp(lines, count))
    lines += count
  }
  await sleep(TURN_MS)
}
for (const file of files) closeSync(file)
process.stdout.write(`${JSON.stringify({ lines, bytes, wanted: dueAt(performance.now()) })}\n`)

function dueAt(nowMs: number): number {
  return Math.min(Math.floor(((nowMs - startMs) / 1000) * rate), seconds * rate)
}

/** Lines are made once; time and number are written over for each use, so that 200,000 a second leave the machine to others. */
function newBlock(count: number): { count: number; stamp(first: number, used: number): Buffer } {
  const text = Array.from({ length: count }, (_, n) => lineOf(n))
  const width = text[0]!.length
  const buffer = Buffer.from(text.join(''), 'latin1')
  return {
    count,
    stamp(first, used) {
      const time = Buffer.from(new Date().toISOString().slice(0, 23))
      for (let n = 0; n < used; n++) {
        time.copy(buffer, n * width)
        writeNumber(buffer, n * width + NUMBER_AT, first + n)
      }
      return buffer.subarray(0, used * width)
    },
  }
}

function lineOf(n: number): string {
  const item = String((n * 2_654_435_761) % 100_003).padStart(6, '0')
  const time = `2026-11-24T00:00:00.000${String(n % 1e6).padStart(6, '0')}Z`
  const number = '0'.repeat(NUMBER_DIGITS)
  return `${time} stdout F request ${number} handled: item-${item} on /api/v1/items/${item} in ${String(n % 977).padStart(3, '0')}ms status=${200 + (n % 5)}\n`
}

function writeNumber(buffer: Buffer, at: number, value: number): void {
  let rest = value
  for (let digit = NUMBER_DIGITS - 1; digit >= 0; digit--) {
    buffer[at + digit] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}
