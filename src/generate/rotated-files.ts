import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

/**
 * How rotated files are named.
 * - `kubelet`: `0.log.20261124-021300`; when the next one comes it is packed to `….gz`.
 * - `lumberjack` (kube-apiserver): `audit-2026-11-24T02-13-00.000.log`, never packed.
 * - `logrotate`: `auth.log.1`, then `auth.log.2.gz`; numbers rise.
 */
export type RotationScheme = 'kubelet' | 'lumberjack' | 'logrotate'

export interface RotatedFilesOptions {
  readonly scheme: RotationScheme
  /** Rotated files that stay. */
  readonly keep: number
  /** A file is not deleted before this age, however many there are. */
  readonly graceMs: number
}

interface Rotated {
  path: string
  readonly atMs: number
}

/** The files that were rotated away from one live file: their names, packing, and late deletion. */
export class RotatedFiles {
  readonly #live: string
  readonly #options: RotatedFilesOptions
  /** Oldest first. */
  readonly #files: Rotated[] = []
  #stampMs = 0

  constructor(live: string, options: RotatedFilesOptions) {
    this.#live = live
    this.#options = options
  }

  get paths(): readonly string[] {
    return this.#files.map(({ path }) => path)
  }

  /** Makes room and gives the name for the file that is rotated now. The caller renames or copies, then calls `added`. */
  nextName(recordMs: number): string {
    if (this.#options.scheme === 'logrotate') {
      this.#shift()
      return `${this.#live}.1`
    }
    this.#pack(this.#files.at(-1))
    const stepMs = this.#options.scheme === 'kubelet' ? 1000 : 1
    this.#stampMs = Math.max(recordMs, this.#stampMs + stepMs)
    return this.#stamped()
  }

  added(path: string, nowMs: number): void {
    this.#files.push({ path, atMs: nowMs })
  }

  /** Deletes what is more than `keep` and older than the grace. */
  expire(nowMs: number): void {
    while (this.#files.length > this.#options.keep && nowMs - this.#files[0]!.atMs >= this.#options.graceMs) {
      rmSync(this.#files.shift()!.path, { force: true })
    }
  }

  #stamped(): string {
    const iso = new Date(this.#stampMs).toISOString()
    if (this.#options.scheme === 'kubelet')
      return `${this.#live}.${iso.slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}`
    const name = basename(this.#live, '.log')
    return join(dirname(this.#live), `${name}-${iso.slice(0, 23).replaceAll(':', '-')}.log`)
  }

  #shift(): void {
    const count = this.#files.length
    for (const [i, file] of this.#files.entries()) {
      const number = count - i + 1
      const packed = file.path.endsWith('.gz')
      const moved = `${this.#live}.${number}${packed ? '.gz' : ''}`
      renameSync(file.path, moved)
      file.path = moved
    }
    this.#pack(this.#files.at(-1))
  }

  /** As the kubelet: a temporary file first, then the name, then the plain file goes. */
  #pack(file: Rotated | undefined): void {
    if (file === undefined || this.#options.scheme === 'lumberjack' || file.path.endsWith('.gz')) return
    if (!existsSync(file.path)) return
    const temporary = `${file.path}.tmp`
    writeFileSync(temporary, gzipSync(readFileSync(file.path), { level: 1 }))
    renameSync(temporary, `${file.path}.gz`)
    rmSync(file.path)
    file.path = `${file.path}.gz`
  }
}
