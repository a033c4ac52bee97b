import type { Json, JsonObject } from '../../core/document.ts'
import { compilePath, type FieldPath, valuesAt } from './fields.ts'
import { fold } from './fold.ts'

/** A test of one scalar value of a field, or of a text. */
export interface ValueTest {
  /** `text`: the value as text; `folded`: the same, folded. */
  readonly matches: (text: string, folded: string, value: Json) => boolean
  /** Literals (see `literals.ts`) of which at least one is in every folded value that matches; undefined: nothing is known. */
  readonly needs: readonly string[] | undefined
}

/** How two fields may relate. */
export type Relation = 'equals' | 'contains' | 'startswith' | 'endswith'

/**
 * What a rule asks of an event, as a tree: all that is known about a rule (constants, needed literals, fields) is read from it,
 * and `evaluate.ts` makes a function of it. A field with several values (arrays on the way) holds when any of them does.
 */
export type Node =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Node[] }
  | { readonly kind: 'not'; readonly of: Node }
  | { readonly kind: 'at-least'; readonly count: number; readonly of: readonly Node[] }
  | { readonly kind: 'field'; readonly path: FieldPath; readonly test: ValueTest }
  /** The field has a value other than null, be it an object. */
  | { readonly kind: 'exists'; readonly path: FieldPath }
  | {
      readonly kind: 'fieldref'
      readonly path: FieldPath
      readonly other: FieldPath
      readonly relation: Relation
      readonly cased: boolean
    }
  /** Any text that the source wrote: the record's text, and the string values under `roots`, which the source's routing fills in. */
  | { readonly kind: 'keyword'; readonly test: ValueTest; readonly roots: readonly FieldPath[] }

export const TRUE: Node = { kind: 'constant', value: true }
export const FALSE: Node = { kind: 'constant', value: false }

export function and(of: readonly Node[]): Node {
  if (of.some((node) => isConstant(node, false))) return FALSE
  const rest = of.filter((node) => node.kind !== 'constant')
  if (rest.length === 0) return TRUE
  return rest.length === 1 ? rest[0]! : { kind: 'and', of: rest }
}

export function or(of: readonly Node[]): Node {
  if (of.some((node) => isConstant(node, true))) return TRUE
  const rest = of.filter((node) => node.kind !== 'constant')
  if (rest.length === 0) return FALSE
  return rest.length === 1 ? rest[0]! : { kind: 'or', of: rest }
}

export function not(of: Node): Node {
  if (of.kind === 'constant') return of.value ? FALSE : TRUE
  return of.kind === 'not' ? of.of : { kind: 'not', of }
}

export function atLeast(count: number, of: readonly Node[]): Node {
  const open = of.filter((node) => node.kind !== 'constant')
  const missing = count - of.filter((node) => isConstant(node, true)).length
  if (missing <= 0) return TRUE
  if (missing > open.length) return FALSE
  if (missing === 1) return or(open)
  return missing === open.length ? and(open) : { kind: 'at-least', count: missing, of: open }
}

export function isConstant(node: Node, value: boolean): boolean {
  return node.kind === 'constant' && node.value === value
}

/** The same tree with its leaves replaced, simplified. */
export function mapLeaves(node: Node, leaf: (node: Node) => Node): Node {
  switch (node.kind) {
    case 'and':
      return and(node.of.map((child) => mapLeaves(child, leaf)))
    case 'or':
      return or(node.of.map((child) => mapLeaves(child, leaf)))
    case 'not':
      return not(mapLeaves(node.of, leaf))
    case 'at-least':
      return atLeast(
        node.count,
        node.of.map((child) => mapLeaves(child, leaf)),
      )
    default:
      return leaf(node)
  }
}

/** The same tree for a source whose fields have other names, and whose own words stand under `roots`. */
export function mapFields(node: Node, rename: (field: string) => string, roots: readonly FieldPath[]): Node {
  const renamed = (path: FieldPath): FieldPath => compilePath(rename(path.name))
  return mapLeaves(node, (leaf) => {
    if (leaf.kind === 'field' || leaf.kind === 'exists') return { ...leaf, path: renamed(leaf.path) }
    if (leaf.kind === 'fieldref') return { ...leaf, path: renamed(leaf.path), other: renamed(leaf.other) }
    return leaf.kind === 'keyword' ? { ...leaf, roots } : leaf
  })
}

/**
 * Decides what `constants` decide. A field that they do not have stays open: an event may bring it. They are nested, without
 * dots in their keys, and win over what the event has at the same place. `decided` gets each decision, in order.
 */
export function specialize(node: Node, constants: JsonObject, decided?: (what: Decision) => void): Node {
  return mapLeaves(node, (leaf) => {
    const decision = decide(leaf, constants)
    decided?.(decision)
    if (decision === 'open') return leaf
    return decision === 'true' ? TRUE : FALSE
  })
}

export type Decision = 'true' | 'false' | 'open'

function decide(leaf: Node, constants: JsonObject): Decision {
  if (leaf.kind !== 'field' && leaf.kind !== 'exists') return 'open'
  const values = valuesAt(constants, leaf.path)
  if (values.length === 0) return 'open'
  if (leaf.kind === 'exists') return 'true'
  return values.some((value) => testValue(leaf.test, value)) ? 'true' : 'false'
}

/** Objects have no text: only `exists` (and so a bare `*`) holds for them. */
function testValue(test: ValueTest, value: Json): boolean {
  if (typeof value === 'object') return false
  const text = String(value)
  return test.matches(text, fold(text), value)
}
