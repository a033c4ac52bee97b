import { closeSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileId, isOpen, openLog } from '../../sources/open-log.ts'
import { attach, takeLive } from './attach.ts'
import { type Candidate, candidates } from './find-files.ts'
import { grown, refuse, saveFiles } from './followed-file.ts'
import type { FollowedFile, Follower } from './follower.ts'
import { Known } from './known-files.ts'
import type { ShipContext } from './ship-context.ts'
import { findTruncated, overwritten, truncated } from './truncated.ts'
import { sortByAge, unknownFiles } from './unknown-files.ts'

/**
 * Which files a stream consists of, in which order: looked at whenever something changed. What is not finished of a rotated file
 * is read before the new one. @throws ListingMoved: look again
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
  if (stats === undefined) {
    gone(follower, context)
    // A spool has no live file while nothing comes.
    if (follower.group.spooled && hasOtherEntries(follower, context)) listed(follower, context)
    return
  }
  follower.goneMs = undefined
  const last = follower.files.at(-1)
  if (last === undefined || last.packed !== undefined || fileId(stats) !== last.position.id) {
    return rotated(follower, context)
  }
  last.endedMs = undefined
  findTruncated(follower, context)
  grown(last, Math.min(stats.size, context.safeBytes(follower.group, last.position.id)), context)
  if (hasOtherEntries(follower, context)) listed(follower, context)
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
export function listed(follower: Follower, context: ShipContext): void {
  const { among, unknown } = lookForUnknown(follower, context)
  if (unknown.length === 0) return
  follower.files.push(...unknown)
  sortByAge(follower, among)
  saveFiles(follower, context, [])
}

function rotated(follower: Follower, context: ShipContext): void {
  const { group } = follower
  const live = openLog(group.livePath, group.root)
  if (!isOpen(live) && live.kind === 'missing') return gone(follower, context)
  if (!isOpen(live)) return refuse(follower, live, context)
  context.complaints.over(group.livePath)
  endAll(follower, context)
  try {
    findTruncated(follower, context)
    const { among, unknown } = lookForUnknown(follower, context)
    follower.files.push(...unknown)
    sortByAge(follower, among)
    forgetFinished(follower, among, context)
  } catch (error) {
    closeSync(live.fd)
    throw error
  }
  const isTaken = follower.files.some((file) => file.position.id === live.id)
  takeLive(follower, live, isTaken, context)
  saveFiles(follower, context, [])
}

/** A finished file is forgotten when it is gone. One listing may miss it: it may get another name, or be packed, just then. */
const FORGET_MS = 60_000

function forgetFinished(follower: Follower, among: readonly Candidate[], context: ShipContext): void {
  const { stream, missed } = follower
  const found = new Known(follower, among).foundFinished()
  const open = new Set(stream.open.map((cut) => cut.file))
  const nowMs = context.clock.now()
  stream.finished = stream.finished.filter((one) => {
    if (found.has(one)) missed.delete(one)
    else if (!missed.has(one)) missed.set(one, nowMs)
    return open.has(one.id) || nowMs - (missed.get(one) ?? nowMs) < FORGET_MS
  })
  const kept = new Set(stream.finished)
  for (const one of missed.keys()) if (!kept.has(one)) missed.delete(one)
}

function endAll(follower: Follower, context: ShipContext): void {
  for (const file of follower.files) file.endedMs ??= context.clock.now()
}

export function gone(follower: Follower, context: ShipContext): void {
  follower.goneMs ??= context.clock.now()
  endAll(follower, context)
}
