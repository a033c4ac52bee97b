import type { Json, JsonObject } from '../core/document.ts'
import type { MatchedRule } from '../core/tagging.ts'

/** Fields that matched rules put into an event. */
export function ruleFields(rules: readonly MatchedRule[]): JsonObject {
  const fields: JsonObject = {
    rule: { id: rules.map(({ id }) => id), name: rules.map(({ name }) => name) },
    tags: [...new Set(rules.flatMap(({ tags }) => tags))],
  }
  const threats = rules.flatMap(({ threat }) => (threat === undefined ? [] : [threat]))
  if (threats.length > 0) fields.threat = threats.length === 1 ? threats[0]! : mergeThreats(threats)
  return fields
}

/** A rule above `informational` makes its event a signal. */
export function isSignal(rules: readonly MatchedRule[]): boolean {
  return rules.some(({ level }) => level !== 'informational')
}

/** ECS allows lists at the leaves: each leaf gets the distinct values of all. */
function mergeThreats(threats: readonly JsonObject[]): JsonObject {
  const merged: JsonObject = {}
  for (const name of new Set(threats.flatMap(Object.keys))) {
    const values = threats.flatMap((threat) => (threat[name] === undefined ? [] : [threat[name]]))
    merged[name] = values.every(isObject) ? mergeThreats(values) : distinct(values.flat() as Json[])
  }
  return merged
}

function distinct(values: readonly Json[]): Json {
  const seen = [...new Set(values)]
  return seen.length === 1 ? seen[0]! : seen
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
