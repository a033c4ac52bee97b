import { closeSync } from 'node:fs'
import type { DeclaredLoss } from '../../core/batch.ts'
import { UNREAD } from '../../sources/fingerprint.ts'
import { isOpen, type OpenLog, openLog } from '../../sources/open-log.ts'
import { type Candidate, candidates, findRead } from './find-files.ts'
import { lossOf, newFile, refuse, saveFiles } from './followed-file.ts'
import type { Follower } from './follower.ts'
import { Known, unfinished } from './known-files.ts'
import type { StreamFile } from './records.ts'
import type { ShipContext } from './ship-context.ts'
import { sortByAge, takeFound, unknownFiles, unknownPacked } from './unknown-files.ts'

/** First sight in this run: finds again what an earlier run was reading, and takes what came since. */
export function attach(follower: Follower, context: ShipContext): void {
  const { group } = follower
  const live = openLog(group.livePath, group.root)
  if (!isOpen(live) && live.kind !== 'missing') return refuse(follower, live, context)
  try {
    const losses = attachTo(follower, isOpen(live) ? live : undefined, context)
    follower.attached = true
    context.complaints.over(group.livePath)
    saveFiles(follower, context, losses)
  } catch (error) {
    for (const file of follower.files.splice(0)) context.descriptors.release(file)
    throw error
  }
}

/** @throws ListingMoved with files that are to be given up */
function attachTo(follower: Follower, live: OpenLog | undefined, context: ShipContext): DeclaredLoss[] {
  const { group, stream } = follower
  const nowMs = context.clock.now()
  const losses: DeclaredLoss[] = []
  const unread: StreamFile[] = []
  let liveTaken = false
  try {
    const among = candidates(group)
    const liveCandidate =
      live === undefined ? undefined : { ...live, path: group.livePath, gzip: false, packed: undefined }
    let open = [...unfinished(among, follower), ...(liveCandidate === undefined ? [] : [liveCandidate])]
    for (const position of stream.files) {
      const found = findRead(position, group, open)
      open = open.filter((one) => one !== found?.candidate)
      if (found !== undefined) {
        const isLive = found.candidate === liveCandidate
        liveTaken ||= isLive
        follower.files.push(takeFound(position, found, isLive ? undefined : nowMs, context))
      } else if (position.offset === 0) unread.push(position)
      else losses.push(lossOf(follower, position, live?.id === position.id))
    }
    losses.push(...unread.slice(0, Math.max(0, unread.length - unknownPacked(among, follower))).map(isGone))
    follower.files.push(...unknownFiles(among, follower, context))
    sortByAge(follower, among)
  } catch (error) {
    if (live !== undefined) closeSync(live.fd)
    throw error
  }
  if (live === undefined) follower.goneMs = nowMs
  else takeLive(follower, live, liveTaken, context)
  return losses

  function isGone(position: StreamFile): DeclaredLoss {
    return lossOf(follower, position, live?.id === position.id)
  }
}

export function takeLive(follower: Follower, live: OpenLog, taken: boolean, context: ShipContext): void {
  if (taken) return closeSync(live.fd)
  let position: StreamFile
  try {
    position = livePosition(follower, live)
  } catch (error) {
    closeSync(live.fd)
    throw error
  }
  const size = Math.min(live.size, context.safeBytes(follower.group, live.id))
  const file = newFile(position, { size, packed: undefined }, undefined)
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
