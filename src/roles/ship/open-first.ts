import { closeSync } from 'node:fs'
import { isOpen, openLog } from '../../sources/open-log.ts'
import { dropFirst } from './file-ends.ts'
import { candidates, findRead, type Found, idAt } from './find-files.ts'
import { lossOf, refuse, saveFiles } from './followed-file.ts'
import type { FollowedFile, Follower } from './follower.ts'
import { unfinished } from './known-files.ts'
import type { ShipContext } from './ship-context.ts'
import { takeFound, unknownPacked } from './unknown-files.ts'
import { unpackFirst } from './unpack-first.ts'

/** Opens the file to be read next. False: not now; the follower wakes again by itself. @throws ListingMoved: look again */
export function openFirst(follower: Follower, context: ShipContext): boolean {
  const file = follower.files[0]!
  if (file.fd !== undefined) return true
  if (file.packed !== undefined) {
    if (idAt(file.packed) !== file.position.id) return openAgain(follower, file, context)
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
  return openAgain(follower, file, context)
}

/** The first file is not where it was. */
function openAgain(follower: Follower, file: FollowedFile, context: ShipContext): boolean {
  const { group } = follower
  const { position } = file
  const among = candidates(group)
  const moved = among.find((one) => one.id === position.id && one.packed !== undefined)
  const found: Found | undefined =
    file.packed !== undefined && moved !== undefined
      ? { kind: 'packed', candidate: moved }
      : findRead(position, group, unfinished(among, follower))
  if (found === undefined) {
    const isPackedSince = position.offset === 0 && unknownPacked(among, follower) > 0
    if (isPackedSince) follower.listedMs = -1
    follower.touched ||= isPackedSince
    dropFirst(follower, context, isPackedSince ? [] : [lossOf(follower, position, false)])
    return false
  }
  follower.files[0] = takeFound(position, found, context.clock.now(), context)
  saveFiles(follower, context, [])
  return found.kind === 'plain'
}
