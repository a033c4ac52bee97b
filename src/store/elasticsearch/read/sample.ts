import { DecklogError } from '../../../core/errors.ts'
import type { Json } from '../../../core/document.ts'
import type { Asking } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { ask } from './ask.ts'
import { allOf, scopeClauses } from './dsl.ts'
import { hitsOf } from './hits.ts'
import { TIME_SORT } from './order.ts'

/** The newest documents tell which fields there are. */
const DOCUMENTS = 100
const NAMES_MAX = 20_000
const KNOWN_MS = 10_000
const SCOPES_MAX = 100

export type ValueKind = 'number' | 'boolean' | 'string'

/** Names of fields that hold values in the newest documents of a scope, with what kinds of values. */
export type SeenNames = ReadonlyMap<string, ReadonlySet<ValueKind>>

const caches = new WeakMap<EsContext, Map<string, { readonly names: SeenNames; readonly untilMs: number }>>()

export async function seenNames(context: EsContext, { scope, signal }: Asking): Promise<SeenNames> {
  let cache = caches.get(context)
  if (cache === undefined || cache.size > SCOPES_MAX) caches.set(context, (cache = new Map()))
  const key = JSON.stringify(scope)
  const nowMs = context.clock.now()
  const known = cache.get(key)
  if (known !== undefined && known.untilMs > nowMs) return known.names
  const answer = await ask(context, {
    signal,
    body: {
      size: DOCUMENTS,
      query: allOf(scopeClauses(scope)),
      sort: [TIME_SORT.newest],
      track_total_hits: false,
    },
  })
  const names = new Map<string, Set<ValueKind>>()
  for (const { hit } of hitsOf(answer, 0)) collect(JSON.parse(hit.json) as Json, '', names)
  if (names.size > 0) cache.set(key, { names, untilMs: nowMs + KNOWN_MS })
  return names
}

/**
 * Whether an object of the documents holds anything is a question that Elasticsearch can answer only where the mapping has
 * fields below it. For others the answer would be no, silently, so it is refused.
 * @throws {DecklogError} `query-invalid`
 */
export async function refuseObjects(
  context: EsContext,
  fields: readonly string[],
  asking: Asking,
): Promise<void> {
  if (fields.length === 0) return
  const names = await seenNames(context, asking)
  for (const field of fields) {
    if (names.has(field)) continue
    const below = [...names.keys()].find((name) => name.startsWith(`${field}.`))
    if (below === undefined) continue
    throw new DecklogError(
      'query-invalid',
      `"${field}" is an object that is not in the mapping, and Elasticsearch cannot be asked whether it is there; ask for what is in it, as in ${below}: *`,
    )
  }
}

function collect(value: Json, name: string, into: Map<string, Set<ValueKind>>): void {
  if (value === null || into.size >= NAMES_MAX) return
  if (Array.isArray(value)) {
    for (const element of value) collect(element, name, into)
  } else if (typeof value === 'object') {
    for (const key of Object.keys(value)) collect(value[key]!, name === '' ? key : `${name}.${key}`, into)
  } else {
    const kinds = into.get(name)
    if (kinds === undefined) into.set(name, new Set([typeof value as ValueKind]))
    else kinds.add(typeof value as ValueKind)
  }
}
