import type { EsContext } from '../context.ts'
import { refusal } from '../context.ts'
import { exists } from './dsl.ts'

/**
 * How a field can be asked for. `keyed`: a key below a flattened field. `object`: has fields below it. `documents`: no index has
 * it, so the documents themselves are read.
 */
export type Kind =
  | 'keyword'
  | 'words'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'ip'
  | 'date'
  | 'flattened'
  | 'keyed'
  | 'object'
  | 'documents'

export interface FieldMapping {
  readonly kind: Kind
  /** Backing indices that do not have the field: they were made before the mapping had it. */
  readonly lacking: readonly string[]
}

export type Mapping = (field: string) => FieldMapping

const FAMILIES: Readonly<Record<string, Kind>> = {
  keyword: 'keyword',
  constant_keyword: 'keyword',
  wildcard: 'keyword',
  text: 'words',
  match_only_text: 'words',
  long: 'integer',
  integer: 'integer',
  short: 'integer',
  byte: 'integer',
  unsigned_long: 'integer',
  double: 'number',
  float: 'number',
  half_float: 'number',
  scaled_float: 'number',
  boolean: 'boolean',
  ip: 'ip',
  date: 'date',
  date_nanos: 'date',
  flattened: 'flattened',
  object: 'object',
  nested: 'object',
}

const DOCUMENTS: FieldMapping = { kind: 'documents', lacking: [] }

/** Mappings change with a rollover after `decklog setup`; the answers of a moment ago are good enough. */
const KNOWN_MS = 10_000
const KNOWN_MAX = 5_000

interface Known {
  readonly mapping: FieldMapping
  readonly untilMs: number
}

const caches = new WeakMap<EsContext, Map<string, Known>>()

/** Asks the cluster how the fields are mapped in the data streams of events, and not what a template says. */
export async function mappingOf(
  context: EsContext,
  fields: readonly string[],
  signal?: AbortSignal,
): Promise<Mapping> {
  let cache = caches.get(context)
  if (cache === undefined || cache.size > KNOWN_MAX) caches.set(context, (cache = new Map<string, Known>()))
  const nowMs = context.clock.now()
  const found = new Map<string, FieldMapping>()
  const wanted = new Set(fields.flatMap(withAncestors).filter((name) => !name.includes('*')))
  for (const name of wanted) {
    const known = cache.get(name)
    if (known !== undefined && known.untilMs > nowMs) found.set(name, known.mapping)
  }
  const unknown = [...wanted].filter((name) => !found.has(name))
  if (unknown.length > 0) {
    const capabilities = await capabilitiesOf(context, unknown, signal)
    for (const name of unknown) {
      const mapping = fromTypes(capabilities.fields[name])
      found.set(name, mapping)
      if (capabilities.indices.length > 0) cache.set(name, { mapping, untilMs: nowMs + KNOWN_MS })
    }
  }
  return (field) => {
    const own = found.get(field) ?? DOCUMENTS
    if (own.kind !== 'documents') return own
    const root = withAncestors(field)
      .slice(1)
      .find((name) => found.get(name)?.kind === 'flattened')
    return root === undefined ? own : { kind: 'keyed', lacking: found.get(root)!.lacking }
  }
}

/** The field and the names that it begins with, longest first. */
function withAncestors(field: string): string[] {
  const names = [field]
  for (let dot = field.lastIndexOf('.'); dot > 0; dot = field.lastIndexOf('.', dot - 1))
    names.push(field.slice(0, dot))
  return names.filter((name) => name !== '')
}

interface Capability {
  readonly searchable?: boolean
  readonly indices?: string | readonly string[]
}

interface Capabilities {
  readonly indices: readonly string[]
  readonly fields: Readonly<Record<string, Readonly<Record<string, Capability>>>>
}

async function capabilitiesOf(
  context: EsContext,
  fields: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Capabilities> {
  const { status, body } = await context.connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(context.names.events)}/_field_caps`,
    query: { include_unmapped: true, ignore_unavailable: true, allow_no_indices: true },
    // Data streams of others may fit the pattern: they have no such field, and are not asked.
    // An object is only named beside the fields below it.
    body: { fields: fields.flatMap((name) => [name, `${name}.*`]), index_filter: exists('decklog.stream') },
    ...(signal === undefined ? {} : { signal }),
  })
  if (status !== 200) throw refusal('ask for the mapping', status, body)
  const { indices, fields: found } = body as { indices?: string | string[]; fields?: Capabilities['fields'] }
  return { indices: [indices ?? []].flat(), fields: found ?? {} }
}

function fromTypes(types: Readonly<Record<string, Capability>> | undefined): FieldMapping {
  if (types === undefined) return DOCUMENTS
  const families = new Set<Kind>()
  let lacking: readonly string[] = []
  for (const [type, { searchable, indices }] of Object.entries(types)) {
    if (type === 'unmapped') lacking = [indices ?? []].flat()
    else families.add(familyOf(type, searchable ?? true))
  }
  const [kind, ...others] = families
  if (kind === undefined || others.length > 0 || kind === 'documents') return DOCUMENTS
  return { kind, lacking }
}

function familyOf(type: string, searchable: boolean): Kind {
  const family = FAMILIES[type] ?? 'documents'
  return searchable || family === 'object' ? family : 'documents'
}
