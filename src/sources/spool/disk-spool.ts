import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setImmediate as later } from 'node:timers/promises'
import { DecklogError, diskError, isAbort, systemCode } from '../../core/errors.ts'
import { passStep } from '../../core/faults.ts'
import { encodeSpooled, type SpooledMarks } from '../../core/spooled-record.ts'
import type { Telemetry } from '../../core/telemetry.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Spool } from '../../ports/spool.ts'
import type { DiscoveryEvents } from '../discovery.ts'
import { groupKey, type LogGroup } from '../log-group.ts'
import type { SpoolSource } from '../source-config.ts'
import { LIVE_NAME, recoverStream } from './spool-files.ts'
import { readNote, writeNote } from './spool-note.ts'
import { SpoolRoom } from './spool-room.ts'
import { SpoolStream, type Waiting } from './spool-stream.ts'

export interface DiskSpoolOptions {
  /** Of this source alone. */
  readonly directory: string
  /** Kind of the source, which becomes that of its streams. */
  readonly kind: string
  /** The source's name: the provenance name `source` of every stream. */
  readonly source: string
  /** What a stream is worth, and what is in it: by its names. */
  readonly placeOf: (names: Readonly<Record<string, string>>) => {
    readonly class: string
    readonly format: string
  }
  readonly maxBytes: number
  /** Milliseconds. */
  readonly idleAfter: number
  readonly closeAfter: number
  readonly streamsMax: number
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly log: Log
  /** A live file becomes another at this size. @default 8 MiB */
  readonly rotateBytes?: number
}

const ROTATE_BYTES = 8 * 1024 * 1024
const ROTATE_BYTES_MIN = 64 * 1024
const FLUSHES_AT_ONCE = 16
const HANDLES_MAX = 256
const HANDLE_IDLE_MS = 30_000
const TICK_MS = 1_000
const NAMES_BYTES_MAX = 4096

/** Takes up what an earlier run left, and is ready. @throws {DecklogError} `disk-full`, `disk-failed` */
export function openSpool(options: DiskSpoolOptions): DiskSpool {
  try {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 })
    return new DiskSpool(options)
  } catch (error) {
    throw diskError(error, `open the spool ${options.directory}`)
  }
}

/**
 * The spool of one source, on disk. Calls of `append` that come while a flush is under way share the next one. What is shipped is
 * removed by the shipper, a file at a time; streams that nothing is left of, and nothing came for, are closed.
 */
export class DiskSpool implements Spool, SpoolSource, AsyncDisposable {
  readonly kind = 'spool'
  readonly directory: string
  readonly #options: DiskSpoolOptions
  readonly #streams = new Map<string, SpoolStream>()
  readonly #dirty = new Set<SpoolStream>()
  /** In order of last use. */
  readonly #withHandle = new Set<SpoolStream>()
  readonly #closing = new AbortController()
  readonly #keeping: Promise<void>
  /** What could not be read at the start, by directory. */
  readonly #unreadable: string[] = []
  readonly #room: SpoolRoom
  #events: DiscoveryEvents | undefined
  #trouble: string | undefined
  #flushing: Promise<void> | undefined
  #note: string | undefined

  constructor(options: DiskSpoolOptions) {
    this.#options = options
    this.directory = options.directory
    this.#room = new SpoolRoom(options)
    this.#recover()
    this.#note = readNote(this.directory)
    this.#show()
    this.#keeping = this.#keep()
  }

  get freeBytes(): number {
    return this.#room.freeBytes
  }

  get note(): string | undefined {
    return this.#note
  }

  get streamCount(): number {
    return this.#streams.size
  }

