import type { Body, Definition } from './templates.ts'

/** One line of a diff: a path with its value before and after; undefined where there is none. */
export interface Difference {
  readonly path: string
  readonly before: string | undefined
  readonly after: string | undefined
}

/** What Elasticsearch adds by itself, and what says only who wrote it. */
const IGNORED =
  /^(_meta|version|created_date|modified_date|created_date_millis|modified_date_millis|deprecated)\b/
const DEFAULTS: Readonly<Record<string, string>> = {
  'data_stream.hidden': 'false',
  'data_stream.allow_custom_routing': 'false',
}

/**
 * A body as paths and texts, so that two ways to write the same are equal: nested or dotted settings, `false` or `"false"`,
 * an empty object or none.
 */
export function flatten(body: Body): Map<string, string> {
  const paths = new Map<string, string>()
  collect(body, '', paths)
  for (const [path, value] of paths) {
    if (IGNORED.test(path) || DEFAULTS[path] === value) paths.delete(path)
  }
  return paths
}

/** What `wanted` changes of `existing`: sorted by path. */
export function differencesOf(existing: Body, wanted: Body): Difference[] {
  const before = flatten(existing)
  const after = flatten(wanted)
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort()
  return paths
    .map((path) => ({ path, before: before.get(path), after: after.get(path) }))
    .filter((one) => one.before !== one.after)
}

/** The comparable part of what a cluster answers for one definition. */
export function contentOf(kind: Definition['kind'], answer: Body): Body {
  if (kind !== 'policy') return answer
  const { _meta: _, ...policy } = (answer['policy'] ?? {}) as Body
  return { policy }
}

function collect(value: unknown, path: string, paths: Map<string, string>): void {
  if (Array.isArray(value)) {
    if (value.length > 0) paths.set(path, JSON.stringify(value))
  } else if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
    if (members.length === 0 && path === 'data_stream') paths.set(path, '{}')
    for (const [name, member] of members) collect(member, joined(path, name), paths)
    // A data stream template has the object, empty or with defaults.
    if (path === 'data_stream') paths.set(path, '{}')
  } else if (value !== undefined) {
    paths.set(path, typeof value === 'string' ? value : JSON.stringify(value))
  }
}

/** `properties` of a mapping is no step of a field's name. */
function joined(path: string, name: string): string {
  if (path === '') return name
  return name === 'properties' && /(^|\.)mappings\b/.test(path) ? path : `${path}.${name}`
}
