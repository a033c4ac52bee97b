import { fstatSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DeclaredLoss } from '../../core/batch.ts'
import { grown, saveFiles } from './followed-file.ts'
import type { Follower } from './follower.ts'
import type { ShipContext } from './ship-context.ts'

/** Whether nothing more will come at the group's path. */
export function isGoneForGood(follower: Follower, context: ShipContext): boolean {
  const { goneMs, group } = follower
  if (goneMs === undefined) return false
  const { podGoneMs, fileGoneMs, rotatedQuietMs } = context.timings
  const missingMs = context.clock.now() - goneMs
  if (group.spooled) return statSync(dirname(group.livePath), { throwIfNoEntry: false }) === undefined
  if (group.kind !== 'pods') return missingMs >= fileGoneMs
  if (missingMs >= podGoneMs) return true
  return (
    missingMs >= rotatedQuietMs && statSync(dirname(group.livePath), { throwIfNoEntry: false }) === undefined
  )
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
  } else if (group.spooled) context.descriptors.release(file)
  else if (file.fd !== undefined) {
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
export function dropFirst(follower: Follower, context: ShipContext, losses: readonly DeclaredLoss[]): void {
  context.descriptors.release(follower.files.shift()!)
  saveFiles(follower, context, losses)
}
