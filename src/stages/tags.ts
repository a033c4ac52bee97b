import type { Json, JsonObject } from '../core/document.ts'
import type { MatchedRule } from '../core/tagging.ts'

/** Fields that matched rules put into an event. */
export function ruleFields(rules: readonly MatchedRule[]): JsonObject {
  const fields: JsonObject = {
    rule: { id: rules.map(({ id }) => id), name: rules.map(({ name }) => name) },
    tags: [...new Set(rules.flatMap(({ tags }) => tags)), levelTag(rules)],
  }
  const threats = rules.flatMap(({ threat }) => (threat === undefined ? [] : [threat]))
  if (threats.length > 0) fields.threat = threats.length === 1 ? threats[0]! : mergeThreats(threats)
  return fields
}

/** From least to most: an analyst sorts by it. */
const LEVELS = ['informational', 'low', 'medium', 'high', 'critical'] as const

/** The highest level of all that matched, as a tag: `decklog.level.high`. */
function levelTag(rules: readonly MatchedRule[]): string {
  const highest = Math.max(...rules.map(({ level }) => LEVELS.indexOf(level)))
  return `decklog.level.${LEVELS[highest]}`
}

/** An event that a rule tagged is a signal, whatever the level: that says who has to look. */
export function isSignal(rules: readonly MatchedRule[]): boolean {
  return rules.length > 0
}

/** ECS allows lists at the leaves: each leaf gets the distinct values of all. */
function mergeThreats(threats: readonly JsonObject[]): JsonObject {
  const merged: JsonObject = {}
  for (const name of new Set(threats.flatMap(Object.keys))) {
    const values = threats.flatMap((threat) => (threat[name] === undefined ? [] : [threat[name]]))
    merged[name] = values.every(isObject) ? mergeThreats(values) : distinct(values.flat())
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
