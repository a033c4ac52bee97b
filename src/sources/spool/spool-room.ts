import { DecklogError } from '../../core/errors.ts'

export interface RoomOptions {
  /** Name of the source, for messages. */
  readonly source: string
  readonly maxBytes: number
}

/** What waits for the disk is in memory: a disk that does not keep up is felt before it is much. */
const PENDING_BYTES_MAX = 64 * 1024 * 1024
/** A full spool takes nothing before it has this share of its room again: else its senders would see it open and shut with each record. */
const OPEN_AGAIN = 0.9
/** Above this share, live files are rotated as soon as they have anything, for only whole files go. */
const PRESSED = 0.5

/** Bytes of a spool: of its files, and of what waits to be written. */
export class SpoolRoom {
  readonly #options: RoomOptions
  #usedBytes = 0
  #pendingBytes = 0
  #isFull = false

  constructor(options: RoomOptions) {
    this.#options = options
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  get freeBytes(): number {
    return this.#isFull ? 0 : Math.max(0, this.#options.maxBytes - this.#usedBytes)
  }

  get isFull(): boolean {
    return this.#isFull
  }

  get isPressed(): boolean {
    return this.#isFull || this.#usedBytes > this.#options.maxBytes * PRESSED
  }

  /** Takes room for what will be written. @throws {DecklogError} `spool-full` */
  take(bytes: number): void {
    const { maxBytes, source } = this.#options
    const fits = !this.#isFull && this.#usedBytes + bytes <= maxBytes
    if (!fits) this.#isFull = true
    if (!fits || this.#pendingBytes + bytes > PENDING_BYTES_MAX) {
      const why = fits ? 'its disk does not keep up' : `${mib(maxBytes)} MiB wait to be shipped`
      const message = `the spool of ${source} is full: ${why}; try again later`
      throw new DecklogError('spool-full', message, { retryable: true })
    }
    this.#usedBytes += bytes
    this.#pendingBytes += bytes
  }

  /** What was taken is on disk, where it has become so many bytes. */
  written(taken: number, bytes: number): void {
    this.#pendingBytes -= taken
    this.#usedBytes += bytes - taken
  }

  /** What was taken will not be written. */
  giveUp(taken: number): void {
    this.#pendingBytes -= taken
    this.free(taken)
  }

  /** Files are gone. */
  free(bytes: number): void {
    this.#usedBytes -= bytes
    if (this.#usedBytes <= this.#options.maxBytes * OPEN_AGAIN) this.#isFull = false
  }

  /** Files that an earlier run left. */
  found(bytes: number): void {
    this.#usedBytes += bytes
  }

  /** A sentence for a person. */
  problem(): string | undefined {
    const { maxBytes, source } = this.#options
    if (!this.#isFull) return undefined
    return `the spool of ${source} is full (${mib(maxBytes)} MiB wait to be shipped): senders are told to wait; see whether the bus takes what is shipped, or raise spool.maxBytes`
  }
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0)
}
