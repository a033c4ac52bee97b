import type { Json, JsonObject } from '../../core/document.ts'
import { addTo, makeObject, objectAt, textAt } from './fields.ts'

const ENDS = ['source', 'destination', 'client', 'server'] as const
const USERS = ['effective', 'target', 'changes'] as const

/** `related.*` of what a parser found and did not list: an analyst pivots on it. */
export function addRelated(fields: JsonObject): void {
  for (const end of ENDS) {
    const side = objectAt(fields, end)
    if (side === undefined) continue
    add(fields, 'ip', textAt(side, 'ip'))
    add(fields, 'hosts', textAt(side, 'domain'))
  }
  const user = objectAt(fields, 'user')
  if (user !== undefined) {
    add(fields, 'user', textAt(user, 'name'))
    for (const name of USERS) add(fields, 'user', textAt(objectAt(user, name), 'name'))
  }
  for (const holder of ['file', 'process', 'dll'] as const) {
    const hash = objectAt(objectAt(fields, holder) ?? {}, 'hash')
    if (hash !== undefined) for (const value of Object.values(hash)) addText(fields, 'hash', value)
  }
}

function add(fields: JsonObject, name: string, value: string | undefined): void {
  if (value === undefined) return
  const known = objectAt(fields, 'related')?.[name]
  if (Array.isArray(known) ? known.includes(value) : known === value) return
  const related = makeObject(fields, 'related')
  if (related !== undefined) addTo(related, name, value)
}

function addText(fields: JsonObject, name: string, value: Json): void {
  if (typeof value === 'string') add(fields, name, value)
}
