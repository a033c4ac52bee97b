import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json, JsonObject } from '../../src/core/document.ts'
import { compileDetection } from '../../src/detect/sigma/detection.ts'
import { compileNode, EventView } from '../../src/detect/sigma/evaluate.ts'
import { compilePath } from '../../src/detect/sigma/fields.ts'
import { mapFields, type Node, specialize } from '../../src/detect/sigma/node.ts'
import { constants, detection, document, text } from './arbitraries.ts'
import { referenceMatch } from './reference.ts'

const ROOTS = ['a', 'n']
const RUNS = Number(process.env.FUZZ_RUNS ?? 2000)

function nodeOf(rule: JsonObject): Node {
  return mapFields(compileDetection(rule), (field) => field, ROOTS.map(compilePath))
}

function matches(node: Node, event: JsonObject, line: string): boolean {
  return compileNode(node)(new EventView(event, line))
}

/** `over` wins, as constants do in a document. */
function merge(under: Json, over: Json): Json {
  if (!isObject(under) || !isObject(over)) return over
  const names = [...new Set([...Object.keys(under), ...Object.keys(over)])]
  return Object.fromEntries(
    names.map((name) => [name, name in over ? merge(under[name] ?? null, over[name]!) : under[name]!]),
  )
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

describe('the matcher', () => {
  it('says what a plain reading of the specification says', () => {
    let hits = 0
    fc.assert(
      fc.property(detection, document, text, (rule, event, line) => {
        const expected = referenceMatch(rule, { document: event, text: line, roots: ROOTS })
        if (expected) hits++
        expect(matches(nodeOf(rule), event, line)).toBe(expected)
      }),
      { numRuns: RUNS },
    )
    expect(hits).toBeGreaterThan(RUNS / 20)
  })

  it('says the same when constant fields have been decided before', () => {
    fc.assert(
      fc.property(detection, constants, document, text, (rule, fixed, event, line) => {
        const whole = merge(event, fixed) as JsonObject
        const node = nodeOf(rule)
        expect(matches(specialize(node, fixed), whole, line)).toBe(matches(node, whole, line))
      }),
      { numRuns: RUNS },
    )
  })
})
