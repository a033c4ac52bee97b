import type { Json, JsonObject } from '../../core/document.ts'
import { compileCondition } from './condition.ts'
import { compileItem, compileKeywords } from './item.ts'
import { and, type Node, or } from './node.ts'
import { RuleError, under } from './problem.ts'
import type { Placeholders } from './transforms.ts'

/**
 * The `detection` of a rule: named searches, and a condition over their names. A search is a map (all of its lines), a list of
 * maps (any of them) or a list of texts (keywords, any of them). Several conditions stand for "any of them".
 *
 * @throws {RuleError} with the path from here to what is wrong.
 */
export function compileDetection(detection: JsonObject, placeholders: Placeholders = {}): Node {
  const searches = new Map<string, Node>()
  for (const [name, search] of Object.entries(detection)) {
    if (name === 'condition' || name === 'timeframe') continue
    searches.set(
      name,
      under([name], () => compileSearch(search, placeholders)),
    )
  }
  if ('timeframe' in detection) {
    throw new RuleError('"timeframe" is no longer part of Sigma', 'write a correlation rule instead', [
      'timeframe',
    ])
  }
  if (searches.size === 0) throw new RuleError('nothing is searched for', 'write "selection: {field: value}"')
  return under(['condition'], () => compileConditions(detection.condition, searches))
}

function compileConditions(condition: Json | undefined, searches: ReadonlyMap<string, Node>): Node {
  const list = Array.isArray(condition) ? condition : [condition]
  const nodes = list.map((one, index) => {
    if (typeof one !== 'string' || one.trim() === '') {
      throw new RuleError('the condition is missing', `write "condition: ${[...searches.keys()][0]}"`)
    }
    return under(list.length > 1 ? [index] : [], () => compileCondition(one, searches))
  })
  if (nodes.length === 0) throw new RuleError('the condition is missing', 'write "condition: selection"')
  return or(nodes)
}

function compileSearch(search: Json, placeholders: Placeholders): Node {
  if (search === null)
    throw new RuleError('the search is empty', 'write a map "field: value" or a list of texts')
  if (!Array.isArray(search)) {
    return typeof search === 'object'
      ? compileMap(search, placeholders)
      : compileKeywords([search], placeholders)
  }
  if (search.length === 0) throw new RuleError('an empty list matches nothing', 'write at least one entry')
  return or(
    search.map((entry, index) =>
      under([index], () => {
        if (typeof entry !== 'object' || entry === null) return compileKeywords([entry], placeholders)
        if (!Array.isArray(entry)) return compileMap(entry, placeholders)
        throw new RuleError('a list inside of a list', 'write maps or texts')
      }),
    ),
  )
}

function compileMap(map: JsonObject, placeholders: Placeholders): Node {
  const items = Object.entries(map)
  if (items.length === 0) throw new RuleError('an empty map matches everything', 'write "field: value"')
  return and(items.map(([key, value]) => under([key], () => compileItem(key, value, placeholders))))
}
