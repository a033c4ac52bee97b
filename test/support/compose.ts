import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'

/** A JSON schema, as far as that of the Compose specification goes; `true` and `false` are schemas too. */
type Schema = boolean | SchemaObject
interface SchemaObject {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, Schema>>
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly uniqueItems?: boolean
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly unevaluatedProperties?: Schema
  readonly allOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
}

/** What this reader checks, and what says nothing about validity. Any other keyword would be a check that is left out silently. */
const CHECKED = new Set(
  (
    '$ref $defs type enum pattern minimum maximum uniqueItems required items properties patternProperties ' +
    'additionalProperties unevaluatedProperties allOf anyOf oneOf ' +
    '$schema $id title description default deprecated'
  ).split(' '),
)

const ROOT = JSON.parse(
  readFileSync(new URL('../fixtures/compose/compose-spec.json', import.meta.url), 'utf8'),
) as SchemaObject

/** Problems of a Compose file, by the specification's own schema; none when it is valid. */
export function composeProblems(text: string): string[] {
  return problems(ROOT, parse(text, { merge: true }), '')
}

function problems(given: Schema, value: unknown, at: string): string[] {
  if (typeof given === 'boolean') return given ? [] : [`${at} must not be here`]
  const unknown = Object.keys(given).find((key) => !CHECKED.has(key))
  if (unknown !== undefined) throw new Error(`the schema says ${unknown}, which this reader does not know`)
  return [
    ...(given.$ref === undefined ? [] : problems(resolved(given.$ref), value, at)),
    ...scalarProblems(given, value, at),
    ...(Array.isArray(value) ? listProblems(given, value, at) : []),
    ...(isObject(value) ? objectProblems(given, value, at) : []),
    ...combined(given, value, at),
  ]
}

function resolved(reference: string): Schema {
  const found = ROOT.$defs?.[reference.replace('#/$defs/', '')]
  if (found === undefined) throw new Error(`the schema has no ${reference}`)
  return found
}

function scalarProblems(schema: SchemaObject, value: unknown, at: string): string[] {
  const { type, pattern, minimum = -Infinity, maximum = Infinity } = schema
  const types = typeof type === 'string' ? [type] : type
  if (types !== undefined && !types.some((one) => isOfType(value, one)))
    return [`${at} must be ${types.join(' or ')}`]
  if (schema.enum?.every((one) => !isDeepStrictEqual(one, value)))
    return [`${at} must be one of ${schema.enum.join(', ')}`]
  if (typeof value === 'number' && (value < minimum || value > maximum)) return [`${at} is out of range`]
  const isWrong = typeof value === 'string' && pattern !== undefined && !new RegExp(pattern).test(value)
  return isWrong ? [`${at} must match ${pattern}`] : []
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isObject(value)
  if (type === 'null') return value === null
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listProblems(
  { items = true, ...schema }: SchemaObject,
  value: readonly unknown[],
  at: string,
): string[] {
  const { uniqueItems = false } = schema
  const isRepeated =
    uniqueItems && value.some((one, i) => value.slice(0, i).some((b) => isDeepStrictEqual(one, b)))
  return [
    ...(isRepeated ? [`${at} has something twice`] : []),
    ...value.flatMap((one, i) => problems(items, one, `${at}/${i}`)),
  ]
}

function objectProblems(schema: SchemaObject, value: Record<string, unknown>, at: string): string[] {
  const { required = [] } = schema
  const missing = required.filter((key) => !(key in value)).map((key) => `${at}/${key} is missing`)
  const others = { additional: schema.additionalProperties, unevaluated: schema.unevaluatedProperties }
  const known = new Set(keysOf(schema, value, false))
  const evaluated = new Set(keysOf(schema, value, true))
  return [
    ...missing,
    ...Object.entries(value).flatMap(([key, one]) => {
      const where = `${at}/${key}`
      return [
        ...ownSchemas(schema, key).flatMap((own) => problems(own, one, where)),
        ...(others.additional === undefined || known.has(key) ? [] : problems(others.additional, one, where)),
        ...(others.unevaluated === undefined || evaluated.has(key)
          ? []
          : problems(others.unevaluated, one, where)),
      ]
    }),
  ]
}

function ownSchemas({ properties = {}, patternProperties = {} }: SchemaObject, key: string): Schema[] {
  const named = Object.hasOwn(properties, key) ? [properties[key]!] : []
  const patterns = Object.entries(patternProperties).filter(([pattern]) => new RegExp(pattern).test(key))
  return [...named, ...patterns.map(([, schema]) => schema)]
}

/** Keys that a schema speaks of; `deep`: together with those that it includes. */
function keysOf(schema: Schema, value: Record<string, unknown>, deep: boolean): string[] {
  if (typeof schema === 'boolean') return []
  const own = Object.keys(value).filter((key) => ownSchemas(schema, key).length > 0)
  if (!deep) return own
  const included = [
    ...(schema.$ref === undefined ? [] : [resolved(schema.$ref)]),
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
  ]
  return [...own, ...included.flatMap((one) => keysOf(one, value, true))]
}

function combined({ allOf = [], anyOf, oneOf }: SchemaObject, value: unknown, at: string): string[] {
  const all = allOf.flatMap((one) => problems(one, value, at))
  const choices = anyOf ?? oneOf
  if (choices === undefined) return all
  const outcomes = choices.map((one) => problems(one, value, at))
  const fitting = outcomes.filter((one) => one.length === 0).length
  if (fitting === 1 || (fitting > 1 && oneOf === undefined)) return all
  if (fitting > 1) return [...all, `${at} fits more than one form`]
  return [...all, ...outcomes.reduce((least, one) => (one.length < least.length ? one : least))]
}
