import { type EsContext, refusal } from '../context.ts'
import type { BackingIndex } from './data-streams.ts'
import { type IndexFacts, judgeIndex } from './judge.ts'

/** What is in an index that is not written to any more; undefined when it is gone, or still written to. */
export async function lastLook(
  context: EsContext,
  index: BackingIndex,
  options: { readonly class: string; readonly cluster: string; readonly dryRun: boolean },
): Promise<IndexFacts | undefined> {
  const { dryRun } = options
  const known = seen.get(context)?.get(index.uuid)
  if (known !== undefined) return known
  if (!dryRun && !(await endWrites(context, index))) return undefined
  const facts = await judgeIndex(context, index, options)
  if (facts !== undefined && !dryRun) remember(context, index.uuid, facts)
  return facts
}

/** Nothing changes in an index whose writes are ended; one that is held for years is not looked through every minute. */
const seen = new WeakMap<EsContext, Map<string, IndexFacts>>()
const SEEN_MAX = 1000

function remember(context: EsContext, uuid: string, facts: IndexFacts): void {
  let known = seen.get(context)
  if (known === undefined || known.size >= SEEN_MAX)
    seen.set(context, (known = new Map<string, IndexFacts>()))
  known.set(uuid, facts)
}

/**
 * Forbids writes and waits for those under way, so that nothing is acknowledged between the last look and the deletion. False
 * when the index is gone.
 */
async function endWrites({ connection }: EsContext, index: BackingIndex): Promise<boolean> {
  const { status, body } = await connection.request({
    method: 'PUT',
    path: `/${encodeURIComponent(index.name)}/_block/write`,
  })
  if (status === 404) return false
  if (status !== 200) throw refusal(`ending writes to ${index.name}`, status, body)
  const { shards_acknowledged: ended, indices } = body as {
    shards_acknowledged?: boolean
    indices?: readonly unknown[]
  }
  // None is listed where writes were ended by an earlier run.
  return ended === true || indices?.length === 0
}
