import { Outcome } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { refusal } from '../context.ts'
import { type CoverageDocument, isInPlace } from '../coverage-document.ts'
import { backingIndicesOf } from './backing-indices.ts'
import type { ConfirmedStreams } from './confirmed.ts'
import type { OpenBatch } from './open-batch.ts'
import { settleStored } from './twins.ts'

/**
 * How far the bus's clock, which says when a batch came, may be from the cluster's, which says when an index began. What came
 * later than the write index began, by more than this, cannot be in an older one.
 */
const CLOCKS_APART_MS = 15 * 60 * 1000

/**
 * Judges batches before they are written: what was stored before is answered `duplicate`, though the write index would not
 * know it. In three steps, so that it costs next to nothing when nothing is wrong:
 * 1. What directly continues what was confirmed to this process is new.
 * 2. Of other batches one lookup each tells whether the whole batch was stored before.
 * 3. Of the rest, where older indices may have them, events are looked up one by one.
 * @throws {DecklogError} retryable
 */
export async function judge(
  context: EsContext,
  opens: readonly OpenBatch[],
  { confirmed, nowMs, signal }: { confirmed: ConfirmedStreams; nowMs: number; signal: AbortSignal },
): Promise<void> {
  await findBacking(context, opens, signal)
  for (const open of opens) open.judgedAt = open.target.backing?.write
  const newFrom = new Map(opens.map((open) => [open, confirmed.newFrom(open, nowMs)]))
  const doubtful = opens.filter((open) => newFrom.get(open) === undefined && open.index.count > 0)
  await settleCovered(context, doubtful, signal)
  for (const open of opens) {
    const from = newFrom.get(open)
    if (!mayBeOlder(open)) continue
    const rows = open.open().filter((row) => from === undefined || open.index.firstSeq(row) < from)
    if (rows.length > 0) await settleStored(context, open, { rows, backing: open.target.backing!, signal })
  }
}

async function findBacking(
  context: EsContext,
  opens: readonly OpenBatch[],
  signal: AbortSignal,
): Promise<void> {
  const unknown = new Set(
    opens.map((open) => open.target).filter(({ backing }) => backing?.write === undefined),
  )
  for (const target of unknown) target.backing = await backingIndicesOf(context, target.name, signal)
}

/** Could somebody have written it before the write index began? */
function mayBeOlder({ batch, target }: OpenBatch): boolean {
  const { backing } = target
  if (backing === undefined || backing.older.length === 0) return false
  return batch.receivedMs <= backing.createdMs + CLOCKS_APART_MS
}

interface Doc {
  readonly found?: boolean
  readonly _source?: Pick<CoverageDocument, 'landed' | 'landedCreatedMs' | 'refused'>
}

async function settleCovered(
  context: EsContext,
  opens: readonly OpenBatch[],
  signal: AbortSignal,
): Promise<void> {
  if (opens.length === 0) return
  const { status, body } = await context.connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(context.names.coverage)}/_mget`,
    query: {
      _source_includes: 'landed,landedCreatedMs,refused',
      filter_path: 'docs.found,docs._source,error',
    },
    body: { ids: opens.map(({ outline }) => outline.id) },
    signal,
  })
  if (status === 404) return
  if (status !== 200) throw refusal('reading what is covered', status, body)
  const { docs = [] } = body as { docs?: readonly Doc[] }
  for (const [at, open] of opens.entries()) {
    const source = docs[at]?.found === true ? docs[at]._source : undefined
    if (source !== undefined && isInPlace(source, open.target.backing)) settleAs(open, source)
  }
}

function settleAs(open: OpenBatch, { landed, refused }: NonNullable<Doc['_source']>): void {
  const again = new Set(refused)
  for (let row = 0; row < open.index.count; row++) {
    if (again.size === 0 || !again.has(open.index.id(row))) open.settle(row, Outcome.duplicate)
  }
  for (const index of landed) open.landed.add(index)
  open.isCovered = again.size === 0
}
