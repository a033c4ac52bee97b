import type { JsonObject } from '../../core/document.ts'
import type { Building } from './auditd-building.ts'
import { isNamed } from './auditd-building.ts'
import type { CopyProfile } from './auditd-types.ts'
import { child, isObject, relate } from './document.ts'

/**
 * Who did it, and to whom. The kernel's `auid` is the user who has logged in, `uid` the one whose rights were used; `acct` and `id`
 * name the account that a program speaks of. By the kind of record, as Elastic's integration maps them.
 */
export function putUsers(b: Building, copy: CopyProfile | undefined): void {
  if (copy !== undefined) copyUsers(b, copy)
  const user = child(b.fields, 'user')
  if (b.acct !== undefined) user['name'] ??= b.acct
  if (b.uid !== undefined) {
    if (user['id'] === undefined) user['id'] = b.uid
    else if (b.log['uid'] === undefined) b.log['uid'] = b.uid
  }
  if (b.auid !== undefined) child(user, 'audit')['id'] ??= b.auid
  if (b.UID !== undefined && isNamed(b.UID)) user['name'] ??= b.UID
  if (Object.keys(user).length === 0) delete b.fields['user']
  else relateUsers(b, user)
}

function copyUsers(b: Building, copy: CopyProfile): void {
  const { auid, uid, acct, id } = b
  const user = child(b.fields, 'user')
  switch (copy) {
    case 'session':
    case 'session-named':
      set(user, auid)
      set(child(user, 'effective'), acct ?? id ?? uid)
      if (copy === 'session-named') {
        set(user, b.AUID)
        set(child(user, 'effective'), b.UID)
      }
      break
    case 'group':
      actors(b, user)
      set(child(b.fields, 'group'), id ?? acct)
      set(child(b.fields, 'group'), b.ID)
      break
    case 'target':
      actors(b, user)
      set(child(user, 'target'), id ?? acct)
      set(child(user, 'target'), b.ID)
      break
    case 'password':
      actors(b, user)
      set(child(user, 'target'), acct ?? id ?? uid)
      set(child(user, 'target'), b.ID)
      break
    case 'account':
      set(user, auid)
      set(child(user, 'target'), acct ?? id ?? uid)
      set(child(user, 'effective'), uid)
      break
    case 'group-change':
    case 'group-password':
      set(user, auid)
      set(child(user, 'effective'), uid)
      set(child(b.fields, 'group'), id ?? groupName(b) ?? acct)
      break
    case 'group-auth':
      set(user, auid)
      set(child(user, 'effective'), uid)
      break
    case 'login':
      set(user, b.oldAuid)
      set(child(user, 'effective'), b.newAuid ?? auid)
      break
  }
  dropEmpty(user, 'effective')
  dropEmpty(user, 'target')
  dropEmpty(b.fields, 'group')
}

function actors(b: Building, user: JsonObject): void {
  set(user, b.auid)
  set(user, b.AUID)
  set(child(user, 'effective'), b.uid)
  set(child(user, 'effective'), b.UID)
}

function groupName(b: Building): string | undefined {
  const { grp } = b.log
  return typeof grp === 'string' ? grp : undefined
}

/** A number is an id, anything else a name. */
function set(target: JsonObject, value: string | undefined): void {
  if (value === undefined || !isNamed(value)) return
  target[isDigits(value) ? 'id' : 'name'] = value
}

function isDigits(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i)
    if (unit < 48 || unit > 57) return false
  }
  return value !== ''
}

function dropEmpty(fields: JsonObject, name: string): void {
  const value = fields[name]
  if (isObject(value) && Object.keys(value).length === 0) delete fields[name]
}

const KINDS = ['audit', 'effective', 'filesystem', 'saved', 'owner', 'target']

function relateUsers(b: Building, user: JsonObject): void {
  if (typeof user['name'] === 'string') relate(b.draft, 'user', user['name'])
  for (const kind of KINDS) {
    const one = user[kind]
    if (isObject(one) && typeof one['name'] === 'string') relate(b.draft, 'user', one['name'])
  }
}
