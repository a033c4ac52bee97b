import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { DecklogError } from '../../core/errors.ts'
import type { Telemetry } from '../../core/telemetry.ts'
import type { ArchivedBatch, SegmentManifest } from '../../ports/archive.ts'
import type { Clock } from '../../ports/clock.ts'
import { encodeObject, type BatchCodec } from './archived-object.ts'
import { sealSegment } from './manifests.ts'
import type { Places } from './places.ts'
import { createSegment, type SegmentFile } from './segment-file.ts'

export interface LaneOptions {
  readonly tenant: string
  readonly class: string
  readonly places: Places
  readonly codec: BatchCodec
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly sealBytes: number
  readonly sealAgeMs: number
  /** Called with each segment that is sealed and not yet at its place. */
  readonly onSealed: (file: string, manifest: SegmentManifest) => void
}

/** One append that waits for its flush, or a wish to seal. */
interface Job {
  readonly batches: readonly ArchivedBatch[]
  readonly seal: 'all' | 'old' | undefined
  readonly bytes: number
  readonly settle: (error?: unknown) => void
  cancelled: boolean
}

/** A group of appends is flushed together, up to so many payload bytes. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024
/** What a segment remembers of its batches is bounded by this. */
const SEGMENT_BATCHES_MAX = 100_000

/**
 * The batches of one tenant and class: one open segment, and a queue in front of it. Appends that come while the disk
 * flushes wait and are then flushed together, so the number of flushes follows the disk and not the callers.
 */
export class Lane {
  readonly #options: LaneOptions
  readonly #jobs: Job[] = []
  #segment: SegmentFile | undefined
  #running: Promise<void> | undefined

  constructor(options: LaneOptions, segment?: SegmentFile) {
    this.#options = options
    this.#segment = segment
  }

  /** Nothing is open and nobody waits. */
  get idle(): boolean {
    return this.#segment === undefined && this.#jobs.length === 0 && this.#running === undefined
  }

  /** @throws {DecklogError} retryable when the disk fails, `aborted` when the signal fired before its turn came */
  append(batches: readonly ArchivedBatch[], signal?: AbortSignal): Promise<void> {
    return this.#enqueue(batches, undefined, signal)
  }

  /** Seals the open segment, if there is one and it is old or large enough or `all` is said. @throws {DecklogError} retryable */
  seal(wish: 'all' | 'old'): Promise<void> {
    return this.#enqueue([], wish, undefined)
  }

  async close(): Promise<void> {
    const closed = new DecklogError('closed', 'the archive is closed')
    for (const job of this.#jobs.splice(0)) job.settle(closed)
    await this.#running
    await this.#segment?.close()
    this.#segment = undefined
  }

  #enqueue(
    batches: readonly ArchivedBatch[],
    seal: Job['seal'],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        job.cancelled = true
        job.settle(new DecklogError('aborted', 'the append was called off; it may be kept all the same'))
      }
      const job: Job = {
        batches,
        seal,
        bytes: batches.reduce((sum, { batch }) => sum + batch.payload.length, 0),
        cancelled: false,
        settle: (error) => {
          signal?.removeEventListener('abort', abort)
          if (error === undefined) resolve()
          else reject(error)
        },
      }
      if (signal?.aborted) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      this.#jobs.push(job)
      this.#running ??= this.#run()
    })
  }

  async #run(): Promise<void> {
    // The appends of one turn of the event loop come together.
    await Promise.resolve()
    for (let group = this.#takeGroup(); group.length > 0; group = this.#takeGroup()) {
      try {
        const { seal } = group[0]!
        if (seal === undefined) await this.#write(group.flatMap(({ batches }) => batches))
        else await this.#sealIf(seal)
        for (const { settle } of group) settle()
      } catch (error) {
        this.#options.telemetry.add('decklog_archive_errors_total', 1, { class: this.#options.class })
        for (const { settle } of group) settle(error)
      }
    }
    this.#running = undefined
  }

  /** The next appends that are flushed together, or one wish to seal; empty when nothing waits. */
  #takeGroup(): Job[] {
    const group: Job[] = []
    let bytes = 0
    while (this.#jobs.length > 0) {
      const next = this.#jobs[0]!
      bytes += next.bytes
      if (group.length > 0 && (next.seal !== undefined || bytes > GROUP_BYTES_MAX)) break
      this.#jobs.shift()
      if (!next.cancelled) group.push(next)
      if (next.seal !== undefined) break
    }
    return group
  }

  async #write(batches: readonly ArchivedBatch[]): Promise<void> {
    const { class: cls, telemetry, codec } = this.#options
    const segment = await this.#segmentFor(batches[0]!)
    const fresh = segment.fresh(batches)
    if (fresh.length > 0) await segment.add(fresh, codec)
    const bytes = fresh.reduce((sum, { item }) => sum + item.batch.payload.length, 0)
    telemetry.add('decklog_archive_batches_total', fresh.length, { class: cls })
    telemetry.add('decklog_archive_bytes_total', bytes, { class: cls })
    telemetry.add('decklog_archive_repeated_total', batches.length - fresh.length, { class: cls })
    // The batches are safe already; a seal that fails is tried again with the next append and by the role.
    await this.#sealIf('full').catch(() => telemetry.add('decklog_archive_errors_total', 1, { class: cls }))
  }

  /** The open segment, or a new one: also when the open one is of an older schema, after an upgrade. */
  async #segmentFor(first: ArchivedBatch): Promise<SegmentFile> {
    const { schemaName } = encodeObject(first, this.#options.codec)
    if (this.#segment !== undefined && this.#segment.schemaName !== schemaName) await this.#sealIf('all')
    const { places, clock, ...rest } = this.#options
    this.#segment ??= await createSegment({ ...rest, directory: places.open, nowMs: clock.now(), schemaName })
    return this.#segment
  }

  async #sealIf(wish: 'all' | 'old' | 'full'): Promise<void> {
    const segment = this.#segment
    const { clock, sealBytes, sealAgeMs, onSealed } = this.#options
    if (segment === undefined) return
    const full = segment.bytes >= sealBytes || segment.summary.batches >= SEGMENT_BATCHES_MAX
    const old = clock.now() - segment.identity.openedMs >= sealAgeMs
    if (wish !== 'all' && !full && !(wish === 'old' && old)) return
    const manifest = segment.summary.batches === 0 ? undefined : await sealSegment(segment, clock.now())
    if (manifest === undefined) await rm(segment.path, { force: true })
    this.#segment = undefined
    await segment.close()
    if (manifest !== undefined) onSealed(basename(segment.path), manifest)
  }
}
