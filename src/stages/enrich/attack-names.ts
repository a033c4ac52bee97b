import { TACTICS, TECHNIQUES } from '../../core/attack.ts'
import type { JsonObject } from '../../core/document.ts'
import { addMissing, addTo, makeObject, objectAt } from './fields.ts'

const TECHNIQUE = /^(?:attack\.)?(t\d{4})(\.\d{3})?$/i
const TACTICS_BY_ID = new Map(Object.values(TACTICS).map(({ id, name }) => [id, name]))

/** Names of ATT&CK techniques whose id a record has: in `threat.technique.id`, or in its tags, as Falco and Tracee write it. */
export function addAttack(fields: JsonObject): void {
  const { tags } = fields
  if (Array.isArray(tags)) {
    for (const tag of tags) {
      const match = typeof tag === 'string' ? TECHNIQUE.exec(tag) : null
      if (match !== null) addTechnique(fields, match[1]!.toUpperCase(), match[2])
    }
  }
  const threat = objectAt(fields, 'threat')
  if (threat === undefined) return
  addNames(objectAt(threat, 'technique'), (id) => TECHNIQUES[id])
  addNames(objectAt(threat, 'tactic'), (id) => TACTICS_BY_ID.get(id))
}

function addTechnique(fields: JsonObject, id: string, part: string | undefined): void {
  const threat = makeObject(fields, 'threat')
  const technique = threat === undefined ? undefined : makeObject(threat, 'technique')
  if (threat === undefined || technique === undefined) return
  addMissing(threat, 'framework', 'MITRE ATT&CK')
  addTo(technique, 'id', id)
  if (part === undefined) return
  const sub = makeObject(technique, 'subtechnique')
  if (sub === undefined) return
  addTo(sub, 'id', id + part)
  addNames(sub, (one) => TECHNIQUES[one])
}

function addNames(fields: JsonObject | undefined, nameOf: (id: string) => string | undefined): void {
  if (fields === undefined || fields.name !== undefined) return
  const ids = Array.isArray(fields.id) ? fields.id : [fields.id]
  for (const id of ids) {
    const name = typeof id === 'string' ? nameOf(id) : undefined
    if (name !== undefined) addTo(fields, 'name', name)
  }
}
