import { createHash } from 'node:crypto'
import type { Json, JsonObject } from '../../../core/document.ts'
import { EVENT_TEXT_BYTES_MAX } from '../../../core/limits.ts'

/** How often the same document is repaired field by field, before all of its own fields are moved to text. */
export const REPAIRS_MAX = 4

interface Context {
  /** What Elasticsearch said. */
  readonly reason: string
  /** How often this document was repaired before. */
  readonly repairs: number
  /** Becomes `@timestamp` when that is what was refused. */
  readonly timeMs: number
}

/**
 * A second form of a document that an index refuses. Nothing of it is lost: what is taken out stays in the document as text,
 * under `decklog.rejected`, where no mapping looks at it. Undefined when it is no JSON object, or nothing is left to try.
 */
export function repair(document: Buffer, { reason, repairs, timeMs }: Context): Buffer | undefined {
  if (repairs > REPAIRS_MAX) return undefined
  const value = parse(document)
  if (value === undefined) return undefined
  const field = repairs < REPAIRS_MAX ? refusedField(reason) : undefined
  const why = withoutContent(reason)
  if (field === '@timestamp') {
    const given = value['@timestamp'] ?? null
    value['@timestamp'] = new Date(timeMs).toISOString()
    note(value, { field, value: asText(given), reason: why })
    return render(value)
  }
  const taken = field === undefined ? undefined : take(value, field.split('.'))
  if (taken !== undefined) {
    note(value, { field: taken.path, value: asText(taken.value), reason: why })
    if (taken.path === 'message') value['message'] = asText(taken.value)
    return render(value)
  }
  return render(bare(value, document, why))
}

/** Cuts the texts of a document that no request can carry. Undefined when it is no JSON object. */
export function truncate(document: Buffer, bytesMax: number): Buffer | undefined {
  const value = parse(document)
  if (value === undefined) return undefined
  const decklog = sectionOf(value, 'decklog')
  const event = value['event']
  decklog['truncated'] = { bytes: document.byteLength, sha256: sha256(document.subarray(0, -1)) }
  addQuality(decklog, 'truncated')
  if (isObject(event)) delete event['original']
  delete decklog['raw']
  const message = typeof value['message'] === 'string' ? value['message'] : ''
  value['message'] = cutText(message, bytesMax)
  const cut = render(value)
  return cut.byteLength <= bytesMax * 2 ? cut : render(withoutOwnFields(value, bytesMax))
}

/** The field that a refusal names. */
export function refusedField(reason: string): string | undefined {
  if (/timestamp field \[@timestamp\]/.test(reason)) return '@timestamp'
  // Of a key that is there twice, only one value would be left: the text of all is kept instead.
  if (/Duplicate field/.test(reason)) return undefined
  const named =
    /failed to parse (?:date )?field \[([^\]]+)\] of type/.exec(reason) ??
    /object mapping for \[([^\]]+)\]/.exec(reason) ??
    /immense term in field="([^"]+)"/.exec(reason) ??
    /(?:Flattened field|field name|field) \[([^\]]+)\]/i.exec(reason)
  return named?.[1]?.replace(/\._keyed$/, '')
}

