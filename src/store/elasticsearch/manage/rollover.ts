import { passStep } from '../../../core/faults.ts'
import type { RetentionRule } from '../../../ports/store.ts'
import { type EsContext, refusal } from '../context.ts'
import type { BackingIndex, DataStream } from './data-streams.ts'
import { newestIngestOf } from './judge.ts'
import { rolloverOf } from './shards.ts'
import type { IndexStats } from './stats.ts'

/**
 * Ends the write indices that are old or large enough, and those in which everything has expired: only an index that is no longer
 * written to can be deleted. Works beside lifecycle management, which then finds nothing to do. Returns what was rolled over.
 */
export async function rollOverDue(
  context: EsContext,
  streams: readonly DataStream[],
  options: {
    readonly rule: RetentionRule
    readonly nowMs: number
    readonly stats: (index: BackingIndex) => IndexStats
  },
): Promise<string[]> {
  const rolled: string[] = []
  for (const stream of streams) {
    if (!(await isDue(context, stream, options))) continue
    if (await rollOver(context, stream.name)) rolled.push(stream.name)
  }
  return rolled
}

async function isDue(
  context: EsContext,
  stream: DataStream,
  {
    rule,
    nowMs,
    stats,
  }: {
    readonly rule: RetentionRule
    readonly nowMs: number
    readonly stats: (index: BackingIndex) => IndexStats
  },
): Promise<boolean> {
  const index = stream.indices.at(-1)!
  const { events, bytes } = stats(index)
  if (events === 0) return false
  const { maxAgeMs, maxBytes } = rolloverOf(rule)
  if (nowMs - index.createdMs >= maxAgeMs || bytes >= maxBytes) return true
  if (rule.hotMs === undefined) return false
  const newestMs = await newestIngestOf(context, index.name)
  return newestMs !== undefined && newestMs < nowMs - rule.hotMs
}

/** False when it had nothing in it any more, or is gone. */
export async function rollOver({ connection }: EsContext, stream: string): Promise<boolean> {
  const { status, body } = await connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(stream)}/_rollover`,
    body: { conditions: { min_docs: 1, max_age: '1ms' } },
  })
  if (status === 404) return false
  if (status !== 200) throw refusal(`rolling over ${stream}`, status, body)
  passStep('rollover-inside')
  return (body as { rolled_over?: boolean }).rolled_over === true
}
