import { fieldType } from '../../../core/fields.ts'
import type { Asking } from '../../../ports/store.ts'
import { type EsContext, refusal } from '../context.ts'
import { exists } from './dsl.ts'
import { type SeenNames, seenNames, type ValueKind } from './sample.ts'

/**
 * Fields for autocompletion, sorted by name: those of the newest documents in the scope, and, for who may see everything, every
 * field of the mapping that has a value anywhere.
 */
export async function fields(
  context: EsContext,
  asking: Asking,
): Promise<readonly { readonly name: string; readonly type: string }[]> {
  const { clusters, classes } = asking.scope
  const seen = await seenNames(context, asking)
  const mapped = clusters === '*' && classes === '*' ? await mappedTypes(context, asking.signal) : undefined
  const names = [...new Set([...seen.keys(), ...(mapped?.keys() ?? [])])]
  return names
    .sort()
    .map((name) => ({ name, type: fieldType(name) ?? mapped?.get(name) ?? typeOf(seen, name) }))
}

function typeOf(seen: SeenNames, name: string): string {
  const kinds = seen.get(name)
  const only = (kind: ValueKind): boolean => kinds?.size === 1 && kinds.has(kind)
  if (only('number')) return 'long'
  return only('boolean') ? 'boolean' : 'keyword'
}

/** Fields that have a value in some index, with what the index takes them for. */
async function mappedTypes(
  context: EsContext,
  signal: AbortSignal | undefined,
): Promise<Map<string, string>> {
  const { status, body } = await context.connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(context.names.events)}/_field_caps`,
    query: {
      ignore_unavailable: true,
      allow_no_indices: true,
      include_empty_fields: false,
      filters: '-metadata,-parent',
    },
    body: { fields: ['*'], index_filter: exists('decklog.stream') },
    ...(signal === undefined ? {} : { signal }),
  })
  if (status !== 200) throw refusal('ask for the mapping', status, body)
  const found =
    (body as { fields?: Readonly<Record<string, Readonly<Record<string, unknown>>>> }).fields ?? {}
  return new Map(
    Object.entries(found)
      .map(([name, types]): [string, string] => [name, Object.keys(types)[0] ?? 'keyword'])
      .filter(([, type]) => type !== 'flattened'),
  )
}
