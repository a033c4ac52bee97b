import type { Json, JsonObject } from '../../core/document.ts'
import { type Building, isNamed } from './auditd-building.ts'
import { type Field, fieldNames, fieldOf, isPlainKey, put, typed } from './auditd-fields.ts'
import { isDigits } from './auditd-hex.ts'
import { archName } from './auditd-syscalls.ts'
import { child, relate } from './document.ts'

type Assign = (building: Building, value: string, key: string) => void

/** Where each field goes. What is not named here stays in `auditd.log` under its own name. */
const ASSIGN: ReadonlyMap<string, Assign> = new Map<string, Assign>([
  [
    'arch',
    (b, value) => {
      b.arch ??= value
      child(b.fields, 'host')['architecture'] = archName(b.arch)
    },
  ],
  [
    'syscall',
    (b, value, key) => {
      b.syscall ??= value
      put(b.log, key, value)
    },
  ],
  [
    'success',
    (b, value, key) => {
      b.success ??= value
      put(b.log, key, value === 'yes' || value === '1')
    },
  ],
  ['exit', (b, value, key) => number(b, 'process', 'exit_code', value, key)],
  ['pid', (b, value, key) => number(b, 'process', 'pid', value, key)],
  [
    'ppid',
    (b, value, key) => {
      if (isDigits(value) && value.length < 16)
        child(child(b.fields, 'process'), 'parent')['pid'] ??= Number(value)
      else put(b.log, key, value)
    },
  ],
  ['argc', (b, value, key) => number(b, 'process', 'args_count', value, key)],
  [
    'auid',
    (b, value) => {
      b.auid ??= value
      if (b.auid !== value) put(b.log, 'auid', value)
    },
  ],
  [
    'uid',
    (b, value) => {
      b.uid ??= value
      if (b.uid === value) return
      put(b.log, 'uid', b.uid)
      put(b.log, 'uid', value)
    },
  ],
  [
    'acct',
    (b, value) => {
      b.acct ??= value
    },
  ],
  [
    'user',
    (b, value) => {
      b.acct ??= value
    },
  ],
  [
    'id',
    (b, value, key) => {
      b.id ??= value
      put(b.log, key, value)
    },
  ],
  ['old_auid', oldAuid],
  ['old-auid', oldAuid],
  ['new_auid', newAuid],
  ['new-auid', newAuid],
  ['old-ses', (b, value) => put(b.log, 'old_ses', value)],
  [
    'AUID',
    (b, value, key) => {
      b.AUID ??= value
      put(b.log, key, value)
      named(b, 'audit', value)
    },
  ],
  [
    'UID',
    (b, value, key) => {
      b.UID ??= value
      put(b.log, key, value)
    },
  ],
  [
    'ID',
    (b, value, key) => {
      b.ID ??= value
      put(b.log, key, value)
    },
  ],
  ['gid', (b, value, key) => group(b, undefined, 'id', value, key)],
  ['agid', (b, value, key) => group(b, 'audit', 'id', value, key)],
  ['fsgid', (b, value, key) => group(b, 'filesystem', 'id', value, key)],
  ['egid', (b, value, key) => group(b, 'effective', 'id', value, key)],
  ['sgid', (b, value, key) => group(b, 'saved', 'id', value, key)],
  ['ogid', (b, value, key) => group(b, 'owner', 'id', value, key)],
  ['fsuid', (b, value, key) => id(b, 'filesystem', value, key)],
  ['euid', (b, value, key) => id(b, 'effective', value, key)],
  ['suid', (b, value, key) => id(b, 'saved', value, key)],
  ['ouid', (b, value, key) => id(b, 'owner', value, key)],
  ['GID', (b, value, key) => translated(b, undefined, value, key)],
  ['AGID', (b, value, key) => translated(b, 'audit', value, key)],
  ['FSGID', (b, value, key) => translated(b, 'filesystem', value, key)],
  ['EGID', (b, value, key) => translated(b, 'effective', value, key)],
  ['SGID', (b, value, key) => translated(b, 'saved', value, key)],
  ['OGID', (b, value, key) => translated(b, 'owner', value, key)],
  ['FSUID', (b, value, key) => kept(b, 'filesystem', value, key)],
  ['EUID', (b, value, key) => kept(b, 'effective', value, key)],
  ['SUID', (b, value, key) => kept(b, 'saved', value, key)],
  ['OUID', (b, value, key) => kept(b, 'owner', value, key)],
  ['comm', (b, value, key) => text(b, 'process', 'name', value, key)],
  ['exe', (b, value, key) => text(b, 'process', 'executable', value, key)],
  ['cwd', (b, value, key) => text(b, 'process', 'working_directory', value, key)],
  ['terminal', (b, value, key) => text(b, 'user', 'terminal', value, key)],
  [
    'cmd',
    (b, value) => {
      const args = value.split(/\s+/).filter((word) => word !== '')
      const process = child(b.fields, 'process')
      process['args'] ??= args
      process['args_count'] ??= args.length
      process['command_line'] ??= value
    },
  ],
  [
    'res',
    (b, value) => {
      b.result ??= value
    },
  ],
  [
    'result',
    (b, value) => {
      b.result ??= value
    },
  ],
  [
    'src',
    (b, value, key) => {
      // SELinux writes ports under this name.
      if (isDigits(value)) put(b.log, key, value)
      else b.src ??= value
    },
  ],
  [
    'dst',
    (b, value, key) => {
      if (isDigits(value)) put(b.log, key, value)
      else b.dst ??= value
    },
  ],
  [
    'addr',
    (b, value) => {
      b.addr ??= value
    },
  ],
  [
    'hostname',
    (b, value, key) => {
      b.hostname ??= value
      put(b.log, key, value)
      relate(b.draft, 'hosts', value)
    },
  ],
])

