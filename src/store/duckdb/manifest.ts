import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DecklogError, diskError } from '../../core/errors.ts'
import { AppendFile, goodLength, jsonFrame, readFrames, replaceFile } from './frames.ts'

/** A segment as the manifest names it. Times are nanoseconds since the epoch as text. */
export interface SegmentEntry {
  readonly id: number
  readonly layout: number
  readonly class: string
  /** UTC day of ingestion, `2026-11-24`: retention deletes by it. */
  readonly day: string
  readonly rows: number
  readonly bytes: number
  /** Of the documents, unpacked. */
  readonly documentBytes: number
  readonly blocks: number
  readonly arrivalFirst: number
  readonly arrivalLast: number
  readonly timeMin: string
  readonly timeMax: string
  readonly ingestMinMs: number
  readonly ingestMaxMs: number
  readonly tenants: readonly (readonly [tenant: string, events: number])[]
}

/** One atomic change. */
export interface ManifestChange {
  readonly add?: readonly SegmentEntry[]
  readonly remove?: readonly number[]
  /** By class: all entries of the journal below this arrival are in segments. */
  readonly indexed?: readonly (readonly [className: string, arrival: number])[]
}

const COMPACT_BYTES_MIN = 1024 * 1024

/** Which segments there are: a log of changes, rewritten when most of it is history. */
export class Manifest {
  readonly segments = new Map<number, SegmentEntry>()
  readonly indexed = new Map<string, number>()
  readonly #path: string
  #file: AppendFile | undefined
  #compactAbove = COMPACT_BYTES_MIN

  constructor(directory: string) {
    this.#path = join(directory, 'manifest.log')
  }

  /** Reads what is there; writes nothing. */
  load(): void {
    if (!existsSync(this.#path)) return
    for (const { payload } of readFrames(this.#path))
      this.#take(JSON.parse(payload.toString('utf8')) as ManifestChange)
  }

  /** @throws {DecklogError} retryable; then nothing has changed */
  async change(change: ManifestChange): Promise<void> {
    try {
      const file = await this.#writable()
      await file.append(jsonFrame(change))
    } catch (error) {
      throw error instanceof DecklogError ? error : diskError(error, `write ${this.#path}`)
    }
    this.#take(change)
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  #take(change: ManifestChange): void {
    for (const id of change.remove ?? []) this.segments.delete(id)
    for (const segment of change.add ?? []) this.segments.set(segment.id, segment)
    for (const [className, arrival] of change.indexed ?? []) this.indexed.set(className, arrival)
  }

  async #writable(): Promise<AppendFile> {
    const file = this.#file
    if (file !== undefined && !file.broken && file.length < this.#compactAbove) return file
    if (file !== undefined) {
      this.#file = undefined
      await file.close()
      await this.#compact()
    }
    this.#file = await AppendFile.open(this.#path, existsSync(this.#path) ? goodLength(this.#path) : 0)
    return this.#file
  }

  async #compact(): Promise<void> {
    const whole: ManifestChange = { add: [...this.segments.values()], indexed: [...this.indexed] }
    const frame = jsonFrame(whole)
    await replaceFile(this.#path, [frame])
    const bytes = frame.reduce((sum, part) => sum + part.byteLength, 0)
    this.#compactAbove = Math.max(COMPACT_BYTES_MIN, bytes * 4)
  }
}
