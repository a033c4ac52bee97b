import { closeSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { unpackLog } from '../../sources/gunzip-log.ts'
import { isOpen, openLog, readFully } from '../../sources/open-log.ts'
import { candidates, idAt, ListingMoved } from './find-files.ts'
import type { Follower } from './follower.ts'
import { digestOf } from './pack.ts'
import type { Cut } from './records.ts'
import type { ShipContext } from './ship-context.ts'

/**
 * The bytes of cuts that an earlier run decided: read again from whatever the file is called now, and good only when they
 * have the digest that was decided.
 */
export class CutBytes {
  readonly #follower: Follower
  readonly #context: ShipContext
  readonly #unpacked = new Map<string, { readonly path: string; readonly fd: number }>()

  constructor(follower: Follower, context: ShipContext) {
    this.#follower = follower
    this.#context = context
  }

  /** Undefined: they are gone. @throws system errors that may pass (EACCES, EIO, ENOSPC) */
  async read(cut: Cut): Promise<Buffer | undefined> {
    const bytes = Buffer.allocUnsafe(cut.rawBytes)
    if (cut.rawBytes === 0) return bytes
    const before = this.#listing()
    if (this.#readPlain(cut, bytes) || (await this.#readPacked(cut, bytes))) return bytes
    if (this.#listing() !== before) throw new ListingMoved(this.#follower.group.livePath)
    return undefined
  }

  /** Which file has which name, as one text. */
  #listing(): string {
    const { group } = this.#follower
    return candidates(group)
      .map(({ path, id }) => `${path} ${id}`)
      .concat(idAt(group.livePath) ?? '')
      .join('\n')
  }

  close(): void {
    for (const { path, fd } of this.#unpacked.values()) {
      closeSync(fd)
      rmSync(path, { force: true })
    }
    this.#unpacked.clear()
  }

  #readPlain(cut: Cut, bytes: Buffer): boolean {
    const { group } = this.#follower
    const rotated = candidates(group).filter((one) => one.packed === undefined)
    for (const path of [...rotated.map((one) => one.path), group.livePath]) {
      const opened = openLog(path, group.root)
      if (!isOpen(opened)) {
        if (opened.kind === 'unreadable')
          throw Object.assign(new Error(`cannot open ${path}`), { code: opened.code })
        continue
      }
      try {
        if (opened.size >= cut.to && holds(opened.fd, cut, bytes)) return true
      } finally {
        closeSync(opened.fd)
      }
    }
    return false
  }

  async #readPacked(cut: Cut, bytes: Buffer): Promise<boolean> {
    for (const candidate of candidates(this.#follower.group)) {
      if (candidate.packed === undefined) continue
      const fd = await this.#unpack(candidate.path, candidate.id)
      if (holds(fd, cut, bytes)) return true
    }
    return false
  }

  async #unpack(from: string, id: string): Promise<number> {
    const known = this.#unpacked.get(id)
    if (known !== undefined) return known.fd
    const { unpackDirectory, unpackedBytesMax: bytesMax, signal } = this.#context
    const path = join(unpackDirectory, `again-${this.#follower.stream.number}-${id.replace(':', '-')}`)
    await unpackLog(from, path, { bytesMax, signal })
    const fd = openSync(path, 'r')
    this.#unpacked.set(id, { path, fd })
    return fd
  }
}

function holds(fd: number, cut: Cut, bytes: Buffer): boolean {
  return readFully(fd, bytes, cut.rawBytes, cut.from) === cut.rawBytes && digestOf(bytes) === cut.digest
}