  /** Sentences for a person. */
  problems(): string[] {
    return [this.#room.problem(), this.#trouble, ...this.#unreadable].filter((one) => one !== undefined)
  }

  async append(
    given: Readonly<Record<string, string>>,
    records: readonly Uint8Array[],
    { signal, marks }: { readonly signal?: AbortSignal; readonly marks?: SpooledMarks } = {},
  ): Promise<void> {
    if (this.#closing.signal.aborted)
      throw new DecklogError('closed', 'the spool is closed', { retryable: true })
    if (signal?.aborted === true) throw abandoned()
    if (records.length === 0) return
    const bytes = encodeSpooled(records, marks)
    this.#room.take(bytes.length)
    const stream = this.#streamFor(given, bytes.length)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { bytes, records: records.length, resolve, reject }
    const onAbort = (): void => this.#abandon(stream, waiting)
    signal?.addEventListener('abort', onAbort, { once: true })
    stream.pending.push(waiting)
    this.#dirty.add(stream)
    this.#flushing ??= this.#flushAll()
    try {
      await promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  lastRecord(given: Readonly<Record<string, string>>): Uint8Array | undefined {
    const stream = this.#streams.get(this.#keyOf(this.#namesOf(given)))
    try {
      return stream?.lastRecord()
    } catch (error) {
      throw diskError(error, `read the spool ${this.directory}`)
    }
  }

  async keepNote(text: string): Promise<void> {
    await writeNote(this.directory, text)
    this.#note = text
  }

  *groups(): Iterable<LogGroup> {
    for (const stream of this.#streams.values()) yield stream.group
  }

  watch(events: DiscoveryEvents): () => void {
    this.#events = events
    return () => {
      if (this.#events === events) this.#events = undefined
    }
  }

  safeBytes(key: string, file: string): number {
    return this.#streams.get(key)?.safeBytes(file) ?? Number.POSITIVE_INFINITY
  }

  async remove(key: string, paths: readonly string[]): Promise<void> {
    const stream = this.#streams.get(key)
    if (stream === undefined) return
    const bytes = await stream.remove(paths.map((path) => basename(path)))
    this.#room.free(bytes)
    this.#show()
  }

  /** What time brings: called about every second. */
  async tick(): Promise<void> {
    const nowMs = this.#nowMs()
    const { isPressed } = this.#room
    for (const [key, stream] of this.#streams) {
      const quietMs = nowMs - stream.lastMs
      if (stream.liveBytes > 0 && (isPressed || quietMs >= this.#options.idleAfter))
        await this.#rotate(stream)
      else if (stream.hasHandle && quietMs >= HANDLE_IDLE_MS) await this.#closeHandle(stream)
      if (quietMs < this.#options.closeAfter || !stream.removeEmpty()) continue
      this.#streams.delete(key)
      this.#events?.onTouched(key)
    }
    this.#show()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#flushing
    await this.#keeping
    for (const stream of this.#streams.values()) await this.#closeHandle(stream)
  }

  #recover(): void {
    const nowMs = this.#nowMs()
    for (const entry of readdirSync(this.directory, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue
      const directory = join(this.directory, entry.name)
      try {
        const found = recoverStream(directory)
        if (found === undefined) continue
        const stream = new SpoolStream(this.#groupOf(found.names, directory), nowMs, found)
        this.#streams.set(stream.group.key, stream)
        this.#room.found(stream.bytes)
      } catch (error) {
        const why = systemCode(error) ?? (error as Error).message
        this.#unreadable.push(`${directory} is not shipped (${why}): look at it, and move it away`)
      }
    }
  }

  #namesOf(given: Readonly<Record<string, string>>): Record<string, string> {
    return { ...given, source: this.#options.source }
  }

  #keyOf(names: Readonly<Record<string, string>>): string {
    return groupKey(this.#options.kind, names)
  }

  #groupOf(names: Readonly<Record<string, string>>, directory: string): LogGroup {
    const { kind, placeOf } = this.#options
    const { class: className, format } = placeOf(names)
    const livePath = join(directory, LIVE_NAME)
    const key = this.#keyOf(names)
    return {
      key,
      class: className,
      kind,
      format,
      names,
      livePath,
      root: directory,
      history: true,
      spooled: true,
    }
  }

  /** Gives the room back where there is no stream to be had. */
  #streamFor(given: Readonly<Record<string, string>>, bytes: number): SpoolStream {
    try {
      return this.#streamOf(given)
    } catch (error) {
      this.#room.giveUp(bytes)
      throw error
    }
  }

  #streamOf(given: Readonly<Record<string, string>>): SpoolStream {
    const names = this.#namesOf(given)
    const key = this.#keyOf(names)
    const known = this.#streams.get(key)
    if (known !== undefined) return known
    const { streamsMax, source } = this.#options
    if (Buffer.byteLength(key) > NAMES_BYTES_MAX) {
      throw new DecklogError('too-large', `the names of a sender of ${source} are longer than 4 KiB`)
    }
    if (this.#streams.size >= streamsMax) {
      const message = `the spool of ${source} has streams of ${streamsMax} senders; wait until one of them is closed, or raise spool.streamsMax`
      throw new DecklogError('spool-full', message, { retryable: true })
    }
    const directory = join(this.directory, createHash('sha256').update(key).digest('hex').slice(0, 24))
    const stream = new SpoolStream(this.#groupOf(names, directory), this.#nowMs())
    this.#streams.set(key, stream)
    return stream
  }

  #abandon(stream: SpoolStream, waiting: Waiting): void {
    const at = stream.pending.indexOf(waiting)
    if (at !== -1) {
      stream.pending.splice(at, 1)
      this.#room.giveUp(waiting.bytes.length)
    }
    // Else it is being written, and may well be taken.
    waiting.reject(abandoned())
  }

  async #flushAll(): Promise<void> {
    // What comes in the same turn goes together.
    await later()
    while (this.#dirty.size > 0) {
      const queue = [...this.#dirty]
      this.#dirty.clear()
      const take = async (): Promise<void> => {
        for (let stream = queue.pop(); stream !== undefined; stream = queue.pop()) await this.#flush(stream)
      }
      await Promise.all(Array.from({ length: Math.min(FLUSHES_AT_ONCE, queue.length) }, take))
    }
    this.#flushing = undefined
  }

  async #flush(stream: SpoolStream): Promise<void> {
    const group = await stream.exclusive(async () => {
      const taken = stream.pending.splice(0)
      if (taken.length === 0) return taken
      const isNew = stream.liveBytes === 0
      try {
        const bytes = taken.map((one) => one.bytes)
        const grown = await stream.write(bytes, this.#rotateBytes(), this.#options.clock.now())
        this.#room.written(sum(taken), grown)
        stream.lastMs = this.#nowMs()
        this.#used(stream)
        this.#trouble = undefined
        passStep('spool-safe')
        if (isNew) this.#events?.onGroup(stream.group)
        else this.#events?.onTouched(stream.group.key)
        return taken
      } catch (error) {
        this.#failed(taken, error)
        return []
      }
    })
    this.#count(group)
    for (const one of group) one.resolve()
    if (stream.pending.length > 0) this.#dirty.add(stream)
  }

  #failed(taken: readonly Waiting[], cause: unknown): void {
    const error = diskError(cause, `write into the spool ${this.directory}`)
    this.#options.telemetry.add('decklog_spool_errors_total', 1, { reason: error.code })
    if (this.#trouble === undefined) this.#options.log.error({}, error.message)
    this.#trouble = error.message
    this.#room.giveUp(sum(taken))
    for (const one of taken) one.reject(error)
  }

  /** The more streams there are, the earlier each is rotated: all of them together must fit. */
  #rotateBytes(): number {
    const { maxBytes, rotateBytes = ROTATE_BYTES } = this.#options
    const share = Math.floor(maxBytes / 4 / Math.max(1, this.#streams.size))
    return Math.min(rotateBytes, Math.max(share, ROTATE_BYTES_MIN))
  }

  async #rotate(stream: SpoolStream): Promise<void> {
    try {
      await stream.exclusive(() => stream.rotate(this.#options.clock.now()))
    } catch (error) {
      const trouble = diskError(error, `rotate a file of the spool ${this.directory}`)
      this.#options.telemetry.add('decklog_spool_errors_total', 1, { reason: trouble.code })
      this.#trouble = trouble.message
    }
    this.#withHandle.delete(stream)
    this.#events?.onTouched(stream.group.key)
  }

  #used(stream: SpoolStream): void {
    this.#withHandle.delete(stream)
    this.#withHandle.add(stream)
    if (this.#withHandle.size <= HANDLES_MAX) return
    for (const oldest of this.#withHandle) {
      if (oldest.isBusy) continue
      void this.#closeHandle(oldest)
      return
    }
  }

  #closeHandle(stream: SpoolStream): Promise<void> {
    this.#withHandle.delete(stream)
    return stream.exclusive(() => stream.closeHandle())
  }

  #count(group: readonly Waiting[]): void {
    const { telemetry, kind } = this.#options
    let records = 0
    for (const one of group) records += one.records
    telemetry.add('decklog_source_records_total', records, { kind })
    telemetry.add('decklog_source_bytes_total', sum(group), { kind })
  }

  #show(): void {
    const { telemetry, source } = this.#options
    telemetry.set('decklog_spool_bytes', this.#room.usedBytes, { source })
    telemetry.set('decklog_spool_streams', this.#streams.size, { source })
  }

  /** Never steps back. */
  #nowMs(): number {
    return Number(this.#options.clock.monotonicNs() / 1_000_000n)
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        await this.#options.clock.sleep(TICK_MS, signal)
      } catch (error) {
        if (!isAbort(error)) throw error
        return
      }
      await this.tick()
    }
  }
}

function sum(group: readonly Waiting[]): number {
  let bytes = 0
  for (const one of group) bytes += one.bytes.length
  return bytes
}

function abandoned(): DecklogError {
  return new DecklogError('aborted', 'the append was given up')
}
