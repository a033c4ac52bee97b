import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { DecklogError, diskError, systemCode } from '../../core/errors.ts'
import { passStep } from '../../core/faults.ts'
import type { SegmentManifest } from '../../ports/archive.ts'
import { isSegmentName, MANIFEST_SUFFIX, syncDirectory, type Places } from './places.ts'
import type { SegmentFile } from './segment-file.ts'

const FORMAT_VERSION = 1
const hex = z.string().regex(/^[0-9a-f]{64}$/)

const manifestSchema = z.object({
  name: z.string().refine(isSegmentName),
  tenant: z.string(),
  class: z.string(),
  sha256: hex,
  bytes: z.int(),
  batches: z.int(),
  records: z.int(),
  openedMs: z.int(),
  sealedMs: z.int(),
  minTimeMs: z.number(),
  maxTimeMs: z.number(),
  streams: z.array(
    z.object({
      stream: z.string(),
      ranges: z.array(z.tuple([z.int(), z.int()])),
      headBefore: hex,
      headAfter: hex,
    }),
  ),
  formatVersion: z.int(),
  expiredMs: z.int().optional(),
})

/**
 * Seals a segment whose blocks are all flushed: the manifest beside it (from here on it is sealed), then both to their
 * place, the manifest last. Whatever step a crash stops it at, `moveSealed` goes on from there after the restart.
 * @throws {DecklogError} retryable; then the segment is open as before
 */
export async function sealSegment(segment: SegmentFile, sealedMs: number): Promise<SegmentManifest> {
  const { identity, summary } = segment
  const manifest: SegmentManifest = {
    ...identity,
    ...summary.manifest(),
    sha256: segment.sha256(),
    bytes: segment.bytes,
    sealedMs,
    formatVersion: FORMAT_VERSION,
  }
  await segment.trim()
  try {
    passStep('seal-inside')
    await writeWhole(`${segment.path}${MANIFEST_SUFFIX}`, `${JSON.stringify(manifest)}\n`)
  } catch (error) {
    throw diskError(error, `write the manifest of the archive's segment ${segment.path}`)
  }
  return manifest
}

/** Moves a sealed segment and its manifest to their place. Safe to repeat. @throws {DecklogError} retryable */
export async function moveSealed(file: string, places: Places): Promise<void> {
  const segment = join(places.open, file)
  const manifest = `${segment}${MANIFEST_SUFFIX}`
  const { name } = await readManifest(manifest)
  const target = join(places.sealed, name)
  try {
    await syncDirectory(places.open)
    const created = await mkdir(dirname(target), { recursive: true })
    await rename(segment, target).catch(unlessMissing)
    await syncDirectory(dirname(target))
    await rename(manifest, `${target}${MANIFEST_SUFFIX}`)
    for (const directory of new Set([dirname(target), places.open])) await syncDirectory(directory)
    if (created !== undefined) await syncParents(dirname(target), places.sealed)
  } catch (error) {
    throw diskError(error, `move the archive's segment ${segment} to its place`)
  }
}

/** @throws {DecklogError} `state-corrupt` when it is not a manifest, retryable when it cannot be read */
export async function readManifest(path: string): Promise<SegmentManifest> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw error
    throw diskError(error, `read the archive's manifest ${path}`)
  }
  try {
    const { expiredMs, ...manifest } = manifestSchema.parse(JSON.parse(text))
    return expiredMs === undefined ? manifest : { ...manifest, expiredMs }
  } catch (cause) {
    throw new DecklogError('state-corrupt', `the archive's manifest ${path} is torn or altered`, { cause })
  }
}

/** Names of the sealed segments of one tenant and class, in order of their opening. */
export async function* sealedNames(places: Places, folder: string): AsyncGenerator<string> {
  for (const day of await namesIn(join(places.sealed, folder))) {
    for (const file of await namesIn(join(places.sealed, folder, day))) {
      const name = `${folder}/${day}/${file.slice(0, -MANIFEST_SUFFIX.length)}`
      if (file.endsWith(MANIFEST_SUFFIX) && isSegmentName(name)) yield name
    }
  }
}

/** `tenant/class` folders that hold sealed segments. */
export async function sealedFolders(places: Places): Promise<string[]> {
  const folders: string[] = []
  for (const tenant of await namesIn(places.sealed)) {
    for (const cls of await namesIn(join(places.sealed, tenant))) folders.push(`${tenant}/${cls}`)
  }
  return folders
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return []
    throw diskError(error, `list the archive's directory ${directory}`)
  }
}

/** The file is there whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    const handle = await open(temporary, 'w', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // Nothing may fail behind the rename: the segment is sealed then. The directory is flushed by `moveSealed`.
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
}

/** A new directory is safe once the one above it is. */
async function syncParents(from: string, to: string): Promise<void> {
  for (let directory = from; directory !== to && basename(directory) !== ''; directory = dirname(directory)) {
    await syncDirectory(dirname(directory))
  }
}

function unlessMissing(error: unknown): void {
  if (systemCode(error) !== 'ENOENT') throw error
}
