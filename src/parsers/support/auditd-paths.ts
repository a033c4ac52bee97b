import type { JsonObject } from '../../core/document.ts'
import type { CallAction } from './auditd-actions.ts'
import { isNamed } from './auditd-building.ts'
import type { Decoder } from './auditd-fields.ts'
import { type AuditRecord, plainFields } from './auditd-record.ts'
import { putLabel } from './auditd-labels.ts'

/** PATH records in the order of their items, as `auditd.paths` has them. */
export function readPaths(records: readonly AuditRecord[], decoder: Decoder): JsonObject[] {
  return records
    .map((record) => {
      const path = plainFields(record, decoder)
      if (typeof path['obj'] === 'string') {
        putLabel(path, 'obj', path['obj'])
        delete path['obj']
      }
      return path
    })
    .sort((a, b) => Number(a['item'] ?? 0) - Number(b['item'] ?? 0))
}

/**
 * The path that the call is about: of a renaming the old name, of a new directory the directory; a parent is passed over. A name that
 * is relative is one of the working directory.
 */
export function fileOf(
  paths: readonly JsonObject[],
  call: CallAction,
  cwd: string | undefined,
): JsonObject | undefined {
  if (paths.length === 0) return undefined
  const from = call.pathIndex < paths.length ? call.pathIndex : 0
  const chosen =
    paths.slice(from).find(({ nametype, objtype }) => !isBeside(nametype) && !isBeside(objtype)) ??
    paths[from]!
  const file: JsonObject = {}
  const name = stringOf(chosen['name'])
  if (name !== undefined) {
    const path = resolvePath(name, cwd)
    file['path'] = path
    const base = baseName(path)
    if (base !== '') file['name'] = base
  }
  copy(chosen, 'inode', file, 'inode')
  copy(chosen, 'dev', file, 'device')
  copy(chosen, 'ouid', file, 'uid')
  copy(chosen, 'ogid', file, 'gid')
  copy(chosen, 'OUID', file, 'owner')
  copy(chosen, 'OGID', file, 'group')
  putMode(file, stringOf(chosen['mode']))
  return file
}

function isBeside(kind: unknown): boolean {
  return kind === 'PARENT' || kind === 'UNKNOWN'
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function copy(from: JsonObject, name: string, to: JsonObject, as: string): void {
  const value = from[name]
  if (typeof value === 'string' && isNamed(value)) to[as] = value
}

/** `0100644`: the kind of file, and its permissions. */
function putMode(file: JsonObject, mode: string | undefined): void {
  if (mode === undefined || !/^[0-7]{1,7}$/.test(mode)) return
  const bits = Number.parseInt(mode, 8)
  file['mode'] = (bits & 0o7777).toString(8).padStart(4, '0')
  const type = TYPES.get(bits & 0o170000)
  if (type !== undefined) file['type'] = type
}

const TYPES: ReadonlyMap<number, string> = new Map([
  [0o100000, 'file'],
  [0o040000, 'dir'],
  [0o120000, 'symlink'],
  [0o020000, 'char_device'],
  [0o060000, 'block_device'],
  [0o010000, 'pipe'],
  [0o140000, 'socket'],
])

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Without `.`, `..` and doubled slashes, as far as that can be told from the text alone. */
export function resolvePath(name: string, cwd: string | undefined): string {
  const isAbsolute = name.startsWith('/')
  if (!isAbsolute && (cwd === undefined || !cwd.startsWith('/'))) return name
  if (isAbsolute && !name.includes('/.') && !name.includes('//')) return name
  const parts: string[] = []
  for (const part of (isAbsolute ? name : `${cwd}/${name}`).split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}
