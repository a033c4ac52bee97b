import type { EsConnection } from '../connection.ts'
import { faultOf, refusal } from '../context.ts'
import { type Difference, differencesOf, flatten } from './compare.ts'
import type { DataStream } from './data-streams.ts'
import type { Body, Definition } from './templates.ts'

/** Mappings and settings that a new index of a data stream would have. */
export interface Composed {
  readonly mappings: Body
  readonly settings: Body
}

/** How an existing data stream differs from its template. */
export interface StreamChange {
  readonly stream: string
  /** Its write index. */
  readonly index: string
  /** Fields and parameters that are put into the existing indices. */
  readonly additions: readonly Difference[]
  /** What only a new backing index can have: another type, another number of shards. */
  readonly needsRollover: readonly Difference[]
  /** Settings that are changed in place. */
  readonly settings: readonly Difference[]
}

/** Settings that may change while an index is open. */
const DYNAMIC =
  /^index\.(refresh_interval|number_of_replicas|mapping\.total_fields\.limit|query\.default_field|lifecycle\.name)$/
/** Settings that only a new index takes. */
const STATIC =
  /^index\.(codec|number_of_shards|mode|mapping\.(ignore_malformed|source\.mode)|translog\.durability)$/
/** Parameters of a field that may change in place. */
const CHANGEABLE = /\.(ignore_above|depth_limit|eager_global_ordinals|ignore_malformed)$/

/**
 * What the planned templates make of a new index, before they are installed. `custom` is the operator's own component, which
 * comes after ours and before the index template.
 */
export function compose(
  index: Definition,
  definitions: readonly Definition[],
  custom: Body | undefined,
): Composed {
  const names = index.body['composed_of'] as readonly string[]
  const components = names.map(
    (name) => definitions.find((one) => one.kind === 'component' && one.name === name)?.body ?? custom ?? {},
  )
  const templates = [...components, index.body].map((body) => (body['template'] ?? {}) as Body)
  return {
    mappings: templates.reduce<Body>((all, one) => merge(all, (one['mappings'] ?? {}) as Body), {}),
    settings: Object.fromEntries(templates.flatMap((one) => [...flatten((one['settings'] ?? {}) as Body)])),
  }
}

function merge(under: Body, over: Body): Body {
  const merged: Record<string, unknown> = { ...under }
  for (const [name, value] of Object.entries(over)) {
    const below = merged[name]
    merged[name] = isObject(below) && isObject(value) ? merge(below, value) : value
  }
  return merged
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Compares the write index of a data stream with a new one. Reads only. */
export async function compareStream(
  connection: EsConnection,
  stream: DataStream,
  wanted: Composed,
  signal?: AbortSignal,
): Promise<StreamChange> {
  const index = stream.indices.at(-1)!.name
  const existing = await existingOf(connection, index, signal)
  const mapping = differencesOf(part(existing, 'mappings'), { mappings: wanted.mappings }).filter(
    // A field that the template no longer has stays where it is: nothing is taken away.
    (one) => one.after !== undefined,
  )
  const settings = differencesOf(part(existing, 'settings'), { settings: wanted.settings }).filter(
    (one) => one.after !== undefined,
  )
  const known = flatten(part(existing, 'mappings'))
  const added = (path: string): boolean => fieldOf(path) !== 'mappings' && !known.has(`${fieldOf(path)}.type`)
  return {
    stream: stream.name,
    index,
    additions: mapping.filter((one) => added(one.path) || CHANGEABLE.test(one.path)),
    needsRollover: [
      ...mapping.filter((one) => !added(one.path) && !CHANGEABLE.test(one.path)),
      ...settings.filter((one) => STATIC.test(settingOf(one.path))),
    ],
    settings: settings.filter((one) => DYNAMIC.test(settingOf(one.path))),
  }
}

/**
 * Puts what is compatible into all backing indices. Returns why the mapping was refused: then a rollover is needed.
 * @throws {DecklogError} when a setting was refused
 */
export async function updateStream(
  connection: EsConnection,
  { stream, additions, settings }: StreamChange,
  wanted: Composed,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const path = `/${encodeURIComponent(stream)}`
  const common = { method: 'PUT', ...(signal === undefined ? {} : { signal }) } as const
  if (settings.length > 0) {
    const body = Object.fromEntries(settings.map((one) => [settingOf(one.path), valueOf(one.after!)]))
    const answer = await connection.request({ ...common, path: `${path}/_settings`, body })
    if (answer.status !== 200) throw refusal(`changing settings of ${stream}`, answer.status, answer.body)
  }
  if (additions.length === 0) return undefined
  const answer = await connection.request({
    ...common,
    path: `${path}/_mapping`,
    body: { properties: propertiesToPut(wanted.mappings, additions) },
  })
  if (answer.status === 400) return faultOf(answer.body).reason
  if (answer.status !== 200) throw refusal(`changing the mapping of ${stream}`, answer.status, answer.body)
  return undefined
}

/** Ends the write index, so that the next one is made by the templates of now. */
export async function rollOverStream(
  connection: EsConnection,
  stream: string,
  signal?: AbortSignal,
): Promise<void> {
  const { status, body } = await connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(stream)}/_rollover`,
    ...(signal === undefined ? {} : { signal }),
  })
  if (status !== 200) throw refusal(`rolling over ${stream}`, status, body)
}

async function existingOf(connection: EsConnection, index: string, signal?: AbortSignal): Promise<Body> {
  const { status, body } = await connection.request({
    method: 'GET',
    path: `/${encodeURIComponent(index)}`,
    ...(signal === undefined ? {} : { signal }),
  })
  if (status !== 200) throw refusal(`reading ${index}`, status, body)
  return ((body as Body)[index] ?? {}) as Body
}

function part(of: Body, name: 'mappings' | 'settings'): Body {
  return { [name]: of[name] ?? {} }
}

function settingOf(path: string): string {
  return path.replace(/^settings\./, '')
}

function valueOf(text: string): unknown {
  return text.startsWith('[') ? (JSON.parse(text) as unknown) : text
}

/** `mappings.source.ip.type` → `mappings.source.ip` */
function fieldOf(path: string): string {
  return path.slice(0, path.lastIndexOf('.'))
}

/** The definitions of the fields that differ, whole, and nothing else. */
function propertiesToPut(mappings: Body, differences: readonly Difference[]): Body {
  const properties: Record<string, unknown> = {}
  for (const { path } of differences) {
    const steps = fieldOf(path).split('.').slice(1)
    copyField(mappings, properties, steps)
  }
  return properties
}

function copyField(mappings: Body, into: Record<string, unknown>, steps: readonly string[]): void {
  let from = mappings
  let target = into
  for (const [at, step] of steps.entries()) {
    const definition = (from['properties'] as Body | undefined)?.[step] as Body | undefined
    if (definition === undefined) return
    if (at === steps.length - 1) target[step] = definition
    else
      target = ((target[step] ??= { properties: {} }) as { properties: Record<string, unknown> }).properties
    from = definition
  }
}
