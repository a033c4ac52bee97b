import type { Provenance } from '../../core/batch.ts'

/** Names that say which log it is, the most telling first. */
const TELLING = ['container', 'unit', 'path', 'endpoint', 'sender'] as const

/** Which log a batch is of, for a person: as much as all pods of a workload share, so that there are few. */
export function sourceName({ kind, names }: Provenance): string {
  const name = TELLING.find((one) => names[one] !== undefined)
  if (name === undefined) return kind
  const namespace = name === 'container' && names.namespace !== undefined ? `${names.namespace}/` : ''
  return `${kind} ${namespace}${names[name]!.slice(0, 200)}`
}
