import type { JsonObject } from '../../core/document.ts'
import { addMissing, addTo, makeObject, objectAt, textAt } from './fields.ts'
import type { EnrichmentSnapshot, Identity } from '../../core/enrichment.ts'

const SIDES = [undefined, 'effective', 'target', 'changes'] as const

/** The person behind a user: `user.full_name` and `user.email` beside the name, and the person in `related.user`. */
export function identityStep({
  identities,
}: EnrichmentSnapshot): ((fields: JsonObject, dataset: string) => void) | undefined {
  if (identities.length === 0) return undefined
  const os = byName(identities, 'os')
  const kubernetes = byName(identities, 'kubernetes')
  return (fields, dataset) => {
    const user = objectAt(fields, 'user')
    if (user === undefined) return
    const names = dataset.startsWith('kubernetes.') ? kubernetes : os
    for (const side of SIDES) {
      const one = side === undefined ? user : objectAt(user, side)
      const name = textAt(one, 'name')
      const identity = name === undefined ? undefined : names.get(name)
      if (one === undefined || identity === undefined) continue
      addMissing(one, 'full_name', identity.fullName)
      addMissing(one, 'email', identity.email)
      const ours = makeObject(fields, 'decklog')
      if (ours !== undefined) addTo(ours, 'person', identity.person)
      const related = makeObject(fields, 'related')
      if (related !== undefined) addTo(related, 'user', identity.person)
    }
  }
}

function byName(identities: readonly Identity[], kind: 'os' | 'kubernetes'): Map<string, Identity> {
  const names = new Map<string, Identity>()
  for (const identity of identities) for (const name of identity[kind]) names.set(name, identity)
  return names
}
