import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { diesWithUs } from './place.ts'

export interface Written {
  readonly lines: number
  readonly bytes: number
  /** What the rate would have been. */
  readonly wanted: number
}

export interface Writer {
  /** Resolves when the time is over, or after `end`. */
  readonly done: Promise<Written>
  end(): void
}

/** Lines at a rate, from another process: see `write-lines.ts`. */
export function startWriter(options: {
  readonly root: string
  readonly pods: number
  readonly rate: number
  readonly seconds: number
  readonly name: string
}): Writer {
  const args = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)])
  const script = resolve(import.meta.dirname, '../write-lines.ts')
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  diesWithUs(child)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const done = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`the writer of lines ended with status ${code}`)
    return JSON.parse(text) as Written
  })
  return { done, end: () => child.kill('SIGTERM') }
}
