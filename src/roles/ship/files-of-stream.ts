import { closeSync, fstatSync, rmSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DeclaredLoss } from '../../core/batch.ts'
import { systemCode } from '../../core/errors.ts'
import { UNREAD } from '../../sources/fingerprint.ts'
import {
  fileId,
  isOpen,
  type OpenLog,
  type OpenRefusal,
  openLog,
  refusalMessage,
} from '../../sources/open-log.ts'
import {
  type Candidate,
  candidates,
  continuesQuietly,
  findRead,
  isPackedFrom,
  Known,
  unfinished,
} from './find-files.ts'
import type { FollowedFile, Follower } from './follower.ts'
import type { StreamFile } from './records.ts'
import type { ShipContext } from './ship-context.ts'
import { unpackFirst } from './unpack-first.ts'

/**
 * Which files a stream consists of, in which order: looked at whenever something changed. What is not finished of a rotated file
 * is read before the new one.
 */
export function lookAtFiles(follower: Follower, context: ShipContext): void {
  follower.touched = false
  if (!follower.attached) return attach(follower, context)
  const { livePath } = follower.group
  let stats: Stats | undefined
  try {
    stats = statSync(livePath, { throwIfNoEntry: false })
  } catch (error) {
    return refuse(
      follower,
      { kind: 'unreadable', code: (error as NodeJS.ErrnoException).code ?? 'unknown' },
      context,
    )
  }
  if (stats === undefined) return gone(follower, context)
  follower.goneMs = undefined
  const last = follower.files.at(-1)
  if (last === undefined || last.packed !== undefined || fileId(stats) !== last.position.id) {
    return rotated(follower, context)
  }
  last.endedMs = undefined
  findTruncated(follower, context)
  grown(last, stats.size, context)
  if (hasOtherEntries(follower, context)) listed(follower, context)
}

