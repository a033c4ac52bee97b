import { closeSync, fstatSync } from 'node:fs'
import { HEAD_BYTES_MAX } from '../../sources/fingerprint.ts'
import type { PackedLog } from '../../sources/gunzip-log.ts'
import type { LogGroup } from '../../sources/log-group.ts'
import { readFully } from '../../sources/open-log.ts'
import { type Candidate, continuesQuietly, mayContinue, openListed } from './find-files.ts'
import type { FollowedFile, Follower } from './follower.ts'
import type { StreamFile } from './records.ts'

/** Candidates that are not finished: where a file that is being read may be found again, the oldest first. */
export function unfinished(among: readonly Candidate[], follower: Follower): Candidate[] {
  const known = new Known(follower, among)
  return among.filter((candidate) => known.finishedAs(candidate) === undefined)
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
    const opened = openListed(candidate, this.#follower.group.root)
    if (opened === undefined) return false
    try {
      return isCopyOf(opened, live.fd!)
    } finally {
      closeSync(opened.fd)
    }
  }
}

/** The one of several finished files whose content a candidate has. What may not be read is taken for the first. */
function sameContent(
  candidate: Candidate,
  among: readonly StreamFile[],
  group: LogGroup,
): StreamFile | undefined {
  const { packed } = candidate
  if (packed !== undefined) return among.find((one) => isPackedWhole(packed, one))
  const opened = openListed(candidate, group.root)
  if (opened === undefined) return among[0]
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
