import { hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { constants, zstdCompressSync } from 'node:zlib'

/** What reading, hashing and packing cost alone: limits that no log shipper passes. Rates in MB/s, one thread. */

const CHUNK_BYTES = 256 * 1024
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

export function newlineRate(paths: readonly string[]): number {
  return rate(paths, (chunk) => {
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1));
  })
}

export function hashAndPackRate(paths: readonly string[]): number {
  return rate(paths, (chunk) => {
    hash('sha256', chunk, 'hex')
    zstdCompressSync(chunk, FAST)
  })
}

function rate(paths: readonly string[], visit: (chunk: Buffer) => void): number {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  const startMs = performance.now()
  let bytes = 0
  for (const path of paths) {
    const fd = openSync(path, 'r')
    for (let count = -1; count !== 0; ) {
      count = readSync(fd, chunk, 0, CHUNK_BYTES, null)
      bytes += count
      if (count > 0) visit(chunk.subarray(0, count))
    }
    closeSync(fd)
  }
  return bytes / 1_000 / (performance.now() - startMs)
}
