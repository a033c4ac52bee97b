import type { DeclaredLoss } from '../../core/batch.ts'
import { systemCode } from '../../core/errors.ts'
import { type OpenRefusal, refusalMessage } from '../../sources/open-log.ts'
import { ListingMoved } from './find-files.ts'
import type { FollowedFile, Follower } from './follower.ts'
import type { StreamFile } from './records.ts'
import type { ShipContext } from './ship-context.ts'

export function newFile(
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

export function saveFiles(follower: Follower, context: ShipContext, losses: readonly DeclaredLoss[]): void {
  const { stream } = follower
  const files = follower.files.map((file) => file.position)
  context.ledger.move(stream, { files, finished: stream.finished, losses: [...stream.losses, ...losses] })
  context.wake(follower)
}

export function lossOf(
  follower: Follower,
  position: StreamFile,
  overwritten: boolean,
  bytes = -1,
): DeclaredLoss {
  const what = overwritten ? 'was truncated or overwritten' : 'was gone'
  const detail = `file ${position.id} (${position.path}) ${what} when ${position.offset} bytes had been read`
  const reason = overwritten ? 'truncated' : 'deleted'
  return { firstSeq: follower.stream.nextSeq, count: 0, bytes, reason, detail }
}

export function refuse(follower: Follower, refusal: OpenRefusal, context: ShipContext): void {
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

/** Files that moved while they were looked at are looked at again after this long. */
const MOVED_MS = 10

/**
 * The system refused a read or a look, or its files moved meanwhile: it is tried again, others go on. A refusal is told.
 * @throws what is neither
 */
export function tellUnreadable(follower: Follower, error: unknown, context: ShipContext): void {
  if (error instanceof ListingMoved) {
    context.telemetry.add('decklog_ship_errors_total', 1, { reason: 'moved' })
    follower.touched = true
    follower.wakeMs = context.clock.now() + MOVED_MS
    return
  }
  const code = systemCode(error)
  if (code === undefined) throw error
  refuse(follower, { kind: 'unreadable', code }, context)
}

/**
 * Remembers the bytes before the offset, in memory of their own: cut from Node's pool, as `Buffer.from` does it, they would keep
 * 64 KiB of it alive, and there may be thousands of files.
 */
export function keepTail(file: FollowedFile, bytes: Buffer): void {
  if (file.tail?.length !== bytes.length) file.tail = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(file.tail)
}

export function grown(file: FollowedFile, size: number, context: ShipContext): void {
  if (size <= file.size) return
  file.size = size
  file.grownMs = context.clock.now()
}
