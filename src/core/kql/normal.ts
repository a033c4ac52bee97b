import type { Query } from '../query.ts'

/** Normal form: `and` and `or` are flat, have at least two parts and hold no `all` or `none`; neither does `not`. */
export function allOf(parts: readonly Query[]): Query {
  return combined('and', parts, { neutral: 'all', absorbing: 'none' })
}

export function anyOf(parts: readonly Query[]): Query {
  return combined('or', parts, { neutral: 'none', absorbing: 'all' })
}

export function negated(query: Query): Query {
  if (query.kind === 'all') return { kind: 'none' }
  if (query.kind === 'none') return { kind: 'all' }
  return { kind: 'not', of: query }
}

function combined(
  kind: 'and' | 'or',
  parts: readonly Query[],
  ends: { neutral: 'all' | 'none'; absorbing: 'all' | 'none' },
): Query {
  const flat: Query[] = []
  for (const part of parts) {
    if (part.kind === ends.absorbing) return part
    if (part.kind === kind) for (const inner of part.of) flat.push(inner)
    else if (part.kind !== ends.neutral) flat.push(part)
  }
  if (flat.length === 0) return { kind: ends.neutral }
  return flat.length === 1 ? flat[0]! : { kind, of: flat }
}
