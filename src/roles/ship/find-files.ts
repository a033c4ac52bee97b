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

/** Candidates that are not finished: where a file that is being read may be found again, the oldest first. */
export function unfinished(among: readonly Candidate[], follower: Follower): Candidate[] {
  const known = new Known(follower, among)
  return among.filter((candidate) => known.finishedAs(candidate) === undefined)
}

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
 * Sorts candidates into those that a stream knows and those that it has never seen. A known file accounts for one candidate only,
 * for two files with the same bytes are two files. So inodes are compared first, for all candidates; what they leave open is
 * compared by content, the oldest first.
 */
export class Known {
  readonly #follower: Follower
  readonly #finished = new Map<Candidate, StreamFile>()
  readonly #beingRead = new Map<Candidate, FollowedFile>()
  readonly #copies = new Set<Candidate>()

  constructor(follower: Follower, among: readonly Candidate[]) {
    this.#follower = follower
    for (const candidate of among) this.#matchInode(candidate)
    for (const candidate of among) if (!this.has(candidate)) this.#matchContent(candidate)
  }

  has(candidate: Candidate): boolean {
    return this.#finished.has(candidate) || this.#beingRead.has(candidate) || this.#copies.has(candidate)
  }

  /** Which of the finished files a candidate is. */
  finishedAs(candidate: Candidate): StreamFile | undefined {
    return this.#finished.get(candidate)
  }

  /** Finished files of which a candidate was found. */
  foundFinished(): ReadonlySet<StreamFile> {
    return new Set(this.#finished.values())
  }

  #matchInode(candidate: Candidate): void {
    const reading = this.#follower.files.find((file) => file.position.id === candidate.id)
    if (reading !== undefined) {
      this.#beingRead.set(candidate, reading)
      return
    }
    // An inode is used again as soon as its file was packed: several may have had it.
    const same = this.#follower.stream.finished.filter((one) => one.id === candidate.id)
    const finished = same.length === 0 ? undefined : sameContent(candidate, same, this.#follower.group)
    if (finished !== undefined) this.#finished.set(candidate, finished)
  }

  #matchContent(candidate: Candidate): void {
    const { packed } = candidate
    if (packed === undefined) {
      if (this.#isCopyOfLive(candidate)) this.#copies.add(candidate)
      return
    }
    const { stream, files } = this.#follower
    const used = new Set<object>([...this.#finished.values(), ...this.#beingRead.values()])
    const finished = stream.finished.find((one) => !used.has(one) && isPackedWhole(packed, one))
    if (finished !== undefined) {
      this.#finished.set(candidate, finished)
      return
    }
    const reading = files.find((file) => !used.has(file) && isPackedFrom(packed, file))
    if (reading !== undefined) this.#beingRead.set(candidate, reading)
  }

  /** A copy that is being made of the live file, which is about to be truncated: then it is looked at again. */
  #isCopyOfLive(candidate: Candidate): boolean {
    const live = this.#follower.files.find((file) => file.endedMs === undefined && file.fd !== undefined)
    if (live === undefined) return false
    const opened = openLog(candidate.path, this.#follower.group.root)
    if (!isOpen(opened)) return false
    try {
      return isCopyOf(opened, live.fd!)
    } finally {
      closeSync(opened.fd)
    }
  }
}

/** The one of several finished files whose content a candidate has. What cannot be opened now is taken for the first. */
function sameContent(
  candidate: Candidate,
  among: readonly StreamFile[],
  group: LogGroup,
): StreamFile | undefined {
  const { packed } = candidate
  if (packed !== undefined) return among.find((one) => isPackedWhole(packed, one))
  const opened = openLog(candidate.path, group.root)
  if (!isOpen(opened)) return among[0]
  try {
    return among.find((one) => continuesQuietly(opened.fd, one))
  } finally {
    closeSync(opened.fd)
  }
}

function isPackedWhole(packed: PackedLog, finished: StreamFile): boolean {
  return finished.offset % 2 ** 32 === packed.size && mayContinue(packed, finished)
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
