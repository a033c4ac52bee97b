import type { Json, JsonObject } from '../../core/document.ts'
import { isObject } from './document.ts'

export const REMOVED = '[removed]'

/** Parts of an object's metadata that say what it is, and hold no values of it. */
const METADATA = [
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'labels',
] as const

/**
 * A Secret as it may be kept: what it is called, and the names of its keys. Everything else is left out rather than looked
 * for: annotations hold whole copies (`last-applied-configuration`), a patch may have any form, a table holds cells.
 */
export function withoutSecret(body: Json): Json {
  if (Array.isArray(body)) return body.slice(0, LIST_MAX).map(withoutPatchValue)
  if (!isObject(body)) return REMOVED
  const kept: JsonObject = {}
  for (const name of ['kind', 'apiVersion', 'type', 'status', 'reason', 'code'] as const) {
    const value = body[name]
    if (typeof value === 'string' || typeof value === 'number') kept[name] = value
  }
  if (isObject(body['metadata'])) kept['metadata'] = metadataOf(body['metadata'])
  for (const name of ['data', 'stringData'] as const) {
    const value = body[name]
    if (isObject(value)) kept[name] = keysOf(value)
  }
  if (Array.isArray(body['items'])) kept['items'] = body['items'].slice(0, LIST_MAX).map(withoutSecret)
  return kept
}

/** More than these many entries of a list say no more. */
const LIST_MAX = 1000

function withoutPatchValue(operation: Json): Json {
  if (!isObject(operation)) return REMOVED
  const { op, path } = operation
  return {
    op: typeof op === 'string' ? op : REMOVED,
    path: typeof path === 'string' ? path : REMOVED,
    value: REMOVED,
  }
}

function metadataOf(metadata: JsonObject): JsonObject {
  const kept: JsonObject = {}
  for (const name of METADATA) if (metadata[name] !== undefined) kept[name] = metadata[name]
  return kept
}

function keysOf(data: JsonObject): JsonObject {
  const kept: JsonObject = Object.create(null) as JsonObject
  for (const name of Object.keys(data).slice(0, LIST_MAX)) kept[name] = REMOVED
  return kept
}

/** A token that was made or shown for review: `status.token` of a TokenRequest, `spec.token` of a TokenReview. */
export function withoutToken(body: Json): Json {
  if (!isObject(body)) return body
  const kept: JsonObject = { ...body }
  for (const name of ['spec', 'status'] as const) {
    const part = body[name]
    if (isObject(part) && part['token'] !== undefined) kept[name] = { ...part, token: REMOVED }
  }
  return kept
}
