import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../../src/ports/store.ts'

const ALL = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const

/** Resolves when search finds `count` events (of a class): stored is not yet searchable. */
export async function searchable(store: Store, count: number, className?: string): Promise<void> {
  const scope = className === undefined ? ALL.scope : { clusters: '*' as const, classes: [className] }
  for (let attempt = 0; attempt < 1000; attempt++) {
    const { total } = await store.search({ ...ALL, scope, query: { kind: 'all' }, limit: 0, total: 'exact' })
    if (total.value >= count) return
    await sleep(10)
  }
  throw new Error(`${count} events did not become searchable`)
}
