import { hash } from 'node:crypto'
import { constants, zstdCompressSync } from 'node:zlib'
import type { Codec } from '../../core/batch.ts'

/** Below this a frame's overhead eats the gain. */
const PACK_BYTES_MIN = 256
const LEVEL = { [constants.ZSTD_c_compressionLevel]: 1 }

export function digestOf(bytes: Buffer): string {
  return hash('sha256', bytes, 'hex')
}

/**
 * Packs a payload; the same bytes give the same result. Synchronous on purpose: a batch takes half a millisecond, and on two
 * shared cores the thread pool was slower (0.26-0.5 against 0.6 GB/s with SHA-256 beside it).
 */
export function packPayload(bytes: Buffer): { readonly codec: Codec; readonly payload: Uint8Array } {
  if (bytes.length >= PACK_BYTES_MIN) {
    const packed = zstd(bytes)
    if (packed.length < bytes.length) return { codec: 'zstd', payload: packed }
  }
  return { codec: 'none', payload: bytes }
}

/** Packs again what was packed before, for a batch that must come out the same. */
export function packAs(codec: Codec, bytes: Buffer): Uint8Array {
  return codec === 'zstd' ? zstd(bytes) : bytes
}

/** In one piece, most often: pieces are made one by one, and copied together. The frame is the same. */
function zstd(bytes: Buffer): Buffer {
  return zstdCompressSync(bytes, { params: LEVEL, chunkSize: Math.max(1024, bytes.length >> 2) })
}
