import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DecklogError, diskError, systemCode } from '../core/errors.ts'
import { RangeSet } from '../core/ranges.ts'
import type { SeqRange } from '../core/event-batch.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { Archive, ArchivedBatch, ArchiveRule, SegmentManifest } from '../ports/archive.ts'
import type { Clock } from '../ports/clock.ts'
import type { Asking } from '../ports/store.ts'
import type { BatchCodec } from './local/archived-object.ts'
import { expireSegment } from './local/expire-segment.ts'
import { Lane } from './local/lane.ts'
import { moveSealed, readManifest, sealedFolders, sealedNames } from './local/manifests.ts'
import { isSegmentName, MANIFEST_SUFFIX, placesIn, type Places } from './local/places.ts'
import { readSegment } from './local/read-segment.ts'
import { recoverSegments, type Recovered } from './local/recover.ts'

export interface LocalArchiveOptions {
  readonly directory: string
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly codec: BatchCodec
  /** A segment is sealed once it is this large. 256 MiB unless said. */
  readonly sealBytes?: number
  /** A segment is sealed at this age. 5 minutes unless said. */
  readonly sealAgeMs?: number
  /** What was cut or set aside after a crash: for a person to read. */
  readonly onRemark?: (remark: string) => void
}

const SEAL_BYTES = 256 * 1024 * 1024
const SEAL_AGE_MS = 5 * 60_000

/**
 * The archive in a directory; see `local/places.ts` for what lies where. Only one process may have it open.
 * @throws {DecklogError} retryable when the disk fails, `state-corrupt` when a manifest on its way is altered
 */
export async function openLocalArchive(options: LocalArchiveOptions): Promise<Archive> {
  const places = placesIn(options.directory)
  try {
    for (const directory of [places.open, places.sealed]) await mkdir(directory, { recursive: true })
  } catch (error) {
    throw diskError(error, `make the archive's directory ${options.directory}`)
  }
  const recovered = await recoverSegments(places, options.codec)
  for (const remark of recovered.remarks) options.onRemark?.(remark)
  const archive = new LocalArchive(options, places, recovered)
  // What cannot be moved now is moved by the next `seal`.
  await archive.finishMoves().catch((error: unknown) => options.onRemark?.((error as Error).message))
  return archive
}

