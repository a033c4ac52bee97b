import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'

/** A thread that writes numbered lines and rotates as fast as it is told to, as kubelet or logrotate do, until it is told to stop. */
export interface RotateFast {
  readonly path: string
  readonly style: 'kubelet' | 'logrotate'
  readonly linesAFile: number
  /** Milliseconds between two bursts of lines; three bursts make a file. */
  readonly everyMs: number
  /** At 0 whether to stop, at 1 how many lines were written. */
  readonly shared: Int32Array
}

const { path, style, linesAFile, everyMs, shared } = workerData as RotateFast
let written = 0
let rotations = 0
let descriptor = openSync(path, 'a')
while (Atomics.load(shared, 0) === 0) {
  for (let burst = 0; burst < 3; burst++) {
    let text = ''
    for (let i = 0; i < linesAFile / 3; i++) text += `line ${written++}\n`
    writeSync(descriptor, text)
    await sleep(everyMs)
  }
  if (style === 'kubelet') byTime()
  else byNumber()
  closeSync(descriptor)
  descriptor = openSync(path, 'a')
  rotations++
}
closeSync(descriptor)
Atomics.store(shared, 1, written)

/** The newest stays plain, the one before it is packed: a temporary file, then its name, then the plain one goes. */
function byTime(): void {
  if (rotations > 0) pack(nameOf(rotations - 1))
  renameSync(path, nameOf(rotations))
}

function nameOf(number: number): string {
  const second = String(number % 60).padStart(2, '0')
  const minute = String(Math.floor(number / 60)).padStart(2, '0')
  return `${path}.20261124-10${minute}${second}`
}

/** All move up by one, `delaycompress`: `.1` is plain. */
function byNumber(): void {
  for (let number = rotations; number >= 2; number--) {
    renameSync(`${path}.${number}.gz`, `${path}.${number + 1}.gz`)
  }
  if (existsSync(`${path}.1`)) {
    renameSync(`${path}.1`, `${path}.2`)
    pack(`${path}.2`)
  }
  renameSync(path, `${path}.1`)
}

function pack(plain: string): void {
  writeFileSync(`${plain}.tmp`, gzipSync(readFileSync(plain), { level: 1 }))
  renameSync(`${plain}.tmp`, `${plain}.gz`)
  rmSync(plain)
}
