import { passStep } from '../../core/faults.ts'
import type { DeletionRange, ExpiryReport, RetentionRule } from '../../ports/store.ts'
import type { Catalog } from './catalog.ts'
import type { Segment } from './segments.ts'

export interface ExpiryOptions {
  readonly rules: readonly RetentionRule[]
  readonly nowMs: number
  readonly mayDelete: (range: DeletionRange) => Promise<boolean>
}

type Deleted = ExpiryReport['deleted'][number]
type Kept = ExpiryReport['kept'][number]

/**
 * Deletes whole segments: those whose events all came in before the limit, and the oldest ones above `maxBytes`. Their space
 * is returned at once. Ranges that `mayDelete` is asked about are in event time.
 */
export async function expireSegments(
  catalog: Catalog,
  { rules, nowMs, mayDelete }: ExpiryOptions,
): Promise<ExpiryReport> {
  const deleted: Deleted[] = []
  const kept: Kept[] = []

  async function remove(segment: Segment, why: 'age' | 'maxBytes'): Promise<boolean> {
    const ranges = rangesOf(segment)
    for (const range of ranges) {
      if (await mayDelete(range)) continue
      kept.push(
        ...ranges.map((each) => ({
          ...each,
          why: `refused: not to be deleted yet, though expired by ${why}`,
        })),
      )
      return false
    }
    await catalog.change({ remove: [segment.entry.id] })
    const { bytes, rows } = segment.entry
    deleted.push(
      ...ranges.map((range) => ({ ...range, bytes: Math.round((bytes * range.events) / rows), why })),
    )
    passStep('retention-inside')
    return true
  }

  for (const rule of rules) {
    const segments = catalog.all().filter(({ entry }) => entry.class === rule.class)
    segments.sort((a, b) => a.entry.ingestMaxMs - b.entry.ingestMaxMs)
    let bytes = segments.reduce((sum, { entry }) => sum + entry.bytes, 0)
    for (const segment of segments) {
      const isOld = rule.hotMs !== undefined && segment.entry.ingestMaxMs < nowMs - rule.hotMs
      const isOver = rule.maxBytes !== undefined && rule.whenFull === 'expire-oldest' && bytes > rule.maxBytes
      if (!isOld && !isOver) break
      if (await remove(segment, isOld ? 'age' : 'maxBytes')) bytes -= segment.entry.bytes
    }
  }
  return { deleted, kept }
}

function rangesOf({ entry }: Segment): DeletionRange[] {
  return entry.tenants.map(([tenant, events]) => ({
    class: entry.class,
    tenant,
    fromMs: Number(BigInt(entry.timeMin) / 1_000_000n),
    toMs: Number(BigInt(entry.timeMax) / 1_000_000n) + 1,
    events,
  }))
}
