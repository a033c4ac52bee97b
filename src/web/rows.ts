import type { EventDocument, Value } from './event.ts'

/** An event as the table keeps it: long texts are cut, so that ten thousand rows fit into memory whatever they hold. */
export interface Row {
  readonly id: string
  readonly document: EventDocument
  /** Characters of the longest text before it was cut; the detail pane fetches the whole event. */
  readonly longest: number
}

/** Characters of a text that a row keeps: more than its lines can show. */
const KEPT_CHARS = 2000
const KEPT_FIELDS = 400

export function toRow(document: EventDocument): Row {
  let longest = 0
  let fieldsLeft = KEPT_FIELDS
  const keep = (value: Value, depth: number): Value => {
    if (typeof value === 'string') {
      longest = Math.max(longest, value.length)
      return value.length > KEPT_CHARS ? value.slice(0, KEPT_CHARS) : value
    }
    if (typeof value !== 'object' || value === null || depth > 32 || Object.isFrozen(value)) return value
    if (Array.isArray(value)) return value.slice(0, 50).map((one) => keep(one, depth + 1))
    return keepObject(value as { readonly [key: string]: Value }, depth)
  }
  const keepObject = (value: { readonly [key: string]: Value }, depth: number): { [key: string]: Value } => {
    // No prototype: a key `__proto__` from a log line is a key like any other.
    const kept = Object.create(null) as { [key: string]: Value }
    for (const key of Object.keys(value)) {
      if (fieldsLeft-- <= 0) break
      kept[key] = keep(value[key] ?? null, depth + 1)
    }
    return kept
  }
  // The fields that a row needs come first, whatever order the document has them in.
  const { id, ...rest } = document
  const kept = keepObject(ordered(rest), 0)
  return { id, document: { ...kept, id }, longest }
}

const FIRST = [
  '@timestamp',
  'message',
  'decklog',
  'rule',
  'threat',
  'tags',
  'host',
  'kubernetes',
  'process',
  'event',
]

function ordered(document: { readonly [key: string]: Value }): { readonly [key: string]: Value } {
  const keys = Object.keys(document)
  if (keys.length <= KEPT_FIELDS) return document
  const first = FIRST.filter((key) => Object.hasOwn(document, key))
  const result = Object.create(null) as { [key: string]: Value }
  for (const key of [...first, ...keys]) result[key] = document[key] ?? null
  return result
}
