import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/**
 * What a field is searched as: the vocabulary of `schemas/elasticsearch/fields-*.yaml`, the one source of every mapping.
 * `words`, `constant` and `pattern` are types that a stock Elasticsearch has and a bare one has not; `kept` is not searchable;
 * `claimed_date` is a time as another program wrote it: what is none stays in the document and is not searched.
 */
export const FIELD_KINDS = [
  'words',
  'constant',
  'keyword',
  'pattern',
  'flattened',
  'kept',
  'date',
  'date_nanos',
  'claimed_date',
  'ip',
  'long',
  'double',
  'boolean',
  'geo_point',
] as const
export type FieldKind = (typeof FIELD_KINDS)[number]

/** Types for words, constants and patterns: those of a stock Elasticsearch, or those that every one has. */
export type MappingTypes = 'full' | 'core'

/** One file of fields, and one component template. */
export const FIELD_FILES = ['ecs', 'kubernetes', 'formats', 'decklog'] as const
export type FieldFile = (typeof FIELD_FILES)[number]

export type FieldKinds = ReadonlyMap<string, FieldKind>

/**
 * UTF-16 units of a keyword that are indexed. Lucene refuses a term above 32,766 bytes, and a unit is 3 bytes of UTF-8 at most.
 * A longer value stays in the document, and is not found by this field.
 */
export const KEYWORD_LENGTH_MAX = 10_922
/** The same below a flattened field, whose term is the key, a NUL and the value: leaves 8 KiB for the key. */
export const FLATTENED_LENGTH_MAX = 8_191
/** Objects within objects of a flattened field: more than JSON_DEPTH_MAX, for a parser may put what it read one level down. */
const FLATTENED_DEPTH_MAX = 80

export type Mapping = Readonly<Record<string, unknown>>

/** Fields of one file, with their kinds. */
export function loadFields(file: FieldFile): FieldKinds {
  const url = new URL(`../../../../schemas/elasticsearch/fields-${file}.yaml`, import.meta.url)
  const lists = parse(readFileSync(url, 'utf8')) as Partial<Record<FieldKind, readonly string[]>>
  const kinds = new Map<string, FieldKind>()
  for (const kind of FIELD_KINDS) for (const name of lists[kind] ?? []) kinds.set(name, kind)
  return kinds
}

let all: FieldKinds | undefined

/** Every field that decklog maps. */
export function mappedFields(): FieldKinds {
  all ??= new Map(FIELD_FILES.flatMap((file) => [...loadFields(file)]))
  return all
}

/** `{properties: …}` as Elasticsearch has it: dotted names become objects. */
export function propertiesOf(fields: FieldKinds, types: MappingTypes): Mapping {
  const root: Record<string, unknown> = {}
  for (const [name, kind] of fields) {
    const steps = name.split('.')
    let properties = root
    for (const step of steps.slice(0, -1)) {
      const parent = (properties[step] ??= { properties: {} }) as { properties: Record<string, unknown> }
      properties = parent.properties
    }
    properties[steps.at(-1)!] = definitionOf(kind, types)
  }
  return { properties: root }
}

function definitionOf(kind: FieldKind, types: MappingTypes): Mapping {
  const keyword = { type: 'keyword', ignore_above: KEYWORD_LENGTH_MAX }
  switch (kind) {
    case 'words':
      return types === 'full' ? { type: 'match_only_text' } : { type: 'text', norms: false }
    case 'constant':
      return types === 'full' ? { type: 'constant_keyword' } : keyword
    case 'pattern':
      return types === 'full' ? { type: 'wildcard', ignore_above: KEYWORD_LENGTH_MAX } : keyword
    case 'keyword':
      return keyword
    case 'claimed_date':
      return { type: 'date_nanos', ignore_malformed: true }
    case 'kept':
      return { type: 'keyword', index: false, doc_values: false }
    case 'flattened':
      return { type: 'flattened', ignore_above: FLATTENED_LENGTH_MAX, depth_limit: FLATTENED_DEPTH_MAX }
    default:
      return { type: kind }
  }
}