/** Reasons are shown and kept: what they quote of the document is taken out. */
export function withoutContent(reason: string): string {
  return reason
    .replace(/^\w+: \[\d+:\d+\] /, '')
    .replace(/ in document with id '[^']*'/, '')
    .replace(/\.? ?Preview of field's value: '[\s\S]*?'(?=;|$)/, '')
    .replace(/;[\s\S]*$/, '')
    .slice(0, 300)
}

/** Takes the value at `path` out of an object, or the nearest one above it that is there. */
function take(value: JsonObject, path: readonly string[]): { path: string; value: Json } | undefined {
  const found = find(value, path)
  if (found === undefined || PROTECTED.has(found.path)) return undefined
  const taken = found.parent[found.key]!
  delete found.parent[found.key]
  return { path: found.path, value: taken }
}

interface Place {
  readonly parent: JsonObject
  readonly key: string
  readonly path: string
}

/** Without these a document is found by nobody. */
const PROTECTED = new Set(['@timestamp', 'decklog', 'decklog.stream', 'decklog.seq', 'decklog.class'])

/** Keys may hold dots: `a.b.c` is found as `{a: {b: {c}}}`, `{'a.b': {c}}`, … and as the part of it that is no object. */
function find(value: JsonObject, path: readonly string[]): Place | undefined {
  for (let length = path.length; length > 0; length--) {
    const key = path.slice(0, length).join('.')
    if (!Object.hasOwn(value, key)) continue
    const rest = path.slice(length)
    const inner = value[key]!
    if (rest.length === 0 || !isObject(inner)) return { parent: value, key, path: key }
    const deeper = find(inner, rest)
    return deeper === undefined
      ? { parent: value, key, path: key }
      : { ...deeper, path: `${key}.${deeper.path}` }
  }
  return undefined
}

/** What decklog itself says of the record stays as it is; everything else becomes one text. */
function bare(value: JsonObject, document: Buffer, reason: string): JsonObject {
  const kept: JsonObject = {}
  for (const name of ['@timestamp', 'message']) if (value[name] !== undefined) kept[name] = value[name]
  if (typeof kept['message'] !== 'string') kept['message'] = asText(value['message'] ?? '')
  const decklog = sectionOf(value, 'decklog')
  kept['decklog'] = ownOf(decklog)
  const event = isObject(value['event']) ? value['event'] : {}
  const times: JsonObject = {}
  for (const name of ['original', 'ingested', 'created'])
    if (event[name] !== undefined) times[name] = event[name]
  kept['event'] = times
  for (const name of ['orchestrator', 'data_stream']) if (value[name] !== undefined) kept[name] = value[name]
  note(kept, { field: '*', value: document.subarray(0, -1).toString(), reason })
  return kept
}

function withoutOwnFields(value: JsonObject, bytesMax: number): JsonObject {
  const kept = bare(value, Buffer.from(' '), 'too large')
  const decklog = sectionOf(kept, 'decklog')
  delete decklog['rejected']
  kept['message'] = cutText(asText(kept['message'] ?? ''), bytesMax)
  return kept
}

const OWN = [
  'stream',
  'seq',
  'n',
  'ranges',
  'class',
  'tenant',
  'parser',
  'quality',
  'lineage',
  'truncated',
  'rejected',
]

function ownOf(decklog: JsonObject): JsonObject {
  const own: JsonObject = {}
  for (const name of OWN) if (decklog[name] !== undefined) own[name] = decklog[name]
  return own
}

function note(value: JsonObject, what: { field: string; value: string; reason: string }): void {
  const decklog = sectionOf(value, 'decklog')
  const before = Array.isArray(decklog['rejected']) ? decklog['rejected'] : []
  decklog['rejected'] = [...before, { ...what, value: cutText(what.value, EVENT_TEXT_BYTES_MAX) }]
  addQuality(decklog, 'field-rejected')
}

function addQuality(decklog: JsonObject, word: string): void {
  const before = Array.isArray(decklog['quality']) ? decklog['quality'] : []
  if (!before.includes(word)) decklog['quality'] = [...before, word]
}

function sectionOf(value: JsonObject, name: string): JsonObject {
  const section = value[name]
  if (isObject(section)) return section
  const fresh: JsonObject = {}
  value[name] = fresh
  return fresh
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function cutText(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text
  // A sign cut in the middle decodes to U+FFFD.
  return Buffer.from(text)
    .subarray(0, bytesMax)
    .toString()
    .replace(/\uFFFD$/, '')
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown
const exact = JSON as unknown as { rawJSON(text: string): unknown }

/** Numbers keep their exact text: a double holds no whole number over 2^53. */
const exactNumbers: Reviver = (_, value, { source }) =>
  typeof value === 'number' && source !== undefined && String(value) !== source
    ? exact.rawJSON(source)
    : value

function parse(document: Buffer): JsonObject | undefined {
  try {
    const value = JSON.parse(
      document.toString(),
      exactNumbers as (key: string, value: unknown) => unknown,
    ) as Json
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function render(value: JsonObject): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`)
}
