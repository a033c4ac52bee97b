import type { JsonObject } from '../../core/document.ts'
import { TACTICS, TECHNIQUES } from '../../core/attack.ts'

const SITE = 'https://attack.mitre.org'

/**
 * ECS `threat` of a rule's tags (`attack.execution`, `attack.t1609`, `attack.t1110.001`): lists at the leaves, as ECS allows.
 * Undefined when no tag names a tactic or a technique.
 */
export function threatOf(tags: readonly string[]): JsonObject | undefined {
  const attack = tags.filter((tag) => tag.startsWith('attack.')).map((tag) => tag.slice('attack.'.length))
  const tactics = attack.flatMap((name) => TACTICS[name.replaceAll('_', '-')] ?? [])
  const ids = attack.filter((name) => /^t\d{4}(\.\d{3})?$/.test(name)).map((name) => name.toUpperCase())
  const techniques = [...new Set(ids.map((id) => id.slice(0, 5)))]
  const subTechniques = ids.filter((id) => id.length > 5)
  if (tactics.length === 0 && techniques.length === 0) return undefined
  const threat: JsonObject = { framework: 'MITRE ATT&CK' }
  if (tactics.length > 0) {
    threat.tactic = {
      id: tactics.map(({ id }) => id),
      name: tactics.map(({ name }) => name),
      reference: tactics.map(({ id }) => `${SITE}/tactics/${id}/`),
    }
  }
  if (techniques.length > 0) threat.technique = techniqueFields(techniques)
  if (subTechniques.length > 0) (threat.technique as JsonObject).subtechnique = techniqueFields(subTechniques)
  return threat
}

function techniqueFields(ids: readonly string[]): JsonObject {
  return {
    id: [...ids],
    name: ids.map((id) => TECHNIQUES[id] ?? id),
    reference: ids.map((id) => `${SITE}/techniques/${id.replace('.', '/')}/`),
  }
}

/** Tags of ATT&CK that name nothing we know: a typing error, or a technique that `core/attack.ts` lacks. */
export function unknownAttackTags(tags: readonly string[]): string[] {
  return tags.filter((tag) => {
    if (!tag.startsWith('attack.')) return false
    const name = tag.slice('attack.'.length)
    if (/^[gs]\d{4}$/.test(name)) return false
    return !(name.replaceAll('_', '-') in TACTICS || name.toUpperCase() in TECHNIQUES)
  })
}
