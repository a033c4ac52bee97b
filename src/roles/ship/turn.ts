import { BATCH_BYTES_MAX, PAUSE_MARK_MS } from '../../core/limits.ts'
import { fingerprint, TAIL_BYTES_MAX } from '../../sources/fingerprint.ts'
import { readFully } from '../../sources/open-log.ts'
import { cutChunk } from './cut-chunk.ts'
import { type Chunk, type Decided, decideCut, decideEmptyCut, decideRecordEnd } from './decide-cut.ts'
import { finishFirst, isGoneForGood } from './file-ends.ts'
import { keepTail } from './followed-file.ts'
import { lookAtFiles } from './files-of-stream.ts'
import { openFirst } from './open-first.ts'
import { truncated } from './truncated.ts'
import type { FollowedFile, Follower } from './follower.ts'
import { simdMemory } from './newline-simd.ts'
import type { ShipContext } from './ship-context.ts'

/** `more`: take another turn. `rest`: nothing to do before `wakeMs` or a touch. `over`: the stream has ended. */
export type TurnResult = 'more' | 'rest' | 'over'

export interface TurnOptions {
  readonly context: ShipContext
  readonly contextIndex: number
  /** Takes a cut that was decided. The payload may be a view into a shared buffer: it is copied before this returns. */
  readonly take: (follower: Follower, decided: Decided) => void
}

/** Turns are synchronous and take their buffer one after the other. */
const buffer = simdMemory.subarray(0, TAIL_BYTES_MAX + BATCH_BYTES_MAX)
const FOREVER = Number.POSITIVE_INFINITY
/** Looked at this often while lines come, should a watch have missed one. */
const LOOK_AGAIN_MS = 200

/** One turn of one stream: at most one batch, so that no stream keeps others waiting. @throws system errors of the read */
export function takeTurn(follower: Follower, options: TurnOptions): TurnResult {
  const { context } = options
  const { stream } = follower
  follower.wakeMs = FOREVER
  if (follower.touched) lookAtFiles(follower, context)
  if (!follower.attached || follower.unpacking) return 'rest'
  const file = follower.files[0]
  if (stream.fragment > 0 && (file?.position.offset ?? 0) === 0) {
    options.take(follower, decideRecordEnd(follower, options.contextIndex, context.clock))
    return 'more'
  }
  if (file === undefined) return withoutFile(follower, options)
  const files = follower.files.length
  if (!openFirst(follower, context)) return follower.files.length < files ? 'more' : 'rest'
  return readOn(follower, file, options)
}

function readOn(follower: Follower, file: FollowedFile, options: TurnOptions): TurnResult {
  const { context } = options
  const chunk = readChunk(follower, file, context)
  if (chunk === undefined) {
    truncated(follower, file, context)
    return 'more'
  }
  const data = chunk.bytes.subarray(chunk.tailBytes)
  const inRecord = follower.stream.fragment > 0
  let part = cutChunk(data, inRecord, false)
  if (part === undefined && isAtItsEnd(file, data.length, context)) {
    part = cutChunk(data, inRecord, true)
    if (part === undefined) {
      finishFirst(follower, context)
      return 'more'
    }
  }
  if (part === undefined) return atEnd(follower, file, options)
  if (isPaused(follower, context)) {
    options.take(follower, decideEmptyCut(follower, ['idle'], options.contextIndex, context.clock))
    return 'more'
  }
  options.take(follower, decideCut(follower, chunk, part, options.contextIndex, context.clock))
  follower.lastDataMs = context.clock.now()
  if (data.length === BATCH_BYTES_MAX || file.endedMs !== undefined) return 'more'
  follower.wakeMs = follower.lastDataMs + LOOK_AGAIN_MS
  return 'rest'
}

