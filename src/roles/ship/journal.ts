import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { diskError, isAbort } from '../../core/errors.ts'
import { passStep } from '../../core/faults.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Complaints } from '../complaints.ts'

/** Flushes are at least this far apart, and cuts that come between share one. A flush takes 0.2 ms on a quiet disk. */
const GROUP_MS = 5
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 2_000
const TROUBLE = 'journal of cuts'

export interface JournalOptions {
  readonly directory: string
  readonly clock: Clock
  readonly complaints: Complaints
  readonly onFailure: (code: string) => void
}

/**
 * Append-only journal in segments. Lines are flushed in groups, in order; `onSafe` is called when a line survives a crash.
 * While the disk refuses, nothing is safe and everything waits: a failed group is cut off again and written anew.
 */
export class Journal {
  readonly #options: JournalOptions
  readonly #closing = new AbortController()
  #pending: string[] = []
  #callbacks: (() => void)[] = []
  #wake: (() => void) | undefined
  #handle: FileHandle | undefined
  #segment: number
  #wantedSegment: number
  /** Flushed bytes of the open segment. */
  #safeBytes = 0
  /** When the last flush began: one that comes after a pause does not wait. */
  #flushedMs = 0
  #running: Promise<void>

  /** Begins with an empty segment of this number. */
  constructor(segment: number, options: JournalOptions) {
    this.#segment = segment
    this.#wantedSegment = segment
    this.#options = options
    this.#running = this.#run()
  }

  get bytes(): number {
    return this.#safeBytes
  }

  append(line: string, onSafe?: () => void): void {
    this.#pending.push(line)
    if (onSafe !== undefined) this.#callbacks.push(onSafe)
    this.#wake?.()
  }

  /** Lines that are appended from now on, and those that wait, go to the next segment. Returns its number. */
  nextSegment(): number {
    this.#wantedSegment++
    return this.#wantedSegment
  }

  /** Writes what is waiting, once, and stops. What cannot be written is given up: none of it was published. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#wake?.()
    await this.#running
    await this.#handle?.close().catch(() => undefined)
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      if (this.#pending.length === 0) await this.#something()
      const sinceMs = performance.now() - this.#flushedMs
      if (sinceMs < GROUP_MS) await this.#options.clock.sleep(GROUP_MS - sinceMs, signal).catch(ignoreAbort)
      this.#flushedMs = performance.now()
      await this.#flushGroup()
    }
    await this.#flushGroup()
  }

  #something(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
      if (this.#closing.signal.aborted) this.#wake()
    })
  }

  async #flushGroup(): Promise<void> {
    const { signal } = this.#closing
    if (this.#pending.length === 0) return
    const text = this.#pending.join('')
    const callbacks = this.#callbacks
    const segment = this.#wantedSegment
    this.#pending = []
    this.#callbacks = []
    for (let pauseMs = RETRY_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      try {
        await this.#write(text, segment)
        break
      } catch (error) {
        await this.#failed(error)
        if (signal.aborted) return
        await this.#options.clock.sleep(pauseMs, signal).catch(ignoreAbort)
      }
    }
    this.#options.complaints.over(TROUBLE)
    for (const callback of callbacks) callback()
  }

  async #write(text: string, segment: number): Promise<void> {
    if (segment !== this.#segment || this.#handle === undefined) await this.#openSegment(segment)
    const handle = this.#handle!
    passStep('cut-journal-write')
    const bytes = Buffer.from(text)
    for (let written = 0; written < bytes.length; ) {
      const result = await handle.write(bytes, written, bytes.length - written, this.#safeBytes + written)
      written += result.bytesWritten
    }
    await handle.datasync()
    this.#safeBytes += bytes.length
  }

  /** Opens a segment and cuts off what a failed write may have left behind the flushed bytes. */
  async #openSegment(segment: number): Promise<void> {
    await this.#handle?.close().catch(() => undefined)
    this.#handle = undefined
    if (segment !== this.#segment) this.#safeBytes = 0
    this.#segment = segment
    const flags = constants.O_RDWR | constants.O_CREAT
    this.#handle = await open(segmentPath(this.#options.directory, segment), flags, 0o600)
    await this.#handle.truncate(this.#safeBytes)
    await syncDirectory(this.#options.directory)
  }

  async #failed(cause: unknown): Promise<void> {
    const trouble = diskError(cause, `append to the ${TROUBLE} in ${this.#options.directory}`)
    this.#options.complaints.raise(TROUBLE, `nothing is shipped: ${trouble.message}`)
    this.#options.onFailure(trouble.code)
    // The next attempt opens the file anew: after a failed flush the kernel's idea of it is not to be trusted.
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close().catch(() => undefined)
  }
}

export function segmentPath(directory: string, segment: number): string {
  return join(directory, `cuts-${String(segment).padStart(8, '0')}.log`)
}

/** Makes creations and renames in a directory survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function ignoreAbort(error: unknown): void {
  if (!isAbort(error)) throw error
}
