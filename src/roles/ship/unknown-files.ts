import { UNREAD } from '../../sources/fingerprint.ts'
import { type Candidate, type Found, openListed } from './find-files.ts'
import { newFile } from './followed-file.ts'
import type { FollowedFile, Follower } from './follower.ts'
import { isPackedFrom, Known } from './known-files.ts'
import type { StreamFile } from './records.ts'
import type { ShipContext } from './ship-context.ts'

export function unknownFiles(
  among: readonly Candidate[],
  follower: Follower,
  context: ShipContext,
): FollowedFile[] {
  const { sinceMs } = follower.stream
  const known = new Known(follower, among)
  const files: FollowedFile[] = []
  try {
    for (const one of among) {
      if (one.mtimeMs < sinceMs || (one.packed?.size ?? one.size) === 0 || known.has(one)) continue
      const opened = one.packed === undefined ? openListed(one, follower.group.root) : undefined
      const file = newFile({ ...UNREAD, id: one.id, path: one.path }, one, context.clock.now())
      files.push(file)
      if (opened !== undefined) context.descriptors.hold(file, opened.fd)
    }
    return files
  } catch (error) {
    for (const file of files) context.descriptors.release(file)
    throw error
  }
}

/**
 * How many packed files were never seen. Of what was known and not read nothing tells it from another: if it was packed since,
 * it is one of these.
 */
export function unknownPacked(among: readonly Candidate[], follower: Follower): number {
  const known = new Known(follower, among)
  return among.filter((one) => one.packed !== undefined && !known.has(one)).length
}

/** Puts files in the order of their rotation. One that is being read stays first; the live one, which is not listed, is last. */
export function sortByAge(follower: Follower, among: readonly Candidate[]): void {
  const ranks = new Map(follower.files.map((file) => [file, rankOf(file, among)]))
  const isBegun = (follower.files[0]?.position.offset ?? 0) > 0
  const begun = isBegun ? follower.files.slice(0, 1) : []
  const rest = follower.files.slice(begun.length).sort((a, b) => ranks.get(a)! - ranks.get(b)!)
  follower.files = [...begun, ...rest]
}

function rankOf(file: FollowedFile, among: readonly Candidate[]): number {
  if (file.endedMs === undefined) return among.length
  const listed = among.findIndex((one) => one.id === file.position.id)
  if (listed !== -1) return listed
  return among.findIndex((one) => one.packed !== undefined && isPackedFrom(one.packed, file))
}

export function takeFound(
  position: StreamFile,
  found: Found,
  endedMs: number | undefined,
  context: ShipContext,
): FollowedFile {
  const { id, path } = found.candidate
  const file = newFile({ ...position, id, path }, found.candidate, endedMs)
  if (found.kind === 'plain') context.descriptors.hold(file, found.fd)
  return file
}
