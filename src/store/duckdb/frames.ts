import { closeSync, openSync, readSync } from 'node:fs'
import { open, rename, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { passStep, type FaultStep } from '../../core/faults.ts'

/**
 * Append-only files of checked frames; journal, manifest, records and snapshots are made of them.
 * ```
 *  u32 length of the payload, u32 CRC-32 of the payload, payload      little-endian
 * ```
 * A frame counts when all of it is there and its CRC holds; the first one that does not ends the file.
 */
const HEAD_BYTES = 8
/** Larger than any frame of ours: a length above it is damage. */
const FRAME_BYTES_MAX = 1024 * 1024 * 1024

export function frameOf(parts: readonly Uint8Array[]): Uint8Array[] {
  const head = Buffer.alloc(HEAD_BYTES)
  let crc = 0
  let length = 0
  for (const part of parts) {
    crc = crc32(part, crc)
    length += part.byteLength
  }
  head.writeUInt32LE(length, 0)
  head.writeUInt32LE(crc, 4)
  return [head, ...parts]
}

export function jsonFrame(value: unknown): Uint8Array[] {
  return frameOf([Buffer.from(JSON.stringify(value))])
}

export interface Frame {
  readonly payload: Buffer
  /** Of the payload in the file. */
  readonly offset: number
}

/** Reads the frames of a file up to `limit` bytes; returns the length of what was good. Memory: one frame. */
export function* readFrames(path: string, limit = Number.POSITIVE_INFINITY): Generator<Frame, number> {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    let at = 0
    while (at + HEAD_BYTES <= limit && readSync(file, head, 0, HEAD_BYTES, at) === HEAD_BYTES) {
      const length = head.readUInt32LE(0)
      if (length > FRAME_BYTES_MAX || at + HEAD_BYTES + length > limit) break
      const payload = Buffer.allocUnsafe(length)
      if (readSync(file, payload, 0, length, at + HEAD_BYTES) !== length) break
      if (crc32(payload) !== head.readUInt32LE(4)) break
      yield { payload, offset: at + HEAD_BYTES }
      at += HEAD_BYTES + length
    }
    return at
  } finally {
    closeSync(file)
  }
}

/** Bytes up to the first frame that is torn or damaged. */
export function goodLength(path: string): number {
  const frames = readFrames(path)
  for (;;) {
    const step = frames.next()
    if (step.done) return step.value
  }
}

/** A file that only grows, and after a failed append is again what it was before. One append at a time. */
export class AppendFile {
  readonly path: string
  /** Bytes that are known to be good and on disk. */
  length: number
  /** A failed append could not be undone, or a flush failed: nothing may be appended here any more. */
  broken = false
  readonly #handle: FileHandle

  constructor(path: string, handle: FileHandle, length: number) {
    this.path = path
    this.#handle = handle
    this.length = length
  }

  /** Opens or creates; what stands behind `length` is cut off. */
  static async open(path: string, length: number): Promise<AppendFile> {
    const handle = await open(path, 'a+')
    try {
      await handle.truncate(length)
      await handle.sync()
      await syncDirectory(dirname(path))
    } catch (error) {
      await handle.close()
      throw error
    }
    return new AppendFile(path, handle, length)
  }

  /**
   * Appends and flushes. After an error nothing of it counts. `inside` is passed when half of the bytes are written.
   */
  async append(chunks: readonly Uint8Array[], inside?: FaultStep): Promise<void> {
    const total = bytesOf(chunks)
    const half = inside === undefined ? total : total >>> 1
    const [head, tail] = splitAt(chunks, half)
    let flushing = false
    try {
      passStep('store-write')
      await this.#writeAll(head)
      if (inside !== undefined) passStep(inside)
      await this.#writeAll(tail)
      flushing = true
      await this.#handle.datasync()
    } catch (error) {
      // After a failed flush the kernel may have dropped the pages: the file is not to be trusted further.
      this.broken = flushing
      await this.#handle.truncate(this.length).catch(() => {
        this.broken = true
      })
      throw error
    }
    this.length += total
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** Many pieces in one call, and no copy of them: documents are most of what is written. */
  async #writeAll(chunks: readonly Uint8Array[]): Promise<void> {
    for (let left = chunks; left.length > 0; ) {
      const { bytesWritten } = await this.#handle.writev(left)
      left = splitAt(left, bytesWritten)[1]
    }
  }
}

function bytesOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
}

/** The first `at` bytes, and what comes after them; views, no empty ones. */
function splitAt(chunks: readonly Uint8Array[], at: number): [Uint8Array[], Uint8Array[]] {
  const head: Uint8Array[] = []
  const tail: Uint8Array[] = []
  let left = at
  for (const chunk of chunks) {
    const taken = Math.min(left, chunk.byteLength)
    if (taken > 0) head.push(chunk.subarray(0, taken))
    if (taken < chunk.byteLength) tail.push(chunk.subarray(taken))
    left -= taken
  }
  return [head, tail]
}

/** Replaces `path` so that after a crash it is the old or the new file, whole. */
export async function replaceFile(path: string, chunks: Iterable<readonly Uint8Array[]>): Promise<void> {
  const temporary = `${path}.tmp`
  const handle = await open(temporary, 'w')
  try {
    passStep('store-write')
    for (const chunk of chunks) await handle.write(Buffer.concat(chunk))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, path)
  await syncDirectory(dirname(path))
}

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
