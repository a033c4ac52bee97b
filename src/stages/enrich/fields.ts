import type { Json, JsonObject } from '../../core/document.ts'

/** Reading and adding to nested fields. What is there already, from the record itself, is never changed. */

export function objectAt(fields: JsonObject, name: string): JsonObject | undefined {
  const value = fields[name]
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
}

export function textAt(fields: JsonObject | undefined, name: string): string | undefined {
  const value = fields?.[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/**
 * The object of that name for writing, made when there is none; undefined when something else has the name. A copy: a parser may give
 * the same object to many events.
 */
export function makeObject(fields: JsonObject, name: string): JsonObject | undefined {
  const known = fields[name]
  const object = known === undefined ? {} : objectAt(fields, name)
  if (object === undefined) return undefined
  const made = { ...object }
  fields[name] = made
  return made
}

export function addMissing(fields: JsonObject, name: string, value: Json | undefined): void {
  if (value !== undefined && fields[name] === undefined) fields[name] = value
}

/** Adds to a list of distinct texts. */
export function addTo(fields: JsonObject, name: string, value: string): void {
  const known = fields[name]
  if (known === undefined) fields[name] = [value]
  else if (Array.isArray(known)) {
    if (!known.includes(value)) fields[name] = [...known, value]
  } else if (known !== value) fields[name] = [known, value]
}
