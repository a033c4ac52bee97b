import { closeSync, statSync } from 'node:fs'
import { continues, type FilePosition, fingerprint } from '../../sources/fingerprint.ts'
import { type PackedLog, peekGzip } from '../../sources/gunzip-log.ts'
import { type LogGroup, type RotatedFile, rotatedFiles } from '../../sources/log-group.ts'
import { fileId, isOpen, type OpenLog, openLog } from '../../sources/open-log.ts'

/**
 * A file was no longer where the listing has it when it was opened: rotation is under way. Nothing that was concluded from the
 * listing holds; all is looked at again in a moment.
 */
export class ListingMoved extends Error {
  constructor(path: string) {
    super(`${path} became another file while it was looked at`)
  }
}

/** A rotated file, with a look into it where it is packed. */
export interface Candidate extends RotatedFile {
  readonly packed: PackedLog | undefined
}

/**
 * Rotated files of a group, oldest first. A packed one beside its plain original is left out: it is being made.
 * @throws ListingMoved
 */
export function candidates(group: LogGroup): Candidate[] {
  const files = rotatedFiles(group)
  const paths = new Set(files.map((file) => file.path))
  const found: Candidate[] = []
  for (const file of files) {
    if (file.gzip && paths.has(file.path.slice(0, -3))) continue
    const packed = file.gzip ? peek(file) : undefined
    if (!file.gzip || packed !== undefined) found.push({ ...file, packed })
  }
  return found
}

function peek(file: RotatedFile): PackedLog | undefined {
  let packed: PackedLog | undefined
  try {
    packed = peekGzip(file.path)
  } catch {
    packed = undefined
  }
  if (idAt(file.path) !== file.id) throw new ListingMoved(file.path)
  return packed
}

/** Which file has this path now. Undefined: none. */
export function idAt(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined ? undefined : fileId(stats)
}

/** Opens a listed file. Undefined: it may not be read. @throws ListingMoved */
export function openListed(listed: Pick<RotatedFile, 'path' | 'id'>, root: string): OpenLog | undefined {
  const opened = openLog(listed.path, root)
  if (isOpen(opened)) {
    if (opened.id === listed.id) return opened
    closeSync(opened.fd)
    throw new ListingMoved(listed.path)
  }
  if (opened.kind === 'missing') throw new ListingMoved(listed.path)
  return undefined
}

export type Found =
  | { readonly kind: 'plain'; readonly candidate: Candidate; readonly fd: number }
  | { readonly kind: 'packed'; readonly candidate: Candidate }

/**
 * Finds the file of which `position` was read, under whatever name: same inode first, then same content, then packed.
 * @throws ListingMoved
 */
export function findRead(
  position: FilePosition,
  group: LogGroup,
  among: readonly Candidate[],
): Found | undefined {
  const sameInode = among.filter((one) => one.id === position.id)
  const others = position.offset === 0 ? [] : among.filter((one) => one.id !== position.id)
  for (const candidate of [...sameInode, ...others]) {
    if (candidate.packed !== undefined) continue
    const opened = openListed(candidate, group.root)
    if (opened === undefined) continue
    if (continuesQuietly(opened.fd, position)) return { kind: 'plain', candidate, fd: opened.fd }
    closeSync(opened.fd)
  }
  const packed = among.find((one) => one.packed !== undefined && mayContinue(one.packed, position))
  return packed === undefined ? undefined : { kind: 'packed', candidate: packed }
}

/** A read that fails counts as another content: the caller looks elsewhere, and declares what it does not find. */
export function continuesQuietly(fd: number, position: FilePosition): boolean {
  try {
    return continues(fd, position)
  } catch {
    return false
  }
}

/** Whether a packed file begins as what was read, and is long enough. */
export function mayContinue(packed: PackedLog, position: FilePosition): boolean {
  const { headBytes, head, offset } = position
  if (headBytes === 0 || packed.head.length < headBytes || packed.size < offset % 2 ** 32) return false
  return fingerprint(packed.head.subarray(0, headBytes)) === head
}
