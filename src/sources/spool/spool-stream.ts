import { rmdirSync, unlinkSync } from 'node:fs'
import { constants, type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { systemCode } from '../../core/errors.ts'
import { passStep } from '../../core/faults.ts'
import { decodeSpooled, encodeHeader } from '../../core/spooled-record.ts'
import type { LogGroup } from '../log-group.ts'
import { fileId } from '../open-log.ts'
import { type FoundStream, LIVE_NAME, readLastLine, rotatedName, syncDirectory } from './spool-files.ts'

/** One call of `append`, encoded. */
export interface Waiting {
  readonly bytes: Buffer
  readonly records: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

interface LiveFile {
  /** On disk for certain. Behind it may lie what a failed write left. */
  bytes: number
  readonly id: string
  handle: FileHandle | undefined
  isDirty: boolean
}

const WRITE_BYTES_MAX = 4 * 1024 * 1024

/** The files of one stream. Everything that changes the live file goes through `exclusive`. */
export class SpoolStream {
  readonly group: LogGroup
  readonly directory: string
  readonly rotated: Map<string, number>
  pending: Waiting[] = []
  /** When something was appended last, of a clock that never steps back. */
  lastMs: number
  #live: LiveFile | undefined
  #lastStamp: number
  #last: Promise<unknown> = Promise.resolve()
  #running = 0

  constructor(group: LogGroup, nowMs: number, found?: FoundStream) {
    this.group = group
    this.directory = dirname(group.livePath)
    this.rotated = new Map(found?.rotated)
    this.lastMs = nowMs
    this.#lastStamp = found?.lastStamp ?? 0
    if (found?.live !== undefined) this.#live = { ...found.live, handle: undefined, isDirty: false }
  }

  get liveBytes(): number {
    return this.#live?.bytes ?? 0
  }

  get bytes(): number {
    let bytes = this.liveBytes
    for (const one of this.rotated.values()) bytes += one
    return bytes
  }

  get hasHandle(): boolean {
    return this.#live?.handle !== undefined
  }

  get isBusy(): boolean {
    return this.#running > 0 || this.pending.length > 0
  }

  safeBytes(file: string): number {
    return this.#live?.id === file ? this.#live.bytes : Number.POSITIVE_INFINITY
  }

  /** One after the other. */
  async exclusive<T>(action: () => Promise<T>): Promise<T> {
    this.#running++
    const result = this.#last.then(action)
    this.#last = result.catch(() => undefined)
    try {
      return await result
    } finally {
      this.#running--
    }
  }

  /** Appends and flushes. Returns how many bytes the files grew by. @throws system errors: then nothing of it counts */
  async write(chunks: readonly Buffer[], rotateBytes: number, nowMs: number): Promise<number> {
    if (this.liveBytes >= rotateBytes) await this.rotate(nowMs)
    const live = (this.#live ??= await this.#create())
    const before = live.bytes
    try {
      passStep('spool-write')
      const handle = (live.handle ??= await this.#open(live))
      const header = before === 0 ? [this.#header()] : []
      const bytes = await writeAll(handle, [...header, ...chunks], before)
      passStep('spool-written')
      await handle.datasync()
      if (before === 0) await syncDirectory(this.directory)
      live.bytes = before + bytes
      return bytes
    } catch (error) {
      // What the kernel has of the file after a failed flush is not to be trusted: it is opened anew, and cut.
      live.isDirty = true
      await this.closeHandle()
      throw error
    }
  }

  /** The live file becomes one that never changes. @throws system errors */
  async rotate(nowMs: number): Promise<void> {
    const live = this.#live
    if (live === undefined || live.bytes === 0) return
    if (live.isDirty) live.handle = await this.#open(live)
    await this.closeHandle()
    const stamp = Math.max(Math.trunc(nowMs), this.#lastStamp + 1)
    const name = rotatedName(stamp)
    await rename(this.group.livePath, join(this.directory, name))
    this.#lastStamp = stamp
    this.rotated.set(name, live.bytes)
    this.#live = undefined
    passStep('spool-rotated')
  }

  async closeHandle(): Promise<void> {
    const handle = this.#live?.handle
    if (handle === undefined) return
    this.#live!.handle = undefined
    await handle.close().catch(() => undefined)
  }

  /** Removes rotated files that are there. Returns their bytes. @throws system errors */
  async remove(names: readonly string[]): Promise<number> {
    let bytes = 0
    for (const name of names) {
      const size = this.rotated.get(name)
      if (size === undefined) continue
      await unlink(join(this.directory, name)).catch(ignoreMissing)
      this.rotated.delete(name)
      bytes += size
      passStep('spool-removed')
    }
    await syncDirectory(this.directory).catch(ignoreMissing)
    return bytes
  }

  /** Removes the directory, if there is nothing in it and nothing on its way. At once, so that nothing can come between. */
  removeEmpty(): boolean {
    if (this.isBusy || this.rotated.size > 0 || this.liveBytes > 0) return false
    try {
      if (this.#live !== undefined) unlinkSync(this.group.livePath)
      this.#live = undefined
      rmdirSync(this.directory)
    } catch (error) {
      return systemCode(error) === 'ENOENT'
    }
    return true
  }

  /** @throws system errors */
  lastRecord(): Buffer | undefined {
    const newest = [...this.rotated.keys()].at(-1)
    const [name, bytes] =
      this.liveBytes > 0 ? [LIVE_NAME, this.liveBytes] : [newest, newest && this.rotated.get(newest)]
    if (!name || !bytes) return undefined
    const line = readLastLine(join(this.directory, name), bytes)
    return line === undefined ? undefined : decodeSpooled(line)
  }

  #header(): Buffer {
    return encodeHeader({ file: randomBytes(9).toString('base64url'), names: this.group.names })
  }

  async #create(): Promise<LiveFile> {
    const made = await mkdir(this.directory, { recursive: true, mode: 0o700 })
    if (made !== undefined) await syncDirectory(dirname(this.directory))
    const handle = await open(
      this.group.livePath,
      constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
      0o600,
    )
    return { bytes: 0, id: fileId(await handle.stat()), handle, isDirty: false }
  }

  async #open(live: LiveFile): Promise<FileHandle> {
    const handle = await open(this.group.livePath, constants.O_WRONLY)
    try {
      if (live.isDirty) await handle.truncate(live.bytes)
      live.isDirty = false
      return handle
    } catch (error) {
      await handle.close().catch(() => undefined)
      throw error
    }
  }
}

/** In pieces, so that a large group is not held twice. Returns how many bytes it wrote. */
async function writeAll(handle: FileHandle, chunks: readonly Buffer[], position: number): Promise<number> {
  let at = position
  for (let next = 0; next < chunks.length; ) {
    const piece: Buffer[] = []
    for (
      let bytes = 0;
      next < chunks.length && (piece.length === 0 || bytes + chunks[next]!.length <= WRITE_BYTES_MAX);
      next++
    ) {
      piece.push(chunks[next]!)
      bytes += chunks[next]!.length
    }
    const whole = piece.length === 1 ? piece[0]! : Buffer.concat(piece)
    for (let written = 0; written < whole.length; ) {
      const { bytesWritten } = await handle.write(whole, written, whole.length - written, at)
      written += bytesWritten
      at += bytesWritten
    }
  }
  return at - position
}

function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== 'ENOENT') throw error
}
