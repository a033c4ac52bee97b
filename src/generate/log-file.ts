import { createHash, type Hash } from 'node:crypto'
import { closeSync, copyFileSync, mkdirSync, openSync, renameSync, truncateSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { diskError } from '../core/errors.ts'
import { RotatedFiles, type RotationScheme } from './rotated-files.ts'

export interface LogFileOptions {
  readonly path: string
  readonly scheme: RotationScheme
  /** `rename`: the file gets another name and a new one begins. `copytruncate`: it is copied, then emptied. */
  readonly rotation: 'none' | 'rename' | 'copytruncate'
  /** Rotated once it is this large. */
  readonly rotateBytes: number
  readonly keep: number
  readonly graceMs: number
  /** With `copytruncate` nothing is written for this long before and after, so that a reader can come to the end. */
  readonly quietMs: number
  /** Closed after each write: for more files than a process may have open. */
  readonly closeAfterWrite: boolean
}

/** Text is gathered up to this before it is written: few system calls. */
const WRITE_BYTES = 64 * 1024
/** A quiet file may hold back this much; then the whole writer waits for it. */
const HELD_BYTES_MAX = 4 * 1024 * 1024

/** One live log file with what was rotated away from it. Counts and hashes all that is written, in order. */
export class LogFile {
  readonly rotated: RotatedFiles
  records = 0
  bytes = 0
  partials = 0
  rotations = 0
  readonly #options: LogFileOptions
  readonly #hash: Hash = createHash('sha256')
  #descriptor = -1
  #fileBytes = 0
  #text = ''
  /** What `copytruncate` does next, and when. */
  #quiet: { readonly until: number; readonly next: 'truncate' | 'resume' } | undefined

  constructor(options: LogFileOptions) {
    this.#options = options
    this.rotated = new RotatedFiles(options.path, options)
  }

  /** Bytes that wait for the end of a quiet time are at their bound: call `service` until they are not. */
  get full(): boolean {
    return this.#quiet !== undefined && this.#text.length >= HELD_BYTES_MAX
  }

  append(text: string, records: number): void {
    this.records += records
    this.#text += text
  }

  /** Writes what has been gathered, if it is enough, and rotates where it is time. `recordMs`: time in the records. */
  service(now: { readonly wallMs: number; readonly recordMs: number }, flush: boolean): void {
    this.#endQuiet(now)
    if (
      this.#quiet === undefined &&
      (flush || this.#text.length >= Math.min(WRITE_BYTES, this.#options.rotateBytes))
    )
      this.#write()
    if (
      this.#quiet === undefined &&
      this.#options.rotation !== 'none' &&
      this.#fileBytes >= this.#options.rotateBytes
    )
      this.#rotate(now)
    this.rotated.expire(now.wallMs)
  }

  /** Writes the rest and closes. A copy that was about to be made is not made. */
  close(): void {
    this.#quiet = undefined
    this.#write()
    this.#close()
  }

  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  #write(): void {
    if (this.#text === '') return
    const bytes = Buffer.from(this.#text, 'latin1')
    this.#text = ''
    try {
      this.#open()
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at)
    } catch (error) {
      throw diskError(error, `write the generated log ${this.#options.path}`)
    }
    this.#hash.update(bytes)
    this.bytes += bytes.length
    this.#fileBytes += bytes.length
    if (this.#options.scheme === 'kubelet') this.partials += partialsIn(bytes)
    if (this.#options.closeAfterWrite) this.#close()
  }

  #open(): void {
    if (this.#descriptor >= 0) return
    mkdirSync(dirname(this.#options.path), { recursive: true })
    this.#descriptor = openSync(this.#options.path, 'a')
  }

  #close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor)
    this.#descriptor = -1
  }

  #rotate({ wallMs, recordMs }: { wallMs: number; recordMs: number }): void {
    if (this.#options.rotation === 'copytruncate') {
      this.#quiet = { until: wallMs + this.#options.quietMs, next: 'truncate' }
      return
    }
    const name = this.rotated.nextName(recordMs)
    renameSync(this.#options.path, name)
    this.rotated.added(name, wallMs)
    this.#close()
    this.#open()
    this.#fileBytes = 0
    this.rotations++
  }

  #endQuiet({ wallMs, recordMs }: { wallMs: number; recordMs: number }): void {
    if (this.#quiet === undefined || wallMs < this.#quiet.until) return
    if (this.#quiet.next === 'resume') {
      this.#quiet = undefined
      return
    }
    const name = this.rotated.nextName(recordMs)
    copyFileSync(this.#options.path, name)
    this.rotated.added(name, wallMs)
    truncateSync(this.#options.path, 0)
    this.#fileBytes = 0
    this.rotations++
    this.#quiet = { until: wallMs + this.#options.quietMs, next: 'resume' }
  }
}

/** The tag of a CRI line stands at a fixed place: after `2026-11-24T02:13:00.123456789Z stdout `. */
const TAG_AT = 30 + 1 + 6 + 1
const PART = 0x50

function partialsIn(bytes: Buffer): number {
  let count = 0
  for (let from = 0; from < bytes.length; from = bytes.indexOf(0x0a, from) + 1) {
    if (bytes[from + TAG_AT] === PART) count++
  }
  return count
}
