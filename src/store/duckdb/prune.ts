import type { Query } from '../../core/query.ts'
import type { Block, FilterReader } from './sidecar.ts'
import type { FieldView } from './sql-field.ts'
import { patternParts } from './sql-text.ts'
import { valueHash, wordHash } from './word-filter.ts'

/** Which blocks a query surely does not need, told from their filters alone. */
export type Pruner =
  | { readonly kind: 'yes' | 'no' }
  | { readonly kind: 'token'; readonly hash: number }
  | { readonly kind: 'every' | 'some'; readonly of: readonly Pruner[] }

const YES: Pruner = { kind: 'yes' }

export function prunerOf(query: Query, view: FieldView): Pruner {
  switch (query.kind) {
    case 'none':
      return { kind: 'no' }
    case 'and':
      return combined(
        'every',
        query.of.map((part) => prunerOf(part, view)),
      )
    case 'or':
      return combined(
        'some',
        query.of.map((part) => prunerOf(part, view)),
      )
    case 'words':
      return combined(query.mode === 'phrase' ? 'every' : 'some', query.words.map(tokenOf))
    case 'word-wildcard': {
      const parts = patternParts(query.pattern)
      return parts.length === 1 ? tokenOf(parts[0]!) : YES
    }
    case 'term':
      if (query.field === 'decklog.stream') return { kind: 'token', hash: valueHash('_stream', query.value) }
      return view.isFiltered(query.field) ? { kind: 'token', hash: valueHash(query.field, query.value) } : YES
    default:
      return YES
  }
}

export function streamPruner(stream: string): Pruner {
  return { kind: 'token', hash: valueHash('_stream', stream) }
}

export function mayHold(pruner: Pruner, filters: FilterReader, block: Block): boolean {
  switch (pruner.kind) {
    case 'yes':
      return true
    case 'no':
      return false
    case 'token':
      return filters.mayHold(block, pruner.hash)
    case 'every':
      return pruner.of.every((part) => mayHold(part, filters, block))
    case 'some':
      return pruner.of.some((part) => mayHold(part, filters, block))
  }
}

function tokenOf(word: string): Pruner {
  return { kind: 'token', hash: wordHash(word) }
}

/** Parts that say nothing are left out, so that a query without tokens reads no filter. */
function combined(kind: 'every' | 'some', parts: readonly Pruner[]): Pruner {
  const [neutral, decisive] = kind === 'every' ? ['yes', 'no'] : ['no', 'yes']
  if (parts.some((part) => part.kind === decisive)) return { kind: decisive as 'yes' | 'no' }
  const rest = parts.filter((part) => part.kind !== neutral)
  if (rest.length === 0) return { kind: neutral as 'yes' | 'no' }
  return rest.length === 1 ? rest[0]! : { kind, of: rest }
}
