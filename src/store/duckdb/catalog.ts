import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Scope } from '../../ports/store.ts'
import { diskError } from '../../core/errors.ts'
import { syncDirectory } from './frames.ts'
import { Manifest, type ManifestChange, type SegmentEntry } from './manifest.ts'
import { Segment, segmentFolder, segmentPath } from './segments.ts'

/** All segments in use, kept in step with the manifest. */
export class Catalog {
  readonly directory: string
  /** The first file of the journal that is kept. */
  journalFrom = 0
  readonly #manifest: Manifest
  readonly #segments = new Map<number, Segment>()
  /** Folders whose own names are on disk. */
  readonly #synced = new Set<string>()
  #nextId = 1

  constructor(directory: string) {
    this.directory = directory
    this.#manifest = new Manifest(directory)
  }

  load(): void {
    this.#manifest.load()
    for (const entry of this.#manifest.segments.values()) {
      this.#segments.set(entry.id, new Segment(this.directory, entry))
      this.#nextId = Math.max(this.#nextId, entry.id + 1)
    }
  }

  /** Entries of a class below this arrival are in segments. */
  indexedTo(className: string): number {
    return this.#manifest.indexed.get(className) ?? 0
  }

  all(): readonly Segment[] {
    return [...this.#segments.values()]
  }

  /** Segments of the scope, pinned until `release`. */
  pinned(scope: Scope): { readonly segments: readonly Segment[]; readonly release: () => void } {
    const segments = this.all().filter(({ entry }) => inScope(entry, scope))
    for (const segment of segments) segment.pin()
    return {
      segments,
      release: () => {
        for (const segment of segments) segment.unpin()
      },
    }
  }

  /** A number and a place for a new segment; nothing is named until `change`. */
  async place(of: Pick<SegmentEntry, 'class' | 'day'>): Promise<SegmentPlace> {
    const id = this.#nextId++
    await mkdir(segmentFolder(this.directory, of), { recursive: true })
    const path = segmentPath(this.directory, { ...of, id })
    return { id, path, sidecarPath: `${path.slice(0, -'.parquet'.length)}.idx` }
  }

  /** The files of added segments must be on disk; those of removed ones are deleted. */
  async change(change: ManifestChange): Promise<void> {
    for (const entry of change.add ?? []) await this.#syncFolders(entry)
    await this.#manifest.change(change)
    for (const entry of change.add ?? []) this.#segments.set(entry.id, new Segment(this.directory, entry))
    for (const id of change.remove ?? []) {
      const segment = this.#segments.get(id)
      this.#segments.delete(id)
      segment?.doom()
    }
  }

  /** Names of new files are on disk when their folder is flushed; those of new folders, when theirs is. */
  async #syncFolders(entry: SegmentEntry): Promise<void> {
    const folder = segmentFolder(this.directory, entry)
    await syncDirectory(folder)
    if (this.#synced.has(folder)) return
    for (const parent of [dirname(folder), dirname(dirname(folder)), this.directory])
      await syncDirectory(parent)
    this.#synced.add(folder)
  }

  /** Adds segments that the manifest of this directory does not know; used read-only. */
  addUnlisted(directory: string, entries: readonly SegmentEntry[]): void {
    for (const entry of entries) this.#segments.set(entry.id, new Segment(directory, entry))
  }

  /** Deletes files of segments that were never named, or no longer are: leftovers of a crash. */
  async sweep(): Promise<void> {
    const root = join(this.directory, 'segments')
    const named = new Set(this.all().flatMap(({ path, sidecarPath }) => [path, sidecarPath]))
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile() && !named.has(path)) await rm(path, { force: true })
    }
  }

  async close(): Promise<void> {
    for (const segment of this.#segments.values()) segment.close()
    await this.#manifest.close()
  }
}

export function inScope(entry: Pick<SegmentEntry, 'class' | 'tenants'>, scope: Scope): boolean {
  const { classes, clusters } = scope
  if (classes !== '*' && !classes.includes(entry.class)) return false
  return clusters === '*' || entry.tenants.some(([tenant]) => clusters.includes(tenant))
}

/** Some of the segment's events belong to clusters outside the scope. */
export function isPartlyInScope(entry: Pick<SegmentEntry, 'tenants'>, scope: Scope): boolean {
  const { clusters } = scope
  return clusters !== '*' && entry.tenants.some(([tenant]) => !clusters.includes(tenant))
}

export function entryOf(
  place: { readonly id: number },
  of: Pick<
    SegmentEntry,
    'class' | 'day' | 'layout' | 'tenants' | 'documentBytes' | 'ingestMinMs' | 'ingestMaxMs'
  >,
  built: {
    readonly rows: number
    readonly bytes: number
    readonly blocks: readonly {
      arrivalFirst: number
      arrivalLast: number
      timeMin: bigint
      timeMax: bigint
    }[]
  },
): SegmentEntry {
  const { blocks } = built
  const least = (values: readonly bigint[]): bigint => values.reduce((a, b) => (b < a ? b : a))
  const most = (values: readonly bigint[]): bigint => values.reduce((a, b) => (b > a ? b : a))
  return {
    id: place.id,
    layout: of.layout,
    class: of.class,
    day: of.day,
    rows: built.rows,
    bytes: built.bytes,
    documentBytes: of.documentBytes,
    blocks: blocks.length,
    arrivalFirst: Math.min(...blocks.map((block) => block.arrivalFirst)),
    arrivalLast: Math.max(...blocks.map((block) => block.arrivalLast)),
    timeMin: String(least(blocks.map((block) => block.timeMin))),
    timeMax: String(most(blocks.map((block) => block.timeMax))),
    ingestMinMs: of.ingestMinMs,
    ingestMaxMs: of.ingestMaxMs,
    tenants: of.tenants,
  }
}

/** A number and where the files of a segment are. */
export interface SegmentPlace {
  readonly id: number
  readonly path: string
  readonly sidecarPath: string
}

/** Then a segment may be named. */
export async function flushFiles(place: Pick<SegmentPlace, 'path' | 'sidecarPath'>): Promise<void> {
  try {
    for (const path of [place.path, place.sidecarPath]) {
      await using file = await open(path, 'r+')
      await file.datasync()
    }
  } catch (error) {
    throw diskError(error, `flush ${place.path}`)
  }
}

/** Of a segment that is not named. Should it fail, the next start sweeps them. */
export async function removeFiles(place: Pick<SegmentPlace, 'path' | 'sidecarPath'>): Promise<void> {
  for (const path of [place.path, place.sidecarPath]) await rm(path, { force: true }).catch(() => undefined)
}
