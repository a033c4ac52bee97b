import type { Draft, Json, JsonObject } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { isObject, relate } from './document.ts'
import { ECS_FIELDS, ECS_PARENTS, type EcsKind } from './ecs-fields.ts'
import { ipOf } from './endpoint.ts'
import { isoText, put, textOf } from './json-record.ts'

/** Names of members that were objects, and how deep they may lie below a field set. */
const DEPTH_MAX = 6

/**
 * Takes the members of a document that are fields of the Elastic Common Schema, nested and dotted names alike, each only if its
 * value is one that the field can hold. Everything else goes to `rest`, under its whole name. What the draft has already, which
 * a header said, stays.
 */
export function takeEcs(object: JsonObject, draft: Draft, context: FormatContext, rest: JsonObject): void {
  for (const name of Object.keys(object)) take(name, object[name]!, draft, context, rest, DEPTH_MAX)
}

function take(
  name: string,
  value: Json,
  draft: Draft,
  context: FormatContext,
  rest: JsonObject,
  depth: number,
): void {
  if (value === null) return
  if (isObject(value) && ECS_PARENTS.has(name) && depth > 0) {
    for (const key of Object.keys(value)) take(`${name}.${key}`, value[key]!, draft, context, rest, depth - 1)
    return
  }
  if (name === 'labels') {
    if (!putLabels(value, draft)) rest[name] = value
    return
  }
  const kind = ECS_FIELDS.get(name)
  const kept = kind === undefined ? undefined : valueOf(kind, value, context)
  if (kept === undefined) rest[name] = value
  else if (!has(draft.fields, name)) {
    put(draft.fields, name, kept)
    relateField(name, kind!, kept, draft)
  }
}

const LABELS_MAX = 256
const LABEL_NAME_MAX = 1024

/** Names and values that an application chose: a flattened field, values as text. */
function putLabels(value: Json, draft: Draft): boolean {
  if (!isObject(value)) return false
  const labels = Object.create(null) as JsonObject
  for (const name of Object.keys(value).slice(0, LABELS_MAX)) {
    const text = textOf(value[name])
    if (text !== undefined && name.length <= LABEL_NAME_MAX && !name.includes('\0')) labels[name] = text
  }
  draft.fields['labels'] = labels
  return true
}

function has(fields: JsonObject, path: string): boolean {
  let value: Json | undefined = fields
  for (const name of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return false
    value = value[name]
  }
  return true
}

/** The value as the field can hold it, or undefined. */
function valueOf(kind: EcsKind, value: Json, context: FormatContext): Json | undefined {
  if (Array.isArray(value)) {
    const values: Json[] = []
    for (const part of value) {
      const kept = Array.isArray(part) ? undefined : valueOf(kind, part, context)
      if (kept === undefined) return undefined
      values.push(kept)
    }
    return values.length > 0 ? values : undefined
  }
  switch (kind) {
    case 'text':
      return typeof value === 'string' ? value : typeof value === 'object' ? undefined : String(value)
    case 'ip':
      return typeof value === 'string' ? ipOf(value) : undefined
    case 'integer':
      return integerOf(value)
    case 'number':
      return typeof value === 'number' ? value : undefined
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined
    case 'date':
      return isoText(value, context)
  }
}

function integerOf(value: Json): number | undefined {
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined
}

function relateField(name: string, kind: EcsKind, value: Json, draft: Draft): void {
  if (typeof value !== 'string') return
  if (kind === 'ip') relate(draft, 'ip', value)
  else if (name.startsWith('user.') && name.endsWith('name') && !name.includes('full_name'))
    relate(draft, 'user', value)
  else if (name.endsWith('.domain') && !name.includes('user') && !name.includes('url'))
    relate(draft, 'hosts', value)
}
