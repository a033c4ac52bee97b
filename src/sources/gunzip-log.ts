import { closeSync, createReadStream, mkdirSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, gunzipSync } from 'node:zlib'
import { HEAD_BYTES_MAX } from './fingerprint.ts'

/** What a rotated file may unpack to. kubelet's default is 10 MiB; a bomb ends here. */
export const UNPACKED_BYTES_MAX = 1024 * 1024 * 1024

export interface PackedLog {
  /** First bytes of the content, at most HEAD_BYTES_MAX. */
  readonly head: Buffer
  /** Length of the content modulo 2^32, as the file says (RFC 1952, ISIZE). */
  readonly size: number
}

/** Looks into a gzip file without unpacking it. Undefined when it is none, or torn. @throws system errors */
export function peekGzip(path: string): PackedLog | undefined {
  const fd = openSync(path, 'r')
  try {
    const packed = Buffer.alloc(16 * 1024)
    const count = readSync(fd, packed, 0, packed.length, 0)
    const { size } = statSync(path)
    if (size < 18 || packed[0] !== 0x1f || packed[1] !== 0x8b) return undefined
    const trailer = Buffer.alloc(4)
    readSync(fd, trailer, 0, 4, size - 4)
    const head = firstBytes(packed.subarray(0, count))
    return head === undefined ? undefined : { head, size: trailer.readUInt32LE() }
  } finally {
    closeSync(fd)
  }
}

function firstBytes(packed: Buffer): Buffer | undefined {
  try {
    // 16 KiB of deflate give 16 MiB at most (its ratio is at most 1032).
    const whole = gunzipSync(packed, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: 17 * 1024 * 1024,
    })
    return Buffer.from(whole.subarray(0, HEAD_BYTES_MAX))
  } catch {
    return undefined
  }
}

export interface UnpackOptions {
  readonly bytesMax?: number
  readonly signal?: AbortSignal
}

/**
 * Unpacks `from` into the new file `to`, never holding it in memory. `whole` is false when the file is torn or goes on
 * beyond `bytesMax`: then `to` holds what could be read. @throws system errors, AbortError
 */
export async function unpackLog(
  from: string,
  to: string,
  options: UnpackOptions = {},
): Promise<{ readonly whole: boolean; readonly bytes: number }> {
  const { bytesMax = UNPACKED_BYTES_MAX, signal } = options
  mkdirSync(dirname(to), { recursive: true })
  const fd = openSync(to, 'w', 0o600)
  const gunzip = createGunzip({ chunkSize: 64 * 1024 })
  const reading = pipeline(createReadStream(from), gunzip, signal === undefined ? {} : { signal })
  let bytes = 0
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      const kept = chunk.subarray(0, bytesMax - bytes)
      writeSync(fd, kept)
      bytes += kept.length
      if (kept.length < chunk.length) break
    }
    return {
      whole: await reading.then(
        () => true,
        () => false,
      ),
      bytes,
    }
  } catch (error) {
    await reading.catch(() => undefined)
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!code.startsWith('Z_')) throw error
    return { whole: false, bytes }
  } finally {
    closeSync(fd)
  }
}
