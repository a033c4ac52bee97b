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

/**
 * Sorts candidates into those that a stream knows and those that it has never seen. A file that is known accounts for one candidate
 * only: two files with the same bytes are two files.
 */
export class Known {
  readonly #follower: Follower
  readonly #used = new Set<object>()

  constructor(follower: Follower) {
    this.#follower = follower
  }

  has(candidate: Candidate): boolean {
    return (
      this.#use(this.#asBeingRead(candidate)) ||
      this.#use(this.finishedAs(candidate)) ||
      this.#isCopyOfLive(candidate)
    )
  }

  /** Which of the finished files a candidate is. */
  finishedAs(candidate: Candidate): StreamFile | undefined {
    const { packed, id } = candidate
    const finished = this.#follower.stream.finished.filter((one) => !this.#used.has(one))
    if (packed !== undefined) {
      return finished.find((one) => one.offset % 2 ** 32 === packed.size && mayContinue(packed, one))
    }
    // An inode is used again as soon as its file was packed: several may have had it.
    const same = finished.filter((one) => one.id === id)
    if (same.length === 0) return undefined
    const opened = openLog(candidate.path, this.#follower.group.root)
    if (!isOpen(opened)) return same[0]
    try {
      return same.find((one) => continuesQuietly(opened.fd, one))
    } finally {
      closeSync(opened.fd)
    }
  }

  /** Finished files for which a candidate was found. */
  wasFound(finished: StreamFile): boolean {
    return this.#used.has(finished)
  }

  #use(known: object | undefined): boolean {
    if (known !== undefined) this.#used.add(known)
    return known !== undefined
  }

  #asBeingRead(candidate: Candidate): FollowedFile | undefined {
    const { packed, id } = candidate
    const files = this.#follower.files.filter((file) => !this.#used.has(file))
    return (
      files.find((file) => file.position.id === id) ??
      (packed === undefined ? undefined : files.find((file) => isPackedFrom(packed, file)))
    )
  }

  /** A copy that is being made of the live file, which is about to be truncated: then it is looked at again. */
  #isCopyOfLive(candidate: Candidate): boolean {
    const live = this.#follower.files.find((file) => file.endedMs === undefined && file.fd !== undefined)
    if (live === undefined || candidate.packed !== undefined) return false
    const opened = openLog(candidate.path, this.#follower.group.root)
    if (!isOpen(opened)) return false
    try {
      return isCopyOf(opened, live.fd!)
    } finally {
      closeSync(opened.fd)
    }
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