class LocalArchive implements Archive {
  readonly #options: LocalArchiveOptions
  readonly #places: Places
  readonly #lanes = new Map<string, Lane>()
  /** Sealed, and not yet at their place: file name, and the manifest where this process sealed it. */
  readonly #unmoved = new Map<string, SegmentManifest | undefined>()
  #moving: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(options: LocalArchiveOptions, places: Places, recovered: Recovered) {
    this.#options = options
    this.#places = places
    for (const file of recovered.unmoved) this.#unmoved.set(file, undefined)
    for (const segment of recovered.segments) {
      const { tenant, class: cls } = segment.identity
      // Two open segments of one lane are left only by a crash between sealing and beginning anew; each gets its own lane.
      const taken = this.#lanes.has(laneKey(tenant, cls))
      const key = taken ? laneKey(tenant, cls, segment.path) : laneKey(tenant, cls)
      this.#lanes.set(key, new Lane(this.#laneOptions(tenant, cls), segment))
    }
  }

  async append(
    batches: readonly ArchivedBatch[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    this.#mustBeOpen()
    const groups = Map.groupBy(batches, ({ batch }) => laneKey(batch.tenant, batch.class))
    const appends = [...groups.values()].map((group) => this.#laneOf(group[0]!).append(group, options.signal))
    throwFirst(await Promise.allSettled(appends))
  }

  async seal({ all = false }: { readonly all?: boolean } = {}): Promise<readonly SegmentManifest[]> {
    this.#mustBeOpen()
    const outcomes = await Promise.allSettled(
      [...this.#lanes.values()].map((lane) => lane.seal(all ? 'all' : 'old')),
    )
    for (const [key, lane] of this.#lanes) if (lane.idle) this.#lanes.delete(key)
    const manifests = await this.finishMoves()
    throwFirst(outcomes)
    return manifests
  }

  /** Brings sealed segments to their place; one at a time, however often it is called. */
  finishMoves(): Promise<readonly SegmentManifest[]> {
    const moved = this.#moving.then(() => this.#moveAll())
    this.#moving = moved.catch(() => undefined)
    return moved
  }

  async *list(asking: Asking & { readonly class?: string }): AsyncIterable<SegmentManifest> {
    this.#mustBeOpen()
    const corrupt: unknown[] = []
    for (const folder of await sealedFolders(this.#places)) {
      // A stream belongs to one tenant and class, so repeats are found within a folder.
      const seen = new Map<string, RangeSet>()
      for await (const name of sealedNames(this.#places, folder)) {
        if (asking.signal?.aborted) throw new DecklogError('aborted', 'listing the archive was called off')
        const manifest = await this.#manifestOf(name).catch((error: unknown) => corrupt.push(error))
        if (typeof manifest === 'number' || manifest === undefined || !mayRead(manifest, asking)) continue
        if (asking.class === undefined || asking.class === manifest.class) yield withRepeats(manifest, seen)
      }
    }
    if (corrupt.length > 0) throw corrupt[0]
  }

  async *read(name: string, asking: Asking): AsyncIterable<ArchivedBatch> {
    this.#mustBeOpen()
    const manifest = isSegmentName(name) ? await this.#manifestOf(name) : undefined
    if (manifest === undefined || !mayRead(manifest, asking)) {
      throw new DecklogError(
        'usage',
        'the archive has no sealed segment of this name; list says which there are',
      )
    }
    if (manifest.expiredMs !== undefined) {
      const when = new Date(manifest.expiredMs).toISOString()
      throw new DecklogError(
        'usage',
        `the segment ${name} was deleted by retention at ${when}; only its manifest is left`,
      )
    }
    yield* readSegment(manifest, this.#places, this.#options.codec, asking.signal)
  }

  async expire(
    rules: readonly ArchiveRule[],
    nowMs: number,
    mayDelete: (manifest: SegmentManifest) => Promise<boolean>,
  ): Promise<readonly SegmentManifest[]> {
    this.#mustBeOpen()
    const keptMs = new Map(rules.map((rule) => [rule.class, rule.archiveMs ?? Number.POSITIVE_INFINITY]))
    const expired: SegmentManifest[] = []
    for (const folder of await sealedFolders(this.#places)) {
      for await (const name of sealedNames(this.#places, folder)) {
        const manifest = await this.#manifestOf(name).catch(() => undefined)
        if (manifest === undefined) continue
        const isOver = nowMs - manifest.sealedMs > (keptMs.get(manifest.class) ?? Number.POSITIVE_INFINITY)
        if (manifest.expiredMs !== undefined) await this.#deleteLeftover(manifest, nowMs)
        else if (isOver && (await mayDelete(manifest)))
          expired.push(await expireSegment(manifest, this.#places, nowMs))
      }
    }
    return expired
  }

  /** A crash may have come between the mark and the deletion. */
  async #deleteLeftover(manifest: SegmentManifest, nowMs: number): Promise<void> {
    if (existsSync(join(this.#places.sealed, manifest.name)))
      await expireSegment(manifest, this.#places, nowMs)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()))
    await this.#moving
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #laneOf({ batch }: ArchivedBatch): Lane {
    const key = laneKey(batch.tenant, batch.class)
    const lane = this.#lanes.get(key) ?? new Lane(this.#laneOptions(batch.tenant, batch.class))
    this.#lanes.set(key, lane)
    return lane
  }

  #laneOptions(tenant: string, cls: string): ConstructorParameters<typeof Lane>[0] {
    const { clock, telemetry, codec, sealBytes = SEAL_BYTES, sealAgeMs = SEAL_AGE_MS } = this.#options
    const onSealed = (file: string, manifest: SegmentManifest): unknown => this.#unmoved.set(file, manifest)
    return {
      tenant,
      class: cls,
      places: this.#places,
      clock,
      telemetry,
      codec,
      sealBytes,
      sealAgeMs,
      onSealed,
    }
  }

  /** One that cannot be moved does not keep the others from their place. */
  async #moveAll(): Promise<SegmentManifest[]> {
    const manifests: SegmentManifest[] = []
    const failed: unknown[] = []
    for (const [file, known] of this.#unmoved) {
      try {
        const manifest = known ?? (await readManifest(join(this.#places.open, `${file}${MANIFEST_SUFFIX}`)))
        await moveSealed(file, this.#places)
        this.#unmoved.delete(file)
        manifests.push(manifest)
      } catch (error) {
        failed.push(error)
      }
    }
    if (failed.length > 0) throw failed[0]
    return manifests
  }

  /** Undefined when there is none. */
  async #manifestOf(name: string): Promise<SegmentManifest | undefined> {
    const path = join(this.#places.sealed, `${name}${MANIFEST_SUFFIX}`)
    try {
      const manifest = await readManifest(path)
      if (manifest.name === name) return manifest
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
    throw new DecklogError('state-corrupt', `the archive's manifest ${path} belongs to another segment`)
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new DecklogError('closed', 'the archive is closed')
  }
}

function laneKey(...parts: readonly string[]): string {
  return JSON.stringify(parts)
}

function mayRead(manifest: SegmentManifest, { scope }: Asking): boolean {
  const tenant = scope.clusters === '*' || scope.clusters.includes(manifest.tenant)
  return tenant && (scope.classes === '*' || scope.classes.includes(manifest.class))
}

/** Says which records of a segment stand in an earlier one too: after a redelivery across a seal. */
function withRepeats(manifest: SegmentManifest, seen: Map<string, RangeSet>): SegmentManifest {
  const repeated: { stream: string; ranges: SeqRange[] }[] = []
  for (const { stream, ranges } of manifest.streams) {
    const earlier = seen.get(stream) ?? new RangeSet()
    seen.set(stream, earlier)
    const again = ranges.flatMap(([first, last]) => heldOf(earlier, first, last))
    if (again.length > 0) repeated.push({ stream, ranges: again })
    for (const [first, last] of ranges) earlier.add(first, last)
  }
  return repeated.length === 0 ? manifest : { ...manifest, repeated }
}

/** What of first..last is in the set. */
function heldOf(set: RangeSet, first: number, last: number): SeqRange[] {
  const held: SeqRange[] = []
  let at = first
  for (const [from, to] of [...set.missing(first, last), [last + 1, last + 1] as const]) {
    if (from > at) held.push([at, from - 1])
    at = to + 1
  }
  return held
}

function throwFirst(outcomes: readonly PromiseSettledResult<void>[]): void {
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