/** What is done with a name: looked up once a pair. */
export interface Known extends Field {
  readonly assign: Assign | undefined
}

const KNOWN: ReadonlyMap<string, Known> = new Map(
  [...ASSIGN.keys(), ...fieldNames()].map((name) => [name, { ...fieldOf(name), assign: ASSIGN.get(name) }]),
)

export function knownOf(name: string): Known {
  return KNOWN.get(name) ?? { name, kind: 'plain', assign: undefined }
}

/** Puts one pair where it belongs. */
export function assign(building: Building, known: Known, value: string): void {
  if (known.assign !== undefined) known.assign(building, value, known.name)
  else if (isPlainKey(known.name)) {
    const made = typed(known, value)
    if (made !== undefined) put(building.log, known.name, made)
  }
}

function oldAuid(b: Building, value: string): void {
  b.oldAuid ??= value
  put(b.log, 'old_auid', value)
}

function newAuid(b: Building, value: string, key: string): void {
  b.newAuid ??= value
  put(b.log, key, value)
}

function number(b: Building, first: string, second: string, value: string, key: string): void {
  const target = child(b.fields, first)
  const found = Number(value)
  if (!Number.isSafeInteger(found) || !isInteger(value)) put(b.log, key, value)
  else if (target[second] === undefined) target[second] = found
  else if (target[second] !== found) put(b.log, key, value)
}

function text(b: Building, first: string, second: string, value: string, key: string): void {
  const target = child(b.fields, first)
  if (target[second] === undefined) target[second] = value
  else if (target[second] !== value) put(b.log, key, value)
}

function userOf(b: Building, which: string | undefined): JsonObject {
  const user = child(b.fields, 'user')
  return which === undefined ? user : child(user, which)
}

function id(b: Building, which: string, value: string, key: string): void {
  const user = userOf(b, which)
  if (user['id'] === undefined) user['id'] = value
  else if (user['id'] !== value) put(b.log, key, value)
}

function group(b: Building, which: string | undefined, name: string, value: string, key: string): void {
  const found = child(userOf(b, which), 'group')
  if (found[name] === undefined) found[name] = value
  else if (found[name] !== value) put(b.log, key, value)
}

function isInteger(value: string): boolean {
  return isDigits(value.charCodeAt(0) === 45 ? value.slice(1) : value)
}

/** A group's name that auditd has looked up: it stays under its own name too, as Elastic keeps it. */
function translated(b: Building, which: string | undefined, value: string, key: string): void {
  put(b.log, key, value)
  if (isNamed(value)) child(userOf(b, which), 'group')['name'] ??= value
}

function kept(b: Building, which: string, value: string, key: string): void {
  put(b.log, key, value)
  named(b, which, value)
}

function named(b: Building, which: string, value: string): void {
  if (!isNamed(value)) return
  const user = userOf(b, which)
  user['name'] ??= value as Json
}
