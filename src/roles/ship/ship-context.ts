import type { Telemetry } from '../../core/telemetry.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Complaints } from '../complaints.ts'
import type { Descriptors, Follower } from './follower.ts'
import type { LogGroup } from '../../sources/log-group.ts'
import type { Ledger } from './ledger.ts'

/** Waits of the shipper, in milliseconds. */
export interface ShipTimings {
  /** A pause this long gets an `idle` mark. @default 500 */
  readonly idleMs: number
  /** Streams that wait for room get one too when nothing was acknowledged for this long. @default 1000 */
  readonly blockedMs: number
  /** Changes are gathered this long, so that thousands of trickling files do not make a batch a line. @default 50 */
  readonly gatherMs: number
  /** A rotated file is left when it has been quiet this long. @default 300 */
  readonly rotatedQuietMs: number
  /** The same when its last line has no end: the writer may be about to finish it. @default 2000 */
  readonly unfinishedQuietMs: number
  /** A file that was read to its end is held this much longer, for a writer that has not noticed the rotation. @default 5000 */
  readonly lingerMs: number
  /** A pod's file that is missing this long will not come again. @default 2000 */
  readonly podGoneMs: number
  /** The same for a file by path: a rotation may create the new one late. @default 10000 */
  readonly fileGoneMs: number
  /** Between attempts at what cannot be read. @default 2000 */
  readonly retryMs: number
}

export const SHIP_TIMINGS: ShipTimings = {
  idleMs: 500,
  blockedMs: 1_000,
  gatherMs: 50,
  rotatedQuietMs: 300,
  unfinishedQuietMs: 2_000,
  lingerMs: 5_000,
  podGoneMs: 2_000,
  fileGoneMs: 10_000,
  retryMs: 2_000,
}

/** What the parts of the shipper share. */
export interface ShipContext {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly complaints: Complaints
  readonly telemetry: Telemetry
  readonly descriptors: Descriptors
  readonly timings: ShipTimings
  /** Rotated files that are packed are unpacked here. */
  readonly unpackDirectory: string
  readonly unpackedBytesMax: number
  /** How much of a file may be read: of what a spool is writing only what is on disk for certain, of all else everything. */
  readonly safeBytes: (group: LogGroup, file: string) => number
  /** Files of a spool that nobody asks for again. Resolves when they are gone. @throws system errors */
  readonly removeSpooled: (group: LogGroup, paths: readonly string[]) => Promise<void>
  readonly signal: AbortSignal
  /** The follower has something to do now. */
  readonly wake: (follower: Follower) => void
}
