import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import type { FileHandle } from 'node:fs/promises'

/**
 * Avro object container file, from the Avro specification 1.12, "Object Container Files":
 * ```
 * file   = header block*
 * header = magic metadata sync      magic = "Obj" 0x01, sync = 16 random bytes
 * metadata = map of string to bytes: ( count (string bytes)* )* 0, as Avro codes maps
 * block  = count size data sync     count, size: long; data: `size` bytes, packed by `avro.codec`; sync as in the header
 * long   = zigzag, then base 128, low groups first, high bit set on all but the last
 * ```
 * Blocks are packed with `zstandard` at level 1, with zstd's own checksum: payloads are packed already, but what stands
 * around them (names, ids) repeats, and the checksum tells a whole block from one that a crash has left half written.
 */
const MAGIC = Buffer.from('Obj\x01', 'latin1')
export const SYNC_BYTES = 16
const LONG_BYTES_MAX = 10
/** More than any block that is written here; a larger size in a file is damage. */
const BLOCK_BYTES_MAX = 256 * 1024 * 1024
const METADATA_BYTES_MAX = 1024 * 1024

const pack = promisify(zstdCompress)
const unpack = promisify(zstdDecompress)
const PACKING = {
  params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
}

/** What zstd may add to bytes that it cannot pack, and more. */
const PACKING_ROOM_BYTES = 64 * 1024

export interface ContainerHeader {
  readonly metadata: ReadonlyMap<string, string>
  readonly sync: Buffer
  /** Where the first block begins. */
  readonly bytes: number
}

export type BlockRead =
  | { readonly kind: 'block'; readonly count: number; readonly data: Buffer; readonly raw: Buffer }
  /** The file ends here, between blocks. */
  | { readonly kind: 'end' }
  /** What stands here is no whole block. */
  | { readonly kind: 'torn' }

export function encodeLong(value: number): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const bytes: number[] = []
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

/** Undefined when the bytes end too early or hold no safe integer. */
export function decodeLong(bytes: Uint8Array, at: number): { value: number; next: number } | undefined {
  let coded = 0n
  for (let i = 0; i < LONG_BYTES_MAX; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) return undefined
    coded |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte >= 0x80) continue
    const value = Number((coded >> 1n) ^ -(coded & 1n))
    return Number.isSafeInteger(value) ? { value, next: at + i + 1 } : undefined
  }
  return undefined
}

export function encodeHeader(metadata: ReadonlyMap<string, string>, sync: Uint8Array): Buffer {
  const parts: Buffer[] = [MAGIC, encodeLong(metadata.size)]
  for (const [key, value] of metadata) parts.push(...prefixed(key), ...prefixed(value))
  return Buffer.concat([...parts, encodeLong(0), sync])
}

/** Undefined when the file does not begin with a whole header. @throws a system error when it cannot be read */
export async function readHeader(handle: FileHandle): Promise<ContainerHeader | undefined> {
  const bytes = await readAt(handle, 0, METADATA_BYTES_MAX)
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  const metadata = new Map<string, string>()
  let at = MAGIC.length
  for (;;) {
    const count = decodeLong(bytes, at)
    if (count === undefined || count.value < 0) return undefined
    at = count.next
    if (count.value === 0) break
    for (let i = 0; i < count.value; i++) {
      const key = textAt(bytes, at)
      const value = key && textAt(bytes, key.next)
      if (key === undefined || value === undefined) return undefined
      metadata.set(key.text, value.text)
      at = value.next
    }
  }
  const sync = bytes.subarray(at, at + SYNC_BYTES)
  return sync.length < SYNC_BYTES ? undefined : { metadata, sync: Buffer.from(sync), bytes: at + SYNC_BYTES }
}

export async function encodeBlock(count: number, objects: Uint8Array, sync: Uint8Array): Promise<Buffer> {
  // In one piece: the default of 16 KiB would make a piece of garbage for each, and one more copy.
  const data = await pack(objects, { ...PACKING, chunkSize: objects.byteLength + PACKING_ROOM_BYTES })
  return Buffer.concat([encodeLong(count), encodeLong(data.length), data, sync])
}

/** Reads the block at a position; memory is one block. @throws a system error when the file cannot be read */
export async function readBlock(handle: FileHandle, at: number, sync: Uint8Array): Promise<BlockRead> {
  const head = await readAt(handle, at, 2 * LONG_BYTES_MAX)
  if (head.length === 0) return { kind: 'end' }
  const count = decodeLong(head, 0)
  const size = count && decodeLong(head, count.next)
  if (count === undefined || size === undefined) return { kind: 'torn' }
  if (count.value <= 0 || size.value <= 0 || size.value > BLOCK_BYTES_MAX) return { kind: 'torn' }
  const length = size.next + size.value + SYNC_BYTES
  const { size: fileBytes } = await handle.stat()
  if (at + length > fileBytes) return { kind: 'torn' }
  const raw = await readAt(handle, at, length)
  if (raw.length < length || !raw.subarray(length - SYNC_BYTES).equals(sync)) return { kind: 'torn' }
  try {
    const data = await unpack(raw.subarray(size.next, length - SYNC_BYTES), {
      maxOutputLength: BLOCK_BYTES_MAX,
    })
    return { kind: 'block', count: count.value, data, raw }
  } catch {
    return { kind: 'torn' }
  }
}

/** Is there a whole block anywhere behind a torn place? Then the file was altered, and not cut off by a crash. */
export async function findBlockAfter(handle: FileHandle, at: number, sync: Uint8Array): Promise<boolean> {
  const { size: fileBytes } = await handle.stat()
  let carry = Buffer.alloc(0)
  for (let position = at; position < fileBytes; ) {
    const chunk = await readAt(handle, position, 1024 * 1024)
    if (chunk.length === 0) return false
    const window = Buffer.concat([carry, chunk])
    const windowAt = position - carry.length
    for (let found = window.indexOf(sync); found >= 0; found = window.indexOf(sync, found + 1)) {
      if ((await readBlock(handle, windowAt + found + SYNC_BYTES, sync)).kind === 'block') return true
    }
    carry = Buffer.from(window.subarray(-(SYNC_BYTES - 1)))
    position += chunk.length
  }
  return false
}

/** Fewer bytes than asked for only at the end of the file. */
export async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(length, Math.max(0, (await handle.stat()).size - position)))
  let filled = 0
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

function prefixed(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'utf8')
  return [encodeLong(bytes.length), bytes]
}

function textAt(bytes: Buffer, at: number): { text: string; next: number } | undefined {
  const length = decodeLong(bytes, at)
  if (length === undefined || length.value < 0 || length.next + length.value > bytes.length) return undefined
  const next = length.next + length.value
  return { text: bytes.toString('utf8', length.next, next), next }
}
