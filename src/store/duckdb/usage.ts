import type { Catalog } from './catalog.ts'

export interface ClassUsage {
  readonly class: string
  readonly bytes: number
  readonly events: number
  readonly oldestMs: number
  readonly segments: number
}

/** Of segments; what is only in the journal joins them within seconds. */
export function usageOf(catalog: Catalog): ClassUsage[] {
  const uses = new Map<string, ClassUsage>()
  for (const { entry } of catalog.all()) {
    const known = uses.get(entry.class)
    uses.set(entry.class, {
      class: entry.class,
      bytes: (known?.bytes ?? 0) + entry.bytes,
      events: (known?.events ?? 0) + entry.rows,
      oldestMs: Math.min(known?.oldestMs ?? Number.POSITIVE_INFINITY, entry.ingestMinMs),
      segments: (known?.segments ?? 0) + 1,
    })
  }
  return [...uses.values()].sort((a, b) => (a.class < b.class ? -1 : 1))
}
