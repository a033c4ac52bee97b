import type { Socket } from 'node:net'
import { isAbort } from '../../core/errors.ts'
import type { SpooledMark } from '../../core/spooled-record.ts'
import { Framer } from './framing.ts'
import type { Intake } from './intake.ts'
import type { Sender, Senders, StreamNames } from './senders.ts'

export interface ConnectionOptions {
  readonly socket: Socket
  readonly intake: Intake
  readonly senders: Senders
  readonly sender: Sender
  readonly names: StreamNames
}

/** Of one connection, not in the spool yet: above, it is not read. */
const PENDING_BYTES_MAX = 256 * 1024
/** When memory is full, a message that is not complete may have this much. */
const HELD_BYTES_WHEN_FULL = 64 * 1024
/** The rest of what was sent is waited for until there was none in so many turns of so long. */
const QUIET_MS = 25
const QUIET_TURNS = 4
const CLOSE_MS_MAX = 1_000

/** Reads one connection: only as fast as the spool takes its messages, and as its sender may send. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #framer: Framer
  readonly #closing = new AbortController()
  #records: Buffer[] = []
  #marks = new Map<number, SpooledMark>()
  #pendingBytes = 0
  #inFlightBytes = 0
  /** Of what it holds, as it is counted in the memory of all. */
  #countedBytes = 0
  #appending: Promise<void> | undefined
  #isSlowed = false
  #isEnded = false
  #reads = 0
  readonly #ended = Promise.withResolvers<void>()

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { socket, intake } = options
    const { config } = intake.options
    this.#framer = new Framer({
      recordMax: () =>
        intake.isMemoryFull
          ? Math.max(this.#framer.heldBytes, Math.min(HELD_BYTES_WHEN_FULL, config.recordMax))
          : config.recordMax,
      take: (record, mark) => this.#take(record, mark),
    })
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('end', () => this.#finish())
    socket.on('error', () => this.#finish())
    socket.on('close', () => this.#finish())
    socket.setTimeout(config.idleTimeout, () => this.#idle())
    socket.resume()
  }

  /** Resolves when it is closed and all of it is in the spool, or given up. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Takes what was sent up to now, then closes. */
  async close(): Promise<void> {
    const { socket, intake } = this.#options
    const { clock } = intake.options
    const endMs = intake.nowMs() + CLOSE_MS_MAX
    for (let quiet = 0; quiet < QUIET_TURNS && !this.#isEnded && intake.nowMs() < endMs; ) {
      const before = this.#reads
      await clock.sleep(QUIET_MS)
      const isBusy = this.#pendingBytes > 0 || this.#isSlowed || this.#reads > before
      quiet = isBusy ? 0 : quiet + 1
    }
    this.#finish()
    socket.destroy()
    await this.#ended.promise
  }

  #read(chunk: Buffer): void {
    const { socket, intake, sender, senders } = this.#options
    const before = this.#records.length
    this.#reads++
    this.#framer.push(chunk)
    this.#count()
    const waitMs = senders.charge(sender, this.#records.length - before, chunk.length)
    if (waitMs > 0) void this.#slowDown(waitMs)
    if (this.#framer.isLost) {
      intake.refuse('framing', sender.address)
      this.#finish()
      socket.destroy()
      return
    }
    const unsafeBytes = this.#pendingBytes + this.#inFlightBytes
    if (unsafeBytes >= PENDING_BYTES_MAX || (unsafeBytes > 0 && intake.isMemoryFull)) socket.pause()
    this.#append()
  }

  #take(record: Buffer, mark: SpooledMark | undefined): void {
    if (mark !== undefined) {
      this.#marks.set(this.#records.length, mark)
      this.#options.intake.alter(mark)
    }
    this.#records.push(record)
    this.#pendingBytes += record.length
  }

  #append(): void {
    if (this.#appending !== undefined || this.#records.length === 0) return
    this.#appending = this.#appendAll()
  }

  async #appendAll(): Promise<void> {
    const { intake, names, socket } = this.#options
    try {
      while (this.#records.length > 0) {
        const records = this.#records
        const marks = this.#marks
        this.#inFlightBytes = this.#pendingBytes
        this.#records = []
        this.#marks = new Map()
        this.#pendingBytes = 0
        await intake.append({ names, records, marks })
        this.#inFlightBytes = 0
        this.#count()
        if (!this.#isSlowed && this.#pendingBytes < PENDING_BYTES_MAX) socket.resume()
      }
    } catch (error) {
      intake.options.log.error({ cause: (error as Error).name }, 'a connection of syslog was given up')
      socket.destroy()
    }
    this.#appending = undefined
    if (this.#isEnded) this.#settle()
  }

  async #slowDown(ms: number): Promise<void> {
    if (this.#isSlowed) return
    const { socket, intake } = this.#options
    this.#isSlowed = true
    socket.pause()
    try {
      await intake.options.clock.sleep(ms, this.#closing.signal)
    } catch (error) {
      if (!isAbort(error)) throw error
    }
    this.#isSlowed = false
    if (this.#appending === undefined) socket.resume()
  }

  #idle(): void {
    const { socket, intake, sender } = this.#options
    // Not the sender is silent: it is not read.
    if (this.#isSlowed || this.#appending !== undefined) {
      socket.setTimeout(intake.options.config.idleTimeout)
      return
    }
    intake.refuse('idle', sender.address)
    this.#finish()
    socket.destroy()
  }

  #finish(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#closing.abort()
    this.#framer.finish()
    this.#append()
    if (this.#appending === undefined) this.#settle()
  }

  #settle(): void {
    this.#count()
    this.#ended.resolve()
  }

  #count(): void {
    const { intake } = this.#options
    const bytes = this.#framer.heldBytes + this.#pendingBytes + this.#inFlightBytes
    intake.heldBytes += bytes - this.#countedBytes
    this.#countedBytes = bytes
    if (this.#framer.discardedBytes === 0) return
    intake.cut(this.#framer.discardedBytes)
    this.#framer.discardedBytes = 0
  }
}
