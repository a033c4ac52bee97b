import type { Json, JsonObject } from '../../core/document.ts'

/** A dotted field name, taken apart once. */
export interface FieldPath {
  readonly name: string
  readonly segments: readonly string[]
  /** `tails[i][j]`: segments i to i+j+1 joined by dots, for keys that have dots themselves. */
  readonly tails: readonly (readonly string[])[]
}

export function compilePath(name: string): FieldPath {
  const segments = name.split('.')
  const tails = segments.map((_, from) =>
    segments.slice(from + 1).map((_, more) => segments.slice(from, from + more + 2).join('.')),
  )
  return { name, segments, tails }
}

/**
 * All values of a field but null: through arrays, in order. Nested keys win over keys with dots (`{a: {b: 1}}` over
 * `{'a.b': 1}`), so what a payload calls `kubernetes.namespace` never stands beside the real one.
 */
export function valuesAt(document: JsonObject, path: FieldPath): Json[] {
  const values: Json[] = []
  collect(document, path, 0, values)
  return values
}

function collect(value: Json, path: FieldPath, at: number, values: Json[]): void {
  if (value === null) return
  if (Array.isArray(value)) {
    for (const element of value) collect(element, path, at, values)
    return
  }
  if (at === path.segments.length) {
    values.push(value)
    return
  }
  if (typeof value !== 'object') return
  collectKey(value, path, at, values)
}

function collectKey(object: JsonObject, path: FieldPath, at: number, values: Json[]): void {
  const before = values.length
  const key = path.segments[at]!
  if (Object.hasOwn(object, key)) collect(object[key]!, path, at + 1, values)
  const tails = path.tails[at]!
  for (let more = 0; more < tails.length && values.length === before; more++) {
    const dotted = tails[more]!
    if (Object.hasOwn(object, dotted)) collect(object[dotted]!, path, at + more + 2, values)
  }
}

/** Every string under `value`, keys not included. Stops when `visit` says true, and returns it. */
export function someString(value: Json | undefined, visit: (text: string) => boolean): boolean {
  if (typeof value === 'string') return visit(value)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some((element) => someString(element, visit))
  for (const key in value) if (someString(value[key], visit)) return true
  return false
}
