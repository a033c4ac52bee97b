import { createHash, randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Where things lie:
 * ```
 * <directory>/open/<id>.avro                         being written
 * <directory>/open/<id>.manifest.json                sealed, on its way to its place
 * <directory>/sealed/<name>.avro                     sealed; <name> = <tenant>/<class>/<day>/<time>-<random>
 * <directory>/sealed/<name>.avro.manifest.json       its manifest: there last, so it says that all is there
 * <directory>/damaged/<id>.avro                      set aside, see `recover.ts`
 * ```
 */
export interface Places {
  readonly open: string
  readonly sealed: string
  readonly damaged: string
}

export const MANIFEST_SUFFIX = '.manifest.json'

export function placesIn(directory: string): Places {
  return {
    open: join(directory, 'open'),
    sealed: join(directory, 'sealed'),
    damaged: join(directory, 'damaged'),
  }
}

/**
 * A name for a folder made of a foreign one: lower-case letters, digits and `-` only. Two names never give the same folder:
 * where anything was changed, a hash of the whole name follows.
 */
export function safeName(foreign: string): string {
  const plain = foreign
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .slice(0, 40)
  if (plain === foreign && plain !== '') return plain
  return `${plain}_${createHash('sha256').update(foreign).digest('hex').slice(0, 12)}`
}

/** Name of a new segment below `sealed`, without its suffix; unique by its random part. */
export function segmentName(tenant: string, cls: string, openedMs: number): string {
  const iso = new Date(openedMs).toISOString()
  const time = iso.slice(11, 19).replaceAll(':', '')
  return `${safeName(tenant)}/${safeName(cls)}/${iso.slice(0, 10)}/${time}-${randomBytes(6).toString('hex')}.avro`
}

const SEGMENT_NAME = /^[a-z0-9_-]+\/[a-z0-9_-]+\/\d{4}-\d\d-\d\d\/\d{6}-[0-9a-f]{12}\.avro$/

/** Could this be the name of a segment? Nothing else is ever made into a path. */
export function isSegmentName(name: string): boolean {
  return SEGMENT_NAME.test(name)
}

/** A rename or a new file is safe once its directory is. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
