import type { Json, JsonObject } from '../../core/document.ts'
import { type FieldPath, someString, valuesAt } from './fields.ts'
import { fold } from './fold.ts'
import type { Node, Relation, ValueTest } from './node.ts'

/** The values of one field of one event, with their texts made once for all rules. */
interface FieldValues {
  readonly values: readonly Json[]
  /** Undefined for an object; made when first asked for. */
  readonly folded: (string | undefined)[]
}

/** One event while the rules look at it. */
export class EventView {
  readonly document: JsonObject
  readonly text: string
  readonly #fields = new Map<string, FieldValues>()
  #foldedText: string | undefined

  constructor(document: JsonObject, text: string) {
    this.document = document
    this.text = text
  }

  get foldedText(): string {
    return (this.#foldedText ??= fold(this.text))
  }

  field(path: FieldPath): FieldValues {
    let known = this.#fields.get(path.name)
    if (known === undefined) {
      known = { values: valuesAt(this.document, path), folded: [] }
      this.#fields.set(path.name, known)
    }
    return known
  }
}

export type Evaluator = (event: EventView) => boolean

/** Makes a function of a tree. */
export function compileNode(node: Node): Evaluator {
  switch (node.kind) {
    case 'constant':
      return () => node.value
    case 'and': {
      const all = node.of.map(compileNode)
      return (event) => all.every((one) => one(event))
    }
    case 'or': {
      const all = node.of.map(compileNode)
      return (event) => all.some((one) => one(event))
    }
    case 'not': {
      const inner = compileNode(node.of)
      return (event) => !inner(event)
    }
    case 'at-least':
      return compileAtLeast(node.count, node.of.map(compileNode))
    case 'field':
      return (event) => matchesAny(event.field(node.path), node.test)
    case 'exists':
      return (event) => event.field(node.path).values.length > 0
    case 'fieldref':
      return (event) => relates(event.field(node.path), event.field(node.other), node)
    case 'keyword':
      return (event) => hasKeyword(event, node.test, node.roots)
  }
}

function compileAtLeast(count: number, all: readonly Evaluator[]): Evaluator {
  return (event) => {
    let found = 0
    for (const one of all) {
      if (one(event) && ++found === count) return true
    }
    return false
  }
}

function matchesAny(field: FieldValues, test: ValueTest): boolean {
  const { values } = field
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!
    if (typeof value === 'object') continue
    const text = String(value)
    if (test.matches(text, foldedOf(field, index, text), value)) return true
  }
  return false
}

function foldedOf(field: FieldValues, index: number, text: string): string {
  return (field.folded[index] ??= fold(text))
}

function relates(
  left: FieldValues,
  right: FieldValues,
  how: { relation: Relation; cased: boolean },
): boolean {
  const others = textsOf(right, how.cased)
  const holds = RELATIONS[how.relation]
  return textsOf(left, how.cased).some((text) => others.some((other) => holds(text, other)))
}

function textsOf(field: FieldValues, cased: boolean): string[] {
  const scalars = field.values.filter((value) => typeof value !== 'object').map(String)
  return cased ? scalars : scalars.map(fold)
}

const RELATIONS: Readonly<Record<Relation, (text: string, other: string) => boolean>> = {
  equals: (text, other) => text === other,
  contains: (text, other) => text.includes(other),
  startswith: (text, other) => text.startsWith(other),
  endswith: (text, other) => text.endsWith(other),
}

function hasKeyword(event: EventView, test: ValueTest, roots: readonly FieldPath[]): boolean {
  if (test.matches(event.text, event.foldedText, event.text)) return true
  const isHit = (text: string): boolean => test.matches(text, fold(text), text)
  return roots.some((root) => valuesAt(event.document, root).some((value) => someString(value, isHit)))
}
