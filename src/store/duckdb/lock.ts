import { readFileSync } from 'node:fs'
import { open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DecklogError, diskError, systemCode } from '../../core/errors.ts'

/**
 * Who writes in a data directory: a file with pid, the process' start time and the boot id. A holder that no longer runs
 * (another boot, no such process, or a reused pid) is a stale one and is taken over.
 */
interface Holder {
  readonly pid: number
  readonly started: string
  readonly boot: string
}

export interface DirectoryLock {
  release(): Promise<void>
}

/** @throws {DecklogError} `data-dir-held` while another process, or another store of this one, writes there */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, 'store.lock')
  const mine = holderOf(process.pid)
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await create(path, mine)) return { release: () => rm(path, { force: true }) }
    const holder = read(path)
    if (holder !== undefined && isAlive(holder)) {
      throw new DecklogError(
        'data-dir-held',
        `the data directory ${directory} is held by process ${holder.pid}: stop it, or choose another directory`,
      )
    }
    // Of several that see the stale lock only one can rename it away.
    await rename(path, `${path}.${process.pid}.stale`).catch(() => undefined)
    await rm(`${path}.${process.pid}.stale`, { force: true })
  }
  throw new DecklogError(
    'data-dir-held',
    `the data directory ${directory} could not be locked: ${path} changes all the time`,
  )
}

/** Is someone writing in this directory now? */
export function isHeld(directory: string): boolean {
  const holder = read(join(directory, 'store.lock'))
  return holder !== undefined && isAlive(holder)
}

async function create(path: string, holder: Holder): Promise<boolean> {
  try {
    const handle = await open(path, 'wx')
    try {
      await writeFile(handle, JSON.stringify(holder))
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw diskError(error, `lock the data directory by ${path}`)
  }
}

function read(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

function isAlive(holder: Holder): boolean {
  const now = holderOf(holder.pid)
  return now.started !== '' && now.started === holder.started && now.boot === holder.boot
}

/** `started` is empty when no such process runs. Field 22 of /proc/pid/stat; the name before it may hold blanks. */
function holderOf(pid: number): Holder {
  return { pid, started: startOf(pid), boot: text('/proc/sys/kernel/random/boot_id') }
}

function startOf(pid: number): string {
  const stat = text(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return ''
  return fields[19] ?? ''
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
