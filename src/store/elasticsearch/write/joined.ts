import { setTimeout as sleep } from 'node:timers/promises'
import { DecklogError } from '../../../core/errors.ts'
import type { SeqRange } from '../../../core/event-batch.ts'
import { RangeSet } from '../../../core/ranges.ts'
import { Outcome } from '../../../ports/store.ts'
import { type EsContext, refusal } from '../context.ts'
import type { OpenBatch } from './open-batch.ts'

/**
 * Events of several records whose id is there already. Most are the same event again. One that holds a record which the stored
 * event does not hold is another event: to answer `duplicate` would lose that record.
 */
export async function joinedTwice(
  context: EsContext,
  open: OpenBatch,
  { rows, signal }: { readonly rows: readonly number[]; readonly signal: AbortSignal },
): Promise<void> {
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 5_000)) {
    try {
      const stored = await storedRanges(context, open, rows, signal)
      for (const [at, row] of rows.entries()) settle(open, row, stored[at])
      return
    } catch (error) {
      if (signal.aborted || !(error instanceof DecklogError)) throw error
      if (open.ticket.isOver) {
        for (const row of rows) open.settle(row, Outcome.retry, error.message)
        return
      }
      await sleep(pauseMs, undefined, { signal })
    }
  }
}

function settle(open: OpenBatch, row: number, stored: readonly SeqRange[] | undefined): void {
  if (stored === undefined || isWithin(open.index.ranges(row), stored)) {
    open.settle(row, Outcome.duplicate)
    return
  }
  open.settle(row, Outcome.reject, 'overlaps: some of its records are stored with another event')
}

function isWithin(ranges: readonly SeqRange[], stored: readonly SeqRange[]): boolean {
  const set = new RangeSet()
  for (const [first, last] of stored) set.add(first, last)
  return ranges.every(([first, last]) => set.has(first, last))
}

interface Doc {
  readonly found?: boolean
  readonly _source?: { readonly decklog?: { readonly ranges?: unknown; readonly seq?: unknown } } & Readonly<
    Record<string, unknown>
  >
}

/** By row; undefined for documents that do not say. */
async function storedRanges(
  { connection }: EsContext,
  { target, judgedAt, index }: OpenBatch,
  rows: readonly number[],
  signal: AbortSignal,
): Promise<(readonly SeqRange[] | undefined)[]> {
  const where = judgedAt ?? target.backing?.write
  if (where === undefined) return rows.map(() => undefined)
  const { status, body } = await connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(where)}/_mget`,
    query: {
      _source_includes: 'decklog.ranges,decklog.seq,decklog.own',
      filter_path: 'docs.found,docs._source,error',
    },
    body: { ids: rows.map((row) => index.id(row)) },
    signal,
  })
  if (status !== 200) throw refusal(`reading events of ${target.name}`, status, body)
  const { docs = [] } = body as { docs?: readonly Doc[] }
  return rows.map((_, at) => rangesOf(docs[at]))
}

function rangesOf(doc: Doc | undefined): readonly SeqRange[] | undefined {
  const source = doc?._source
  if (doc?.found !== true || source === undefined) return undefined
  const ranges = source.decklog?.ranges ?? source['decklog.ranges']
  if (Array.isArray(ranges)) return ranges as readonly SeqRange[]
  const seq = source.decklog?.seq ?? source['decklog.seq']
  return typeof seq === 'number' ? [[seq, seq]] : undefined
}
