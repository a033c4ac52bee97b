import { type EventBatch, EventIndex } from '../../core/event-batch.ts'
import { foreignIdsOf, withoutRows } from '../../core/foreign-ids.ts'
import type { Claim, Store } from '../../ports/store.ts'

export interface Claimed {
  /** Without events whose ids others have. */
  readonly batches: readonly EventBatch[]
  /** Events that were taken out, as copies. */
  readonly copies: number
}

/**
 * Events that their senders gave ids are claimed before they are written, so that of all copies one is stored. Costs nothing for
 * batches without such ids. @throws {DecklogError} retryable
 */
export async function withoutCopies(
  store: Store,
  batches: readonly EventBatch[],
  signal: AbortSignal,
): Promise<Claimed> {
  const claims: (Claim & { readonly at: number; readonly row: number })[] = []
  for (const [at, batch] of batches.entries()) {
    const ids = foreignIdsOf(batch)
    if (ids === undefined) continue
    const index = new EventIndex(batch)
    for (const [row, id] of ids.slice(0, index.count).entries()) {
      if (id === '') continue
      const timeMs = Number(index.timeNs(row) / 1_000_000n)
      const { tenant, class: name } = batch
      claims.push({ at, row, tenant, class: name, id, event: index.id(row), timeMs })
    }
  }
  if (claims.length === 0) return { batches, copies: 0 }
  const isOwn = await store.claim(claims, { signal })
  const taken = new Map<number, Set<number>>()
  let copies = 0
  for (const [i, { at, row }] of claims.entries()) {
    if (isOwn[i] === true) continue
    copies++
    const rows = taken.get(at)
    if (rows === undefined) taken.set(at, new Set([row]))
    else rows.add(row)
  }
  return {
    batches: batches.map((batch, at) => withoutRows(batch, taken.get(at) ?? new Set())),
    copies,
  }
}
