import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  rmdirSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { headerOf, type SpoolFileHeader } from '../../core/spooled-record.ts'
import { fileId, readFully } from '../open-log.ts'

/**
 * A directory for each stream: `spool.log` is written to; when it is full, or was quiet for a while, it becomes `spool.log.<stamp>`.
 * Stamps of a directory only grow, so the order of the names is the order of the records.
 */
export const LIVE_NAME = 'spool.log'
const ROTATED = /^spool\.log\.(\d{16})$/
const LF = 0x0a
const BLOCK_BYTES = 64 * 1024

export function rotatedName(stamp: number): string {
  return `${LIVE_NAME}.${String(stamp).padStart(16, '0')}`
}

export interface FoundStream {
  readonly names: SpoolFileHeader['names']
  /** By name, with their bytes. */
  readonly rotated: ReadonlyMap<string, number>
  readonly live: { readonly bytes: number; readonly id: string } | undefined
  readonly lastStamp: number
}

/**
 * Looks into a stream's directory after a restart. A last line without its end was never acknowledged: it is cut off. Undefined:
 * there is nothing in it, and it is gone. @throws system errors, Error when what is there is no spool
 */
export function recoverStream(directory: string): FoundStream | undefined {
  const rotated = new Map<string, number>()
  let lastStamp = 0
  let live: FoundStream['live']
  for (const name of readdirSync(directory).sort()) {
    const stamp = ROTATED.exec(name)?.[1]
    if (name === LIVE_NAME) live = recoverLive(join(directory, name))
    else if (stamp !== undefined) {
      rotated.set(name, statSync(join(directory, name)).size)
      lastStamp = Math.max(lastStamp, Number(stamp))
    }
  }
  const first = rotated.keys().next().value ?? (live === undefined ? undefined : LIVE_NAME)
  if (first === undefined) {
    rmdirSync(directory)
    return undefined
  }
  const header = readHeader(join(directory, first))
  if (header === undefined) throw new Error('its first line does not say whose it is')
  return { names: header.names, rotated, live, lastStamp }
}

/** Cuts off what has no end. Undefined: nothing is left, and the file is gone. */
function recoverLive(path: string): FoundStream['live'] {
  const fd = openSync(path, 'r+')
  try {
    const stats = fstatSync(fd)
    const bytes = endOfLastLine(fd, stats.size)
    if (bytes < stats.size) {
      ftruncateSync(fd, bytes)
      fdatasyncSync(fd)
    }
    if (bytes > 0) return { bytes, id: fileId(stats) }
    unlinkSync(path)
    return undefined
  } finally {
    closeSync(fd)
  }
}

/** Behind the last LF before `end`; 0 when there is none. */
export function endOfLastLine(fd: number, end: number): number {
  const block = Buffer.allocUnsafe(BLOCK_BYTES)
  for (let upTo = end; upTo > 0; ) {
    const from = Math.max(0, upTo - BLOCK_BYTES)
    const count = readFully(fd, block, upTo - from, from)
    const at = block.subarray(0, count).lastIndexOf(LF)
    if (at !== -1) return from + at + 1
    upTo = from
  }
  return 0
}

/** The last line of a file that ends with one, without its LF. Undefined: it has none. @throws system errors */
export function readLastLine(path: string, bytes: number): Buffer | undefined {
  if (bytes === 0) return undefined
  const fd = openSync(path, 'r')
  try {
    const start = endOfLastLine(fd, bytes - 1)
    const line = Buffer.allocUnsafe(bytes - 1 - start)
    return line.subarray(0, readFully(fd, line, line.length, start))
  } finally {
    closeSync(fd)
  }
}

function readHeader(path: string): SpoolFileHeader | undefined {
  const fd = openSync(path, 'r')
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES)
    return headerOf(block.subarray(0, readFully(fd, block, BLOCK_BYTES, 0)))
  } finally {
    closeSync(fd)
  }
}

/** Makes creations, renames and removals in a directory survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
