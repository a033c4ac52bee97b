import { hash } from 'node:crypto'
import { readFully } from './open-log.ts'

/** How much of a file's beginning, and of what lies before an offset, tells files apart. */
export const HEAD_BYTES_MAX = 1024
export const TAIL_BYTES_MAX = 128

/**
 * How far a file has been read, and how to know it again: inodes are reused, files are truncated in place, renamed,
 * copied and packed. Both hashes cover only bytes before `offset`, so a file that is still short simply has a shorter head.
 */
export interface FilePosition {
  /** `device:inode` where the file was first seen. */
  readonly id: string
  readonly offset: number
  /** Of the first `headBytes`, at most HEAD_BYTES_MAX. */
  readonly head: string
  readonly headBytes: number
  /** Of the `tailBytes` before `offset`, at most TAIL_BYTES_MAX. */
  readonly tail: string
  readonly tailBytes: number
}

export const UNREAD: Omit<FilePosition, 'id'> = { offset: 0, head: '', headBytes: 0, tail: '', tailBytes: 0 }

export function fingerprint(bytes: Uint8Array): string {
  return bytes.byteLength === 0 ? '' : hash('sha256', bytes, 'hex').slice(0, 16)
}

const scratch = Buffer.allocUnsafe(HEAD_BYTES_MAX)

/** Whether an open file still holds what was read up to the position. @throws system errors */
export function continues(fd: number, position: FilePosition): boolean {
  const { headBytes, tailBytes, offset } = position
  if (offset === 0) return true
  if (readFully(fd, scratch, headBytes, 0) < headBytes) return false
  if (fingerprint(scratch.subarray(0, headBytes)) !== position.head) return false
  if (readFully(fd, scratch, tailBytes, offset - tailBytes) < tailBytes) return false
  return fingerprint(scratch.subarray(0, tailBytes)) === position.tail
}
