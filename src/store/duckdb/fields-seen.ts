import { fieldType } from '../../core/fields.ts'
import type { Scope } from '../../ports/store.ts'
import { inScope, type Catalog } from './catalog.ts'
import { FieldKind, fieldName } from './scan-document.ts'

/** Fields of the newest segments are enough for autocompletion. */
const SEGMENTS_MAX = 200

/** Names that occur in documents of the scope, sorted, each with its ECS type, or that of its values. */
export function seenFields(
  catalog: Catalog,
  scope: Scope,
): { readonly name: string; readonly type: string }[] {
  const kinds = new Map<string, number>()
  const segments = catalog.all().filter(({ entry }) => inScope(entry, scope))
  segments.sort((a, b) => b.entry.arrivalLast - a.entry.arrivalLast)
  for (const segment of segments.slice(0, SEGMENTS_MAX)) {
    for (const path of segment.sidecar.fields) {
      const name = fieldName(path.steps)
      kinds.set(name, (kinds.get(name) ?? 0) | path.kinds)
    }
  }
  return [...kinds.keys()].sort().map((name) => ({ name, type: fieldType(name) ?? typeOf(kinds.get(name)!) }))
}

function typeOf(kinds: number): string {
  if (kinds === FieldKind.number) return 'long'
  return kinds === FieldKind.boolean ? 'boolean' : 'keyword'
}
