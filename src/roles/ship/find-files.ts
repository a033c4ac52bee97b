import { closeSync, fstatSync } from 'node:fs'
import { continues, type FilePosition, fingerprint, HEAD_BYTES_MAX } from '../../sources/fingerprint.ts'
import { type PackedLog, peekGzip } from '../../sources/gunzip-log.ts'
import { type LogGroup, type RotatedFile, rotatedFiles } from '../../sources/log-group.ts'
import { isOpen, openLog, readFully } from '../../sources/open-log.ts'
import type { FollowedFile, Follower } from './follower.ts'
import type { StreamFile } from './records.ts'

/** A rotated file, with a look into it where it is packed. */
export interface Candidate extends RotatedFile {
  readonly packed: PackedLog | undefined
}

/** Rotated files of a group, oldest first. A packed one beside its plain original is left out: it is being made. */
export function candidates(group: LogGroup): Candidate[] {
  const files = rotatedFiles(group)
  const paths = new Set(files.map((file) => file.path))
  const found: Candidate[] = []
  for (const file of files) {
    if (file.gzip && paths.has(file.path.slice(0, -3))) continue
    const packed = file.gzip ? peekQuietly(file.path) : undefined
    if (!file.gzip || packed !== undefined) found.push({ ...file, packed })
  }
  return found
}

function peekQuietly(path: string): PackedLog | undefined {
  try {
    return peekGzip(path)
  } catch {
    return undefined
  }
}

export type Found =
  | { readonly kind: 'plain'; readonly candidate: Candidate; readonly fd: number }
  | { readonly kind: 'packed'; readonly candidate: Candidate }

/** Finds the file of which `position` was read, under whatever name: same inode first, then same content, then packed. */
export function findRead(
  position: FilePosition,
  group: LogGroup,
  among: readonly Candidate[],
): Found | undefined {
  const sameInode = among.filter((one) => one.id === position.id)
  const others = position.offset === 0 ? [] : among.filter((one) => one.id !== position.id)
  for (const candidate of [...sameInode, ...others]) {
    if (candidate.packed !== undefined) continue
    const opened = openLog(candidate.path, group.root)
    if (!isOpen(opened)) continue
    if (continuesQuietly(opened.fd, position)) return { kind: 'plain', candidate, fd: opened.fd }
    closeSync(opened.fd)
  }
  const packed = among.find((one) => one.packed !== undefined && mayContinue(one.packed, position))
  return packed === undefined ? undefined : { kind: 'packed', candidate: packed }
}

/** A read that fails counts as another content: the caller looks elsewhere, and declares what it does not find. */
export function continuesQuietly(fd: number, position: FilePosition): boolean {
  try {
    return continues(fd, position)
  } catch {
    return false
  }
}

/** Whether a packed file begins as what was read, and is long enough. */
function mayContinue(packed: PackedLog, position: FilePosition): boolean {
  const { headBytes, head, offset } = position
  if (headBytes === 0 || packed.head.length < headBytes || packed.size < offset % 2 ** 32) return false
  return fingerprint(packed.head.subarray(0, headBytes)) === head
}

/** Which of a stream's finished files a candidate is, or undefined. */
export function finishedAs(candidate: Candidate, follower: Follower): StreamFile | undefined {
  const { finished } = follower.stream
  if (candidate.packed !== undefined) {
    const { packed } = candidate
    return finished.find((one) => one.offset % 2 ** 32 === packed.size && mayContinue(packed, one))
  }
  // An inode is used again as soon as its file was packed: several may have had it.
  const same = finished.filter((one) => one.id === candidate.id)
  if (same.length === 0) return undefined
  const opened = openLog(candidate.path, follower.group.root)
  if (!isOpen(opened)) return same[0]
  try {
    return same.find((one) => continuesQuietly(opened.fd, one))
  } finally {
    closeSync(opened.fd)
  }
}

/** Whether a candidate is one of the files that are being read, packed, or a copy that is about to take its place. */
export function isBeingRead(candidate: Candidate, follower: Follower): boolean {
  const { packed, id } = candidate
  if (follower.files.some((file) => file.position.id === id)) return true
  if (packed !== undefined) return follower.files.some((file) => isPackedFrom(packed, file))
  const opened = openLog(candidate.path, follower.group.root)
  if (!isOpen(opened)) return false
  try {
    return follower.files.some((file) => file.fd !== undefined && isCopyOf(opened, file.fd))
  } finally {
    closeSync(opened.fd)
  }
}

/** Whether a packed file was made of one that is being read. */
export function isPackedFrom(packed: PackedLog, file: FollowedFile): boolean {
  if (file.packed !== undefined) return false
  if (file.fd === undefined) return mayContinue(packed, file.position)
  const head = Buffer.alloc(HEAD_BYTES_MAX)
  const count = readFully(file.fd, head, HEAD_BYTES_MAX, 0)
  return fstatSync(file.fd).size % 2 ** 32 === packed.size && packed.head.equals(head.subarray(0, count))
}

const COMPARED_BYTES = 64 * 1024

/** Whether a file holds nothing but the beginning of another. Files that differ do so in their first lines, as a rule. */
function isCopyOf(copy: { readonly fd: number; readonly size: number }, original: number): boolean {
  if (copy.size === 0) return false
  const mine = Buffer.allocUnsafe(COMPARED_BYTES)
  const other = Buffer.allocUnsafe(COMPARED_BYTES)
  for (let at = 0; at < copy.size; at += COMPARED_BYTES) {
    const count = readFully(copy.fd, mine, COMPARED_BYTES, at)
    if (readFully(original, other, count, at) < count) return false
    if (!mine.subarray(0, count).equals(other.subarray(0, count))) return false
  }
  return true
}