/** Looks for files that are not what was read of them, or that became smaller. */
function findTruncated(follower: Follower, context: ShipContext): void {
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

/** Directory times are as coarse as the kernel's tick: a listing this fresh may miss what came in the same one. */
const MTIME_GRAIN_MS = 50

/** Whether files may have come to the group's directory since they were listed: one that rotation made may be among them. */
function hasOtherEntries(follower: Follower, context: ShipContext): boolean {
  const mtimeMs = statSync(dirname(follower.group.livePath), { throwIfNoEntry: false })?.mtimeMs ?? -1
  if (mtimeMs === follower.listedMs) return false
  follower.listedMs = context.clock.now() - mtimeMs > MTIME_GRAIN_MS ? mtimeMs : -1
  return true
}

function overwritten(follower: Follower): FollowedFile | undefined {
  const [first] = follower.files
  return first?.fd === undefined || continuesQuietly(first.fd, first.position) ? undefined : first
}

/**
 * Rotated files, and those that were never seen. A copy can only be told from one of those while the file that it was made of is
 * what was read of it: should that be truncated while they are compared, all is looked at again.
 */
function lookForUnknown(
  follower: Follower,
  context: ShipContext,
): { readonly among: readonly Candidate[]; readonly unknown: readonly FollowedFile[] } {
  for (;;) {
    const file = overwritten(follower)
    if (file !== undefined) truncated(follower, file, context)
    const among = candidates(follower.group)
    const unknown = unknownFiles(among, follower, context)
    if (unknown.length === 0 || overwritten(follower) === undefined) return { among, unknown }
    for (const one of unknown) context.descriptors.release(one)
  }
}

/** Takes in files that rotation made without the live file becoming another: copies. */
function listed(follower: Follower, context: ShipContext): void {
  const { among, unknown } = lookForUnknown(follower, context)
  if (unknown.length === 0) return
  follower.files.push(...unknown)
  sortByAge(follower, among)
  saveFiles(follower, context, [])
}

/** Bytes that were seen and not yet read are gone, what was read is still there. */
function shrunk(follower: Follower, file: FollowedFile, size: number, context: ShipContext): void {
  const loss = lossOf(follower, file.position, true, file.size - size)
  file.size = size
  saveFiles(follower, context, [loss])
}

function grown(file: FollowedFile, size: number, context: ShipContext): void {
  if (size <= file.size) return
  file.size = size
  file.grownMs = context.clock.now()
}

/** First sight in this run: finds again what an earlier run was reading, and takes what came since. */
function attach(follower: Follower, context: ShipContext): void {
  const { group, stream } = follower
  const live = openLog(group.livePath, group.root)
  if (!isOpen(live) && live.kind !== 'missing') return refuse(follower, live, context)
  follower.attached = true
  context.complaints.over(group.livePath)
  const nowMs = context.clock.now()
  const among = candidates(group)
  const liveCandidate = isOpen(live)
    ? { ...live, path: group.livePath, gzip: false, packed: undefined }
    : undefined
  const losses: DeclaredLoss[] = []
  let liveTaken = false
  let open = [...unfinished(among, follower), ...(liveCandidate === undefined ? [] : [liveCandidate])]
  for (const position of stream.files) {
    const found = findRead(position, group, open)
    open = open.filter((one) => one !== found?.candidate)
    if (found === undefined) {
      // Nothing was read of it, so it cannot be told from another: if it was packed since, it is found below as a new one.
      if (position.offset === 0 && among.some((one) => one.packed !== undefined)) continue
      losses.push(lossOf(follower, position, isOpen(live) && live.id === position.id))
      continue
    }
    const isLive = found.candidate === liveCandidate
    liveTaken ||= isLive
    const { id, path } = found.candidate
    const file = newFile({ ...position, id, path }, found.candidate, isLive ? undefined : nowMs)
    if (found.kind === 'plain') context.descriptors.hold(file, found.fd)
    follower.files.push(file)
  }
  follower.files.push(...unknownFiles(among, follower, context))
  sortByAge(follower, among)
  if (isOpen(live)) takeLive(follower, live, liveTaken, context)
  else follower.goneMs = nowMs
  saveFiles(follower, context, losses)
}

/** Puts files in the order of their rotation. One that is being read stays first; the live one, which is not listed, is last. */
function sortByAge(follower: Follower, among: readonly Candidate[]): void {
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

function takeLive(follower: Follower, live: OpenLog, taken: boolean, context: ShipContext): void {
  if (taken) return closeSync(live.fd)
  const file = newFile(livePosition(follower, live), { size: live.size, packed: undefined }, undefined)
  follower.files.push(file)
  context.descriptors.hold(file, live.fd)
}

/** A live file that was read to its end before, was moved away and came back, goes on where it was. */
function livePosition(follower: Follower, live: OpenLog): StreamFile {
  const { stream, group } = follower
  const path = group.livePath
  const candidate: Candidate = { ...live, path, gzip: false, packed: undefined }
  const known = new Known(follower, [candidate]).finishedAs(candidate)
  if (known === undefined) return { ...UNREAD, id: live.id, path }
  stream.finished = stream.finished.filter((one) => one !== known)
  return { ...known, path }
}

function rotated(follower: Follower, context: ShipContext): void {
  const { group } = follower
  const live = openLog(group.livePath, group.root)
  if (!isOpen(live) && live.kind === 'missing') return gone(follower, context)
  if (!isOpen(live)) return refuse(follower, live, context)
  context.complaints.over(group.livePath)
  endAll(follower, context)
  findTruncated(follower, context)
  const { among, unknown } = lookForUnknown(follower, context)
  follower.files.push(...unknown)
  sortByAge(follower, among)
  forgetFinished(follower, among)
  takeLive(
    follower,
    live,
    follower.files.some((file) => file.position.id === live.id),
    context,
  )
  saveFiles(follower, context, [])
}

function unknownFiles(among: readonly Candidate[], follower: Follower, context: ShipContext): FollowedFile[] {
  const { sinceMs } = follower.stream
  const known = new Known(follower, among)
  return among
    .filter((one) => one.mtimeMs >= sinceMs && (one.packed?.size ?? one.size) > 0)
    .filter((one) => !known.has(one))
    .map((one) => {
      const file = newFile({ ...UNREAD, id: one.id, path: one.path }, one, context.clock.now())
      const opened = one.packed === undefined ? openLog(one.path, follower.group.root) : undefined
      if (opened !== undefined && isOpen(opened)) context.descriptors.hold(file, opened.fd)
      return file
    })
}

function forgetFinished(follower: Follower, among: readonly Candidate[]): void {
  const { stream } = follower
  const found = new Known(follower, among).foundFinished()
  const open = new Set(stream.open.map((cut) => cut.file))
  stream.finished = stream.finished.filter((one) => found.has(one) || open.has(one.id))
}

function endAll(follower: Follower, context: ShipContext): void {
  for (const file of follower.files) file.endedMs ??= context.clock.now()
}

function gone(follower: Follower, context: ShipContext): void {
  follower.goneMs ??= context.clock.now()
  endAll(follower, context)
}

/** Whether nothing more will come at the group's path. */
export function isGoneForGood(follower: Follower, context: ShipContext): boolean {
  const { goneMs, group } = follower
  if (goneMs === undefined) return false
  const { podGoneMs, fileGoneMs, rotatedQuietMs } = context.timings
  const missingMs = context.clock.now() - goneMs
  if (group.kind !== 'pods') return missingMs >= fileGoneMs
  if (missingMs >= podGoneMs) return true
  return (
    missingMs >= rotatedQuietMs && statSync(dirname(group.livePath), { throwIfNoEntry: false }) === undefined
  )
}

/** Opens the file to be read next. False: not now; the follower wakes again by itself. */
export function openFirst(follower: Follower, context: ShipContext): boolean {
  const file = follower.files[0]!
  if (file.fd !== undefined) return true
  if (file.packed !== undefined) {
    unpackFirst(follower, file, context)
    return false
  }
  const { group } = follower
  const opened = openLog(file.position.path, group.root)
  if (isOpen(opened) && opened.id === file.position.id) {
    context.descriptors.hold(file, opened.fd)
    context.complaints.over(file.position.path)
    return true
  }
  if (isOpen(opened)) closeSync(opened.fd)
  else if (opened.kind !== 'missing') {
    refuse(follower, opened, context)
    return false
  }
  const found = findRead(file.position, group, unfinished(candidates(group), follower))
  if (found === undefined) {
    dropFirst(follower, context, lossOf(follower, file.position, false))
    return false
  }
  const { id, path } = found.candidate
  const again = newFile({ ...file.position, id, path }, found.candidate, context.clock.now())
  follower.files[0] = again
  if (found.kind === 'plain') context.descriptors.hold(again, found.fd)
  saveFiles(follower, context, [])
  return found.kind === 'plain'
}

/**
 * A file was truncated or overwritten under us. Copies that rotation made hold what was not read yet, else it is lost: how
 * much is known only as far as it was seen.
 */
export function truncated(follower: Follower, file: FollowedFile, context: ShipContext): void {
  const { position } = file
  const among = candidates(follower.group).filter((one) => one.id !== position.id)
  const found =
    position.offset === 0 ? undefined : findRead(position, follower.group, unfinished(among, follower))
  const unreadBytes = Math.max(0, file.size - position.offset)
  file.position = { ...UNREAD, id: position.id, path: position.path }
  file.tail = undefined
  file.size = 0
  const copies: FollowedFile[] = []
  if (found !== undefined) {
    const { id, path } = found.candidate
    const copy = newFile({ ...position, id, path }, found.candidate, context.clock.now())
    if (found.kind === 'plain') context.descriptors.hold(copy, found.fd)
    copies.push(copy)
  }
  const at = follower.files.indexOf(file)
  follower.files.splice(at, 0, ...copies)
  const others = unknownFiles(among, follower, context)
  follower.files.splice(at + copies.length, 0, ...others)
  const isLost = found === undefined && (position.offset > 0 || (unreadBytes > 0 && others.length === 0))
  saveFiles(follower, context, isLost ? [lossOf(follower, position, true, unreadBytes)] : [])
}

/** The first file was read to its end. */
export function finishFirst(follower: Follower, context: ShipContext): void {
  const file = follower.files.shift()!
  const { stream, group } = follower
  // Nothing tells an empty file from the next one that gets its inode.
  if (file.position.offset > 0) stream.finished = [...stream.finished, file.position]
  const losses: DeclaredLoss[] = []
  if (file.damage !== undefined) {
    losses.push({ firstSeq: stream.nextSeq, count: 0, bytes: -1, reason: 'unreadable', detail: file.damage })
  }
  if (file.unpacked !== undefined) {
    context.descriptors.release(file)
    rmSync(file.unpacked, { force: true })
  } else if (file.fd !== undefined) {
    const { lingerMs } = context.timings
    follower.lingering.push({
      file,
      untilMs: context.clock.now() + (group.kind === 'pods' ? lingerMs : 2 * lingerMs),
    })
  }
  saveFiles(follower, context, losses)
}

/** A writer that has not noticed the rotation may still have written: what it wrote is read now. */
export function lookAtLingering(follower: Follower, context: ShipContext): void {
  if (follower.lingering.length === 0) return
  const nowMs = context.clock.now()
  for (const one of follower.lingering.splice(0)) {
    const { file } = one
    const { size } = fstatSync(file.fd!)
    if (size > file.position.offset) {
      grown(file, size, context)
      follower.stream.finished = follower.stream.finished.filter((finished) => finished !== file.position)
      follower.files.unshift(file)
      saveFiles(follower, context, [])
    } else if (nowMs < one.untilMs) follower.lingering.push(one)
    else context.descriptors.release(file)
  }
}

/** Gives up what is left of the first file, and says so. */
export function dropFirst(follower: Follower, context: ShipContext, loss: DeclaredLoss): void {
  context.descriptors.release(follower.files.shift()!)
  saveFiles(follower, context, [loss])
}

function saveFiles(follower: Follower, context: ShipContext, losses: readonly DeclaredLoss[]): void {
  const { stream } = follower
  const files = follower.files.map((file) => file.position)
  context.ledger.move(stream, { files, finished: stream.finished, losses: [...stream.losses, ...losses] })
  context.wake(follower)
}

function lossOf(follower: Follower, position: StreamFile, overwritten: boolean, bytes = -1): DeclaredLoss {
  const what = overwritten ? 'was truncated or overwritten' : 'was gone'
  const detail = `file ${position.id} (${position.path}) ${what} when ${position.offset} bytes had been read`
  const reason = overwritten ? 'truncated' : 'deleted'
  return { firstSeq: follower.stream.nextSeq, count: 0, bytes, reason, detail }
}

function refuse(follower: Follower, refusal: OpenRefusal, context: ShipContext): void {
  const { livePath } = follower.group
  context.complaints.raise(
    livePath,
    `${refusalMessage(livePath, refusal)}; it is tried again, other files go on`,
  )
  context.telemetry.add('decklog_ship_errors_total', 1, {
    reason: refusal.kind === 'unreadable' ? refusal.code : refusal.kind,
  })
  follower.touched = true
  follower.wakeMs = context.clock.now() + context.timings.retryMs
}

/** The system refused a read or a look: it is told and tried again, others go on. @throws what is no system error */
export function tellUnreadable(follower: Follower, error: unknown, context: ShipContext): void {
  const code = systemCode(error)
  if (code === undefined) throw error
  refuse(follower, { kind: 'unreadable', code }, context)
}

function newFile(
  position: StreamFile,
  from: { readonly size: number; readonly packed: unknown; readonly path?: string },
  endedMs: number | undefined,
): FollowedFile {
  const packed = from.packed === undefined ? undefined : from.path
  return {
    position,
    fd: undefined,
    tail: undefined,
    packed,
    unpacked: undefined,
    damage: undefined,
    endedMs,
    size: from.size,
    grownMs: 0,
  }
}
