import type { Json, JsonObject } from '../../core/document.ts'
import { addTo, makeObject, objectAt } from './fields.ts'

const ENDS = ['source', 'destination', 'client', 'server'] as const
const USERS = ['effective', 'target', 'changes'] as const
const HASHED = ['file', 'process', 'dll'] as const

/**
 * `related.*` of what a parser found and did not list: an analyst pivots on it. Of most records nothing is missing, and nothing is made.
 */
export function addRelated(fields: JsonObject): void {
  for (const end of ENDS) {
    if (fields[end] === undefined) continue
    const side = objectAt(fields, end)
    add(fields, 'ip', side?.ip)
    add(fields, 'hosts', side?.domain)
  }
  if (fields.user !== undefined) addUsers(fields, objectAt(fields, 'user'))
  for (const name of HASHED) {
    const hash = fields[name] === undefined ? undefined : objectAt(fields, name)?.hash
    if (typeof hash !== 'object' || hash === null) continue
    for (const value of Object.values(hash)) add(fields, 'hash', value)
  }
}

function addUsers(fields: JsonObject, user: JsonObject | undefined): void {
  if (user === undefined) return
  add(fields, 'user', user.name)
  for (const name of USERS) if (user[name] !== undefined) add(fields, 'user', objectAt(user, name)?.name)
}

function add(fields: JsonObject, name: string, value: Json | undefined): void {
  if (typeof value !== 'string' || value === '') return
  const known = objectAt(fields, 'related')?.[name]
  if (Array.isArray(known) ? known.includes(value) : known === value) return
  const related = makeObject(fields, 'related')
  if (related !== undefined) addTo(related, name, value)
}
