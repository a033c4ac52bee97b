import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
} from 'node:fs'
import { platform } from 'node:process'

export interface OpenLog {
  readonly fd: number
  readonly id: string
  readonly size: number
  readonly mtimeMs: number
}

/** Why a path is not read: a passing one is tried again, the others need a person or a change of the file. */
export type OpenRefusal =
  | { readonly kind: 'missing' }
  | { readonly kind: 'outside'; readonly target: string }
  | { readonly kind: 'not-a-file' }
  | { readonly kind: 'unreadable'; readonly code: string }

/**
 * Opens a log for reading, or says why not. What counts is where the open descriptor leads: a link that is swapped between
 * check and open gains nothing. Opens without blocking, for a FIFO must not stop the shipper.
 */
export function openLog(path: string, root: string): OpenLog | OpenRefusal {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch (error) {
    return refusalOf(error)
  }
  try {
    const stats = fstatSync(fd)
    const refusal = refuse(fd, path, root, stats)
    if (refusal === undefined) return { fd, id: fileId(stats), size: stats.size, mtimeMs: stats.mtimeMs }
    closeSync(fd)
    return refusal
  } catch (error) {
    closeSync(fd)
    return refusalOf(error)
  }
}

export function isOpen(result: OpenLog | OpenRefusal): result is OpenLog {
  return 'fd' in result
}

export function fileId(stats: Pick<Stats, 'dev' | 'ino'>): string {
  return `${stats.dev}:${stats.ino}`
}

/** Reads up to `length` bytes at `position`, less only at the end of the file. @throws system errors */
export function readFully(fd: number, buffer: Buffer, length: number, position: number): number {
  let filled = 0
  while (filled < length) {
    const count = readSync(fd, buffer, filled, length - filled, position + filled)
    if (count === 0) break
    filled += count
  }
  return filled
}

/** One sentence for a person: what is wrong and what to do. */
export function refusalMessage(path: string, refusal: OpenRefusal): string {
  switch (refusal.kind) {
    case 'missing':
      return `${path} is not there`
    case 'outside':
      return `${path} is a symbolic link to ${refusal.target}, outside of its directory: it is not followed; name the target itself, or set "root"`
    case 'not-a-file':
      return `${path} is no regular file: it is not read`
    case 'unreadable':
      return `${path} cannot be read (${refusal.code}): check its permissions and its disk`
  }
}

function refuse(fd: number, path: string, root: string, stats: Stats): OpenRefusal | undefined {
  if (!stats.isFile()) return { kind: 'not-a-file' }
  const target = platform === 'linux' ? readlinkSync(`/proc/self/fd/${fd}`) : realpathSync(path)
  if (isInside(target, root)) return undefined
  // A file that was deleted since is shown with this suffix; its directory still counts.
  return isInside(target.replace(/ \(deleted\)$/, ''), root) ? undefined : { kind: 'outside', target }
}

const realRoots = new Map<string, string>()

function isInside(target: string, root: string): boolean {
  let real = realRoots.get(root)
  if (real === undefined) {
    real = realpathSync(root)
    if (realRoots.size < 10_000) realRoots.set(root, real)
  }
  return target === real || target.startsWith(real === '/' ? '/' : `${real}/`)
}

function refusalOf(error: unknown): OpenRefusal {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
  if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' }
  return { kind: 'unreadable', code }
}
