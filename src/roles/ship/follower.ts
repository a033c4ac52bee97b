import { closeSync } from 'node:fs'
import type { LogGroup } from '../../sources/log-group.ts'
import type { Cut, StreamFile, StreamState } from './records.ts'

/** One file of a stream as it is being read. */
export interface FollowedFile {
  position: StreamFile
  fd: number | undefined
  /** The bytes before the offset, to see at each read that they are still the same; undefined until they are known. */
  tail: Buffer | undefined
  /** Path of a rotated file that is packed: it is read from an unpacked copy. */
  readonly packed: string | undefined
  unpacked: string | undefined
  /** What could not be unpacked: declared when the rest was read. */
  damage: string | undefined
  /** When it was seen to be rotated or gone: nothing more is expected. Undefined for the live file. */
  endedMs: number | undefined
  /** Largest size seen, and when it grew last. */
  size: number
  grownMs: number
}

/** One stream being followed. Everything that survives a crash is in `stream`; the rest is rebuilt. */
export interface Follower {
  readonly group: LogGroup
  readonly stream: StreamState
  /** Oldest first; in step with `stream.files`. */
  files: FollowedFile[]
  /** Read to their end, held open a little longer: their writer may not have noticed the rotation. */
  lingering: { readonly file: FollowedFile; readonly untilMs: number }[]
  /** Cuts of an earlier run, to be sent again before anything new is cut. */
  resend: Cut[]
  /** Ordinals that are acknowledged while an earlier one is not. */
  readonly settled: Set<number>
  /** Raw bytes cut and not acknowledged, with a little for each batch. */
  openBytes: number
  /** Something changed: look at the file's path before reading. */
  touched: boolean
  queued: boolean
  /** Rotated files are being unpacked: nothing may be read past them. */
  unpacking: boolean
  /** When it wants its next turn, without being touched. Milliseconds since the epoch. */
  wakeMs: number
  lastDataMs: number
  /** Since when its path is missing. */
  goneMs: number | undefined
  /** Time of the directory when its rotated files were listed last; -1: list them again at the next look. */
  listedMs: number
  /** Finished files that were not found, and since when. */
  readonly missed: Map<StreamFile, number>
  /** Its files were looked at once in this run. */
  attached: boolean
  /** Files of a spool are on their way out. */
  removing: boolean
  /** Not asked for any more: only what is open is sent again. */
  resendOnly: boolean
}

export function newFollower(group: LogGroup, stream: StreamState, nowMs: number): Follower {
  return {
    group,
    stream,
    files: [],
    lingering: [],
    resend: [...stream.open],
    settled: new Set(),
    openBytes: 0,
    touched: true,
    queued: false,
    unpacking: false,
    wakeMs: Number.POSITIVE_INFINITY,
    // What was shipped before a restart was shipped long ago: it is marked as a pause, for how long it was nobody knows.
    lastDataMs: stream.nextOrdinal > 0 ? 0 : nowMs,
    goneMs: undefined,
    listedMs: -1,
    missed: new Map(),
    attached: false,
    removing: false,
    resendOnly: false,
  }
}

/** Descriptors held by the shipper: counted, and bounded by giving up those of quiet files. */
export class Descriptors {
  readonly #max: number
  /** In order of last use. */
  readonly #open = new Set<FollowedFile>()

  constructor(max: number) {
    this.#max = max
  }

  get count(): number {
    return this.#open.size
  }

  hold(file: FollowedFile, fd: number): void {
    file.fd = fd
    this.#open.add(file)
    if (this.#open.size > this.#max) this.#giveUpOne(file)
  }

  used(file: FollowedFile): void {
    this.#open.delete(file)
    this.#open.add(file)
  }

  release(file: FollowedFile): void {
    if (file.fd === undefined) return
    closeSync(file.fd)
    file.fd = undefined
    this.#open.delete(file)
  }

  releaseAll(): void {
    for (const file of this.#open) this.release(file)
  }

  /**
   * A live file can be opened again by its path, a rotated one perhaps not. The one used longest ago, and one that was read
   * to its end rather than one that was not, for that might be gone by then.
   */
  #giveUpOne(keep: FollowedFile): void {
    let oldest: FollowedFile | undefined
    let looked = 0
    for (const file of this.#open) {
      if (file === keep || file.endedMs !== undefined) continue
      oldest ??= file
      if (file.size === file.position.offset) return this.release(file)
      if (++looked >= LOOKED_AT_MAX) break
    }
    if (oldest !== undefined) this.release(oldest)
  }
}

const LOOKED_AT_MAX = 64
