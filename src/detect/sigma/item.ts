import { type Network, parseNetwork } from '../../core/address.ts'
import type { Json } from '../../core/document.ts'
import { compilePath, type FieldPath } from './fields.ts'
import { type Modifiers, readModifiers } from './modifiers.ts'
import { and, type Node, not, or, type Relation, type ValueTest } from './node.ts'
import { ANY_RUN, type Pattern, widen } from './pattern.ts'
import { RuleError, under } from './problem.ts'
import { regexTest } from './regex.ts'
import { applyTransforms, type Placeholders } from './transforms.ts'
import { decimal, literalTest, networksTest, numberTest, patternTest, timeTest } from './value-tests.ts'

/** A value of a rule. */
type Scalar = string | number | boolean | null

/**
 * One line of a detection: `field|modifier|…: value`. A list of values is "any of", with `all` "each of". Without a field
 * (`'|all': […]`) the values are keywords.
 */
export function compileItem(key: string, value: Json, placeholders: Placeholders): Node {
  const [field = '', ...names] = key.split('|')
  const modifiers = under([], () => readModifiers(names))
  const values = scalars(value)
  if (modifiers.exists) return existsNode(field, values)
  if (modifiers.fieldref) return fieldrefNode(field, values, modifiers)
  const nodes = modifiers.all
    ? values.map((one) => valuesNode(field, [one], modifiers, placeholders))
    : [valuesNode(field, values, modifiers, placeholders)]
  return modifiers.negated ? not(and(nodes)) : and(nodes)
}

/** Keywords: texts that stand anywhere in what the source wrote; any of them. */
export function compileKeywords(values: readonly Json[], placeholders: Placeholders): Node {
  return valuesNode('', scalars([...values]), readModifiers([]), placeholders)
}

function scalars(value: Json): Scalar[] {
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw new RuleError('an empty list matches nothing', 'write at least one value')
  return list.map((one, index) => {
    if (typeof one !== 'object' || one === null) return one
    throw new RuleError('a map where a value should be', 'write a text, a number, true, false or null', [
      index,
    ])
  })
}

/** Any of the values, in one test where they are of one kind. */
function valuesNode(
  field: string,
  values: readonly Scalar[],
  modifiers: Modifiers,
  placeholders: Placeholders,
): Node {
  const path = field === '' ? undefined : compilePath(field)
  const nodes: Node[] = []
  const patterns: Pattern[] = []
  const networks: Network[] = []
  for (const [index, value] of values.entries()) {
    under(values.length > 1 ? [index] : [], () => {
      if (value === null) nodes.push(nullNode(path))
      else if (modifiers.cidr) networks.push(networkOf(String(value)))
      else if (!isText(value, path, modifiers)) nodes.push(leaf(path, otherTest(value, modifiers)))
      else patterns.push(...textPatterns(String(value), modifiers, placeholders))
    })
  }
  if (networks.length > 0) nodes.push(leaf(path, networksTest(networks)))
  if (patterns.length > 0) nodes.push(patternNode(path, patterns, modifiers.cased))
  return or(nodes)
}

/** Plain texts, keywords, and what has to be looked for inside of a text, be it written as a number. */
function isText(
  value: string | number | boolean,
  path: FieldPath | undefined,
  modifiers: Modifiers,
): boolean {
  if (modifiers.regex !== undefined || modifiers.comparison || modifiers.timePart) return false
  if (path === undefined || typeof value === 'string') return true
  return modifiers.before || modifiers.after || modifiers.transforms.length > 0
}

function textPatterns(value: string, modifiers: Modifiers, placeholders: Placeholders): Pattern[] {
  const patterns = applyTransforms(value, modifiers.transforms, placeholders)
  return patterns.map((pattern) => widen(pattern, modifiers.before, modifiers.after))
}

function patternNode(path: FieldPath | undefined, patterns: readonly Pattern[], cased: boolean): Node {
  if (path === undefined) {
    return leaf(
      path,
      patternTest(
        patterns.map((pattern) => widen(pattern, true, true)),
        cased,
      ),
    )
  }
  const isAnything = patterns.some((pattern) => pattern.length === 1 && pattern[0] === ANY_RUN)
  return isAnything ? { kind: 'exists', path } : leaf(path, patternTest(patterns, cased))
}

function leaf(path: FieldPath | undefined, test: ValueTest): Node {
  return path === undefined ? { kind: 'keyword', test, roots: [] } : { kind: 'field', path, test }
}

function otherTest(value: string | number | boolean, modifiers: Modifiers): ValueTest {
  const { regex, comparison, timePart } = modifiers
  if (regex !== undefined) return regexTest(String(value), regex)
  if (timePart !== undefined) return timeTest(timePart, comparison ?? 'equals', numberOf(value))
  if (comparison !== undefined) return numberTest(comparison, numberOf(value))
  return literalTest(value as number | boolean)
}

function networkOf(text: string): Network {
  const network = parseNetwork(text)
  if (network !== undefined) return network
  throw new RuleError(`"${text}" is no network`, 'write it as 10.0.0.0/8 or 2001:db8::/32')
}

function numberOf(value: Scalar): number {
  const number = typeof value === 'number' ? value : decimal(String(value))
  if (number !== undefined) return number
  throw new RuleError('a comparison with something that is no number', 'write a number')
}

function nullNode(path: FieldPath | undefined): Node {
  if (path !== undefined) return not({ kind: 'exists', path })
  throw new RuleError('null as a keyword', 'give it a field: "field: null" holds where the field is missing')
}

function existsNode(field: string, values: readonly Scalar[]): Node {
  const [value] = values
  if (field === '' || values.length !== 1 || typeof value !== 'boolean') {
    throw new RuleError('"exists" takes true or false', 'write "field|exists: true"')
  }
  const node: Node = { kind: 'exists', path: compilePath(field) }
  return value ? node : not(node)
}

function fieldrefNode(field: string, values: readonly Scalar[], modifiers: Modifiers): Node {
  const relation = relationOf(modifiers)
  const nodes = values.map((other): Node => {
    if (field === '' || typeof other !== 'string' || other === '') {
      throw new RuleError('"fieldref" compares two fields', 'write "field|fieldref: other.field"')
    }
    const { cased } = modifiers
    return { kind: 'fieldref', path: compilePath(field), other: compilePath(other), relation, cased }
  })
  const node = modifiers.all ? and(nodes) : or(nodes)
  return modifiers.negated ? not(node) : node
}

function relationOf(modifiers: Modifiers): Relation {
  if (modifiers.before) return modifiers.after ? 'contains' : 'endswith'
  return modifiers.after ? 'startswith' : 'equals'
}
