import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { diskError } from '../../core/errors.ts'
import type { SegmentManifest } from '../../ports/archive.ts'
import { writeWhole } from './manifests.ts'
import { MANIFEST_SUFFIX, type Places, syncDirectory } from './places.ts'

/**
 * Deletes a sealed segment's bytes and leaves its manifest, marked first: should a crash come between the two, the mark is there
 * and the next call deletes the bytes.
 * @throws {DecklogError} retryable when the disk fails
 */
export async function expireSegment(
  manifest: SegmentManifest,
  places: Places,
  nowMs: number,
): Promise<SegmentManifest> {
  const path = join(places.sealed, manifest.name)
  const expired = { ...manifest, expiredMs: manifest.expiredMs ?? nowMs }
  try {
    if (manifest.expiredMs === undefined) {
      await writeWhole(`${path}${MANIFEST_SUFFIX}`, `${JSON.stringify(expired)}\n`)
      await syncDirectory(dirname(path))
    }
    await rm(path, { force: true })
    await syncDirectory(dirname(path))
  } catch (error) {
    throw diskError(error, `delete the archive's expired segment ${path}`)
  }
  return expired
}
