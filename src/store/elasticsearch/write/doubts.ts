import { Outcome } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { refusal } from '../context.ts'
import { type CoverageDocument, isInPlace } from '../coverage-document.ts'
import { type BackingIndices, backingIndicesOf, generationOf } from './backing-indices.ts'
import type { KnownStreams } from './known-streams.ts'
import type { OpenBatch } from './open-batch.ts'
import { settleOverlaps } from './overlaps.ts'
import type { Target } from './target.ts'
import { untilWritesEnded } from './tasks.ts'
import { settleStored } from './twins.ts'

/**
 * How far the bus's clock, which says when a batch came, may be from the cluster's, which says when an index began. What came
 * later than the write index began, by more than this, cannot be in an older one.
 */
const CLOCKS_APART_MS = 15 * 60 * 1000

/**
 * Judges batches before they are written: what was stored before is answered `duplicate`, though the write index would not
 * know it. In steps, so that it costs next to nothing when nothing is wrong:
 * 1. One lookup a batch tells whether all of it was stored before: so it is when everything is replayed.
 * 2. Parts of events that are stored as a whole are found by the records that are covered.
 * 3. Nobody can have written an event before it came in: what came in after the write index began is new.
 * 4. Of the rest, events are looked up one by one, in the indices that took writes since they came in.
 * @throws {DecklogError} retryable
 */
export async function judge(
  context: EsContext,
  opens: readonly OpenBatch[],
  { known, signal }: { readonly known: KnownStreams; readonly signal: AbortSignal },
): Promise<void> {
  await findBacking(context, opens, signal)
  for (const open of opens) open.judgedAt = open.target.backing?.write
  await settleCovered(
    context,
    opens.filter((open) => open.index.count > 0),
    signal,
  )
  const nowMs = Number(context.clock.monotonicNs() / 1_000_000n)
  await settleOverlaps(context, opens, { known, nowMs, signal })
  for (const { target, indices, own } of byIndices(opens, context.clock.now())) {
    await waitForOlderWrites(context, target, signal)
    await settleStored(context, own, { indices, signal })
  }
}

interface Group {
  readonly target: Target
  readonly indices: readonly string[]
  readonly own: OpenBatch[]
}

/** Batches that may be in more than the write index, with those that may be in the same ones. */
function byIndices(opens: readonly OpenBatch[], nowMs: number): Iterable<Group> {
  const groups = new Map<string, Group>()
  for (const open of opens) {
    const indices = indicesSince(open, nowMs)
    if (indices.length < 2 || open.openRows === 0) continue
    const name = indices.join()
    const group = groups.get(name) ?? { target: open.target, indices, own: [] }
    group.own.push(open)
    groups.set(name, group)
  }
  return groups.values()
}

/** Indices in which somebody may have written the events of a batch: those that took writes since it came in. */
function indicesSince({ batch, target }: OpenBatch, nowMs: number): string[] {
  const { backing } = target
  if (backing?.write === undefined) return []
  const sinceMs = Math.min(batch.receivedMs, nowMs) - CLOCKS_APART_MS
  const older = backing.older.filter(({ endedMs }) => endedMs >= sinceMs)
  return [...older.map(({ name }) => name), backing.write]
}

/** Who was told the older index to write to, before the rollover, may be writing still. Once for each rollover. */
async function waitForOlderWrites(context: EsContext, target: Target, signal: AbortSignal): Promise<void> {
  const write = target.backing?.write
  if (target.quietBefore === write) return
  await untilWritesEnded(context, signal)
  target.quietBefore = write
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

interface Doc {
  readonly found?: boolean
  readonly error?: { readonly type: string; readonly reason: string }
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
      filter_path: 'docs.found,docs._source,docs.error.type,docs.error.reason,error',
    },
    body: { ids: opens.map(({ outline }) => outline.id) },
    signal,
  })
  if (status === 404) return
  if (status !== 200) throw refusal('reading what is covered', status, body)
  const { docs = [] } = body as { docs?: readonly Doc[] }
  const failed = docs.find(({ error }) => error !== undefined)
  if (failed?.error?.type === 'index_not_found_exception') return
  // Each document is refused by itself; most often it is a right that is missing.
  if (failed !== undefined)
    throw refusal('reading what is covered', failed.error!.type === 'security_exception' ? 403 : 503, failed)
  const covered = opens.flatMap((open, at) => {
    const source = docs[at]?.found === true ? docs[at]._source : undefined
    return source === undefined ? [] : [{ open, source }]
  })
  for (const { open, source } of covered) {
    // Somebody else has seen a rollover that we have not.
    if (isNewer(source, open.target.backing)) await lookAgain(context, opens, { target: open.target, signal })
    if (isInPlace(source, open.target.backing)) settleAs(open, source)
  }
}

function isNewer({ landed }: Pick<CoverageDocument, 'landed'>, backing: BackingIndices | undefined): boolean {
  const last = landed.at(-1)
  return last !== undefined && generationOf(last) > generationOf(backing?.write ?? '')
}

async function lookAgain(
  context: EsContext,
  opens: readonly OpenBatch[],
  { target, signal }: { readonly target: Target; readonly signal: AbortSignal },
): Promise<void> {
  target.backing = await backingIndicesOf(context, target.name, signal)
  for (const open of opens) if (open.target === target) open.judgedAt = target.backing?.write
}

function settleAs(open: OpenBatch, { landed, refused }: NonNullable<Doc['_source']>): void {
  const again = new Set(refused)
  for (let row = 0; row < open.index.count; row++) {
    if (again.size === 0 || !again.has(open.index.id(row))) open.settle(row, Outcome.duplicate)
  }
  for (const index of landed) open.landed.add(index)
  open.isCovered = again.size === 0
}
