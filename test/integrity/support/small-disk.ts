import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why this machine cannot mount a small file system; undefined when it can. */
export function whyNoMount(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux has tmpfs'
  if (process.getuid?.() !== 0) return 'only root may mount'
  try {
    mountSmallDisk(1)[Symbol.dispose]()
    return undefined
  } catch (error) {
    return `mount does not work here: ${String(error).split('\n')[0]}`
  }
}

export interface SmallDisk extends Disposable {
  readonly directory: string
  /** Leaves so many bytes free. */
  fill(freeBytes: number): void
  free(): void
  remount(mode: 'ro' | 'rw'): void
}

/** A file system of its own, so that it can be full. */
export function mountSmallDisk(mebibytes: number): SmallDisk {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', directory], { stdio: 'pipe' })
  const filler = join(directory, 'filler')
  return {
    directory,
    fill(freeBytes) {
      const { bavail, bsize } = statfsSync(directory)
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)))
    },
    free: () => unlinkSync(filler),
    remount: (mode) => void execFileSync('mount', ['-o', `remount,${mode}`, directory], { stdio: 'pipe' }),
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', directory])
      rmdirSync(directory)
    },
  }
}
