import type { JsonObject } from '../../core/document.ts'
import type { Building } from './auditd-building.ts'
import { isNamed } from './auditd-building.ts'
import { isDigits } from './auditd-hex.ts'
import type { CopyProfile } from './auditd-types.ts'
import { child, isObject, relate } from './document.ts'

/**
 * Who did it, and to whom. The kernel's `auid` is the user who has logged in, `uid` the one whose rights were used; `acct` and `id`
 * name the account that a program speaks of. By the kind of record, as Elastic's integration maps them.
 */
export function putUsers(b: Building, copy: CopyProfile | undefined): void {
  if (copy !== undefined) copyUsers(b, copy)
  if (!isAnybodyNamed(b)) return
  const user = child(b.fields, 'user')
  if (b.acct !== undefined) user['name'] ??= b.acct
  if (b.uid !== undefined) {
    if (user['id'] === undefined) user['id'] = b.uid
    else if (b.log['uid'] === undefined) b.log['uid'] = b.uid
  }
  if (b.auid !== undefined) child(user, 'audit')['id'] ??= b.auid
  if (b.UID !== undefined && isNamed(b.UID)) user['name'] ??= b.UID
  relateUsers(b, user)
}

function isAnybodyNamed(b: Building): boolean {
  return (b.acct ?? b.uid ?? b.auid ?? b.UID) !== undefined || b.fields['user'] !== undefined
}

function copyUsers(b: Building, copy: CopyProfile): void {
  const { auid, uid, acct, id } = b
  const user = child(b.fields, 'user')
  switch (copy) {
    case 'session':
    case 'session-named':
      set(user, auid)
      set(user, acct ?? id ?? uid, 'effective')
      if (copy === 'session-named') {
        set(user, b.AUID)
        set(user, b.UID, 'effective')
      }
      break
    case 'group':
      actors(b, user)
      set(b.fields, id ?? acct, 'group')
      set(b.fields, b.ID, 'group')
      break
    case 'target':
      actors(b, user)
      set(user, id ?? acct, 'target')
      set(user, b.ID, 'target')
      break
    case 'password':
      actors(b, user)
      set(user, acct ?? id ?? uid, 'target')
      set(user, b.ID, 'target')
      break
    case 'account':
      set(user, auid)
      set(user, acct ?? id ?? uid, 'target')
      set(user, uid, 'effective')
      break
    case 'group-change':
    case 'group-password':
      set(user, auid)
      set(user, uid, 'effective')
      set(b.fields, id ?? groupName(b) ?? acct, 'group')
      break
    case 'group-auth':
      set(user, auid)
      set(user, uid, 'effective')
      break
    case 'login':
      set(user, b.oldAuid)
      set(user, b.newAuid ?? auid, 'effective')
      break
  }
}

function actors(b: Building, user: JsonObject): void {
  set(user, b.auid)
  set(user, b.AUID)
  set(user, b.uid, 'effective')
  set(user, b.UID, 'effective')
}

function groupName(b: Building): string | undefined {
  const { grp } = b.log
  return typeof grp === 'string' ? grp : undefined
}

/** A number is an id, anything else a name. `which`: a user or group inside of `target`. */
function set(target: JsonObject, value: string | undefined, which?: string): void {
  if (value === undefined || !isNamed(value)) return
  const one = which === undefined ? target : child(target, which)
  one[isDigits(value) ? 'id' : 'name'] = value
}

const KINDS = ['audit', 'effective', 'filesystem', 'saved', 'owner', 'target']

function relateUsers(b: Building, user: JsonObject): void {
  if (typeof user['name'] === 'string') relate(b.draft, 'user', user['name'])
  for (const kind of KINDS) {
    const one = user[kind]
    if (isObject(one) && typeof one['name'] === 'string') relate(b.draft, 'user', one['name'])
  }
}
