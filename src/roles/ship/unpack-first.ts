import { openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { diskError, isAbort } from '../../core/errors.ts'
import { continues } from '../../sources/fingerprint.ts'
import { unpackLog } from '../../sources/gunzip-log.ts'
import { idAt } from './find-files.ts'
import type { FollowedFile, Follower } from './follower.ts'
import type { ShipContext } from './ship-context.ts'

/** Unpacks a rotated file beside the turns of the loop; the follower is woken when it can be read. */
export function unpackFirst(follower: Follower, file: FollowedFile, context: ShipContext): void {
  if (follower.unpacking) return
  follower.unpacking = true
  void unpack(follower, file, context)
    .catch((error: unknown) => failed(follower, file, error, context))
    .finally(() => {
      follower.unpacking = false
      if (!context.signal.aborted) context.wake(follower)
    })
}

async function unpack(follower: Follower, file: FollowedFile, context: ShipContext): Promise<void> {
  const { position } = file
  const path = join(context.unpackDirectory, `${follower.stream.number}-${position.id.replace(':', '-')}`)
  const { unpackedBytesMax: bytesMax, signal } = context
  const { whole, bytes } = await unpackLog(file.packed!, path, { bytesMax, signal })
  // Numbered files move up at each rotation: this may have been another one's content.
  if (idAt(file.packed!) !== position.id) return rmSync(path, { force: true })
  const fd = openSync(path, 'r')
  if (!whole)
    file.damage = `${file.packed} is torn, or unpacks to more than ${bytesMax} bytes: read as far as byte ${bytes}`
  file.unpacked = path
  file.size = bytes
  context.descriptors.hold(file, fd)
  context.complaints.over(file.packed!)
  if (continues(fd, position)) return
  file.damage = `${file.packed} is not what was read before under another name, so its rest was not read`
  file.position = { ...position, offset: bytes, tail: '', tailBytes: 0 }
}

function failed(follower: Follower, file: FollowedFile, error: unknown, context: ShipContext): void {
  if (isAbort(error)) return
  const trouble = diskError(error, `unpack ${file.packed} into ${context.unpackDirectory}`)
  context.complaints.raise(file.packed!, trouble.message)
  context.telemetry.add('decklog_ship_errors_total', 1, { reason: trouble.code })
  follower.wakeMs = context.clock.now() + context.timings.retryMs
}