/** Was there a pause that nobody marked, because the shipper was not there, stood still, or could not publish? */
function isPaused({ stream, lastDataMs }: Follower, { clock }: ShipContext): boolean {
  if (stream.idle || stream.nextOrdinal === 0 || stream.fragment > 0) return false
  return clock.now() - lastDataMs > PAUSE_MARK_MS
}

/** Reads on from the offset, with the bytes before it. Undefined: they are no longer what they were. */
function readChunk(follower: Follower, file: FollowedFile, context: ShipContext): Chunk | undefined {
  const { id, offset, tailBytes, tail } = file.position
  const newBytes = Math.max(0, Math.min(BATCH_BYTES_MAX, context.safeBytes(follower.group, id) - offset))
  context.descriptors.used(file)
  const length = readFully(file.fd!, buffer, tailBytes + newBytes, offset - tailBytes)
  if (length < tailBytes) return undefined
  const before = buffer.subarray(0, tailBytes)
  const same = file.tail === undefined ? fingerprint(before) === tail : before.equals(file.tail)
  if (!same) return undefined
  if (file.tail === undefined) keepTail(file, before)
  const size = offset + length - tailBytes
  if (size > file.size) {
    file.size = size
    file.grownMs = context.clock.now()
  }
  return { bytes: buffer.subarray(0, length), tailBytes }
}

/** Whether nothing will be added to a file any more: it was rotated or removed, and has been quiet for a while. */
function isAtItsEnd(file: FollowedFile, unfinishedBytes: number, context: ShipContext): boolean {
  if (file.endedMs === undefined) return false
  if (file.unpacked !== undefined) return true
  return context.clock.now() >= quietAtMs(file, unfinishedBytes, context)
}

function quietAtMs(file: FollowedFile, unfinishedBytes: number, context: ShipContext): number {
  const { rotatedQuietMs, unfinishedQuietMs } = context.timings
  return Math.max(file.endedMs!, file.grownMs) + (unfinishedBytes > 0 ? unfinishedQuietMs : rotatedQuietMs)
}

/** Everything that is finished has been read. */
function atEnd(follower: Follower, file: FollowedFile, options: TurnOptions): TurnResult {
  const { context } = options
  if (declare(follower, options)) return 'more'
  if (file.endedMs !== undefined) {
    const unfinished = file.size - file.position.offset
    follower.wakeMs = quietAtMs(file, unfinished, context)
    return 'rest'
  }
  return rest(follower, options)
}

function withoutFile(follower: Follower, options: TurnOptions): TurnResult {
  const { context } = options
  const { stream } = follower
  if (isGoneForGood(follower, context)) {
    if (stream.nextOrdinal === 0 && stream.losses.length === 0) context.ledger.forget(stream)
    else options.take(follower, decideEmptyCut(follower, ['closed'], options.contextIndex, context.clock))
    return 'over'
  }
  if (declare(follower, options)) return 'more'
  const result = rest(follower, options)
  // A spool says itself when a stream is over.
  if (follower.goneMs !== undefined && !follower.group.spooled)
    follower.wakeMs = Math.min(follower.wakeMs, context.clock.now() + LOOK_AGAIN_MS)
  return result
}

function declare(follower: Follower, options: TurnOptions): boolean {
  if (follower.stream.losses.length === 0) return false
  options.take(follower, decideEmptyCut(follower, [], options.contextIndex, options.context.clock))
  return true
}

/** Nothing comes: a pause that is long enough is marked, once. */
function rest(follower: Follower, options: TurnOptions): TurnResult {
  const { clock, timings } = options.context
  if (follower.stream.idle || follower.stream.nextOrdinal === 0) return 'rest'
  const dueMs = follower.lastDataMs + timings.idleMs
  if (clock.now() < dueMs) {
    follower.wakeMs = Math.min(dueMs, clock.now() + LOOK_AGAIN_MS)
    return 'rest'
  }
  options.take(follower, decideEmptyCut(follower, ['idle'], options.contextIndex, clock))
  return 'rest'
}
