import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { isDockerLog } from './docker-log.ts'

/** A live log file and the files that it becomes when it is rotated: together one stream. */
export interface LogGroup {
  /** Unique within cluster and node: the source kind and its names. */
  readonly key: string
  readonly class: string
  readonly kind: string
  readonly format: string
  readonly names: Readonly<Record<string, string>>
  readonly livePath: string
  /** What a symbolic link may not leave. */
  readonly root: string
  /**
   * Whether rotated files that are there at first sight belong to the stream. True for pods: a container's log begins with
   * the container. False for files: yesterday's `auth.log.1` is not asked for.
   */
  readonly history: boolean
  /** Its files are those of a spool: only whole records that are safe, in files that never change and go once they are shipped. */
  readonly spooled?: true
}

export interface RotatedFile {
  readonly path: string
  readonly id: string
  readonly size: number
  readonly mtimeMs: number
  readonly gzip: boolean
}

/** Key of a group. Names are length-prefixed, so that no two lists give one key. */
export function groupKey(kind: string, names: Readonly<Record<string, string>>): string {
  const parts = Object.keys(names)
    .sort()
    .map((name) => `${name}=${names[name]!.length}:${names[name]}`)
  return `${kind} ${parts.join(' ')}`
}

/**
 * Whether `name` is what rotation makes of `liveName`: `0.log.20261124-080000` (kubelet), `auth.log.1`, `auth.log-20261124`
 * (logrotate), `audit-2026-11-24T08-00-00.000.log` (kube-apiserver), each also with `.gz`. A `.tmp` is a compression under way.
 */
export function isRotatedName(name: string, liveName: string): boolean {
  if (name.length <= liveName.length || name.endsWith('.tmp')) return false
  if (name.startsWith(`${liveName}.`) || name.startsWith(`${liveName}-`))
    return /\d|old/.test(name.slice(liveName.length))
  const extension = extname(liveName)
  if (extension === '') return false
  const stem = `${liveName.slice(0, -extension.length)}-`
  const plain = name.endsWith('.gz') ? name.slice(0, -3) : name
  return plain.startsWith(stem) && plain.endsWith(extension) && /^\d{4}/.test(plain.slice(stem.length))
}

/** The rotated files of a group, oldest first: by name where the kubelet rotates (it holds the time), else by the time of the last write. */
export function rotatedFiles(group: LogGroup): RotatedFile[] {
  const directory = dirname(group.livePath)
  const liveName = basename(group.livePath)
  const found: RotatedFile[] = []
  for (const name of namesIn(directory)) {
    if (!isRotatedName(name, liveName)) continue
    const path = join(directory, name)
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats?.isFile() !== true) continue
    const id = `${stats.dev}:${stats.ino}`
    found.push({ path, id, size: stats.size, mtimeMs: stats.mtimeMs, gzip: name.endsWith('.gz') })
  }
  const byName = (a: RotatedFile, b: RotatedFile): number => (a.path < b.path ? -1 : 1)
  const isByName = (group.kind === 'pods' && !isDockerLog(group.livePath)) || group.spooled === true
  return found.sort(isByName ? byName : (a, b) => a.mtimeMs - b.mtimeMs || byName(b, a))
}

/** Entries of a directory; none when it is gone. @throws other system errors */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}
