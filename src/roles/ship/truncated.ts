import { fstatSync } from 'node:fs'
import { UNREAD } from '../../sources/fingerprint.ts'
import { type Candidate, candidates, continuesQuietly, findRead, type Found } from './find-files.ts'
import { lossOf, saveFiles } from './followed-file.ts'
import type { FollowedFile, Follower } from './follower.ts'
import { unfinished } from './known-files.ts'
import type { StreamFile } from './records.ts'
import type { ShipContext } from './ship-context.ts'
import { takeFound, unknownFiles } from './unknown-files.ts'

/** Looks for files that are not what was read of them, or that became smaller. */
export function findTruncated(follower: Follower, context: ShipContext): void {
  for (const file of follower.files.slice()) {
    if (file.fd === undefined || file.unpacked !== undefined) continue
    const { size } = fstatSync(file.fd)
    if (size >= file.size) continue
    const { offset } = file.position
    const isSame = offset > 0 && size >= offset && continuesQuietly(file.fd, file.position)
    if (isSame) shrunk(follower, file, size, context)
    else truncated(follower, file, context)
  }
}

export function overwritten(follower: Follower): FollowedFile | undefined {
  const [first] = follower.files
  return first?.fd === undefined || continuesQuietly(first.fd, first.position) ? undefined : first
}

/** Bytes that were seen and not yet read are gone, what was read is still there. */
function shrunk(follower: Follower, file: FollowedFile, size: number, context: ShipContext): void {
  const loss = lossOf(follower, file.position, true, file.size - size)
  file.size = size
  saveFiles(follower, context, [loss])
}

/**
 * A file was truncated or overwritten under us. Copies that rotation made hold what was not read yet, else it is lost: how
 * much is known only as far as it was seen.
 */
export function truncated(follower: Follower, file: FollowedFile, context: ShipContext): void {
  const { position } = file
  const among = candidates(follower.group).filter((one) => one.id !== position.id)
  const unknown = unknownFiles(among, follower, context)
  const copy = copyOf(position, among, unknown, follower, context)
  const others = unknown.filter((one) => one.position.id !== copy?.position.id)
  const unreadBytes = Math.max(0, file.size - position.offset)
  file.position = { ...UNREAD, id: position.id, path: position.path }
  file.tail = undefined
  file.size = 0
  const at = follower.files.indexOf(file)
  follower.files.splice(at, 0, ...(copy === undefined ? [] : [copy]), ...others)
  const isLost = copy === undefined && (position.offset > 0 || (unreadBytes > 0 && others.length === 0))
  saveFiles(follower, context, isLost ? [lossOf(follower, position, true, unreadBytes)] : [])
}

/** The copy that rotation made of a truncated file: it goes on where that one was. It is one of `unknown`, if any of those is. */
function copyOf(
  position: StreamFile,
  among: readonly Candidate[],
  unknown: readonly FollowedFile[],
  follower: Follower,
  context: ShipContext,
): FollowedFile | undefined {
  if (position.offset === 0) return undefined
  let found: Found | undefined
  try {
    found = findRead(position, follower.group, unfinished(among, follower))
  } catch (error) {
    for (const file of unknown) context.descriptors.release(file)
    throw error
  }
  if (found === undefined) return undefined
  const { id } = found.candidate
  for (const file of unknown) if (file.position.id === id) context.descriptors.release(file)
  return takeFound(position, found, context.clock.now(), context)
}
