import { setTimeout as sleep } from 'node:timers/promises'
import { DecklogError } from '../../../core/errors.ts'
import { Outcome } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { type BackingIndices, backingIndicesOf, generationOf } from './backing-indices.ts'
import { idsIn, removeCopies } from './lookup.ts'
import type { OpenBatch } from './open-batch.ts'
import { untilWritesEnded } from './tasks.ts'

interface Rows {
  readonly rows: readonly number[]
  readonly signal: AbortSignal
}

/** A row of one of several batches. */
interface Row {
  readonly open: OpenBatch
  readonly row: number
}

/**
 * Looks the open rows of batches up in the indices behind their data stream that may have them, and answers `duplicate` for those
 * that are there. `create` alone does not tell: it knows the write index only. Where an id is in two of them, the later copy is
 * removed. All batches together: a write may hold hundreds of small ones.
 * @throws {DecklogError} retryable
 */
export async function settleStored(
  context: EsContext,
  opens: readonly OpenBatch[],
  { indices, signal }: { readonly indices: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const rows = opens.flatMap((open) => open.open().map((row): Row => ({ open, row })))
  const first = await keepFirst(context, rows, { indices, signal })
  for (const [{ open, row }, index] of first) {
    open.landed.add(index)
    open.settle(row, Outcome.duplicate)
  }
}

/**
 * Rows that were told `created` or `exists`, but of another index than the one that was the write index when they were judged:
 * the data stream was rolled over in between, and an older index may have them. Goes on until it is known, for what is left
 * unsaid here nobody will ask again.
 */
export async function verifyLanding(
  context: EsContext,
  open: OpenBatch,
  { rows, landedIn, outcome, signal }: Rows & { readonly landedIn: string; readonly outcome: number },
): Promise<void> {
  await untilKnown(context, open, signal, async (backing) => {
    const indices = indicesUpTo(backing, generationOf(landedIn)).filter((name) => name !== landedIn)
    if (indices.length === 0) return
    // Who was told the older index to write to, before the rollover, may be writing still.
    await untilWritesEnded(context, signal)
    const first = await keepFirst(context, rowsOf(open, rows), { indices: [...indices, landedIn], signal })
    for (const [{ row }, index] of first) {
      open.landed.add(index)
      if (index !== landedIn) open.settle(row, Outcome.duplicate)
    }
  })
  open.landed.add(landedIn)
  for (const row of rows) open.settle(row, outcome)
}

/**
 * Rows of a request whose answer was lost and which has ended: it may have written them to a newer index than it was meant for,
 * while an older one has them from somebody else. Nothing is settled, for they are sent again.
 */
export async function removeStrays(
  context: EsContext,
  open: OpenBatch,
  { rows, signal }: Rows,
): Promise<void> {
  await untilKnown(context, open, signal, async (backing) => {
    if (backing.write === open.judgedAt) return
    await untilWritesEnded(context, signal)
    const indices = indicesUpTo(backing, Number.POSITIVE_INFINITY)
    await keepFirst(context, rowsOf(open, rows), { indices, signal })
  })
}

function rowsOf(open: OpenBatch, rows: readonly number[]): Row[] {
  return rows.map((row) => ({ open, row }))
}

/** In which of the indices, oldest first, each row is; it is removed from those after. */
async function keepFirst(
  context: EsContext,
  rows: readonly Row[],
  { indices, signal }: { readonly indices: readonly string[]; readonly signal: AbortSignal },
): Promise<Map<Row, string>> {
  const ids = rows.map(({ open, row }) => open.index.id(row))
  context.telemetry.add('decklog_store_in_doubt_total', ids.length)
  const first = new Map<Row, string>()
  for (const index of indices) {
    const found = await idsIn(context, index, { ids, signal })
    const copies = ids.filter((_, at) => found[at] === true && first.has(rows[at]!))
    if (copies.length > 0) await removeCopies(context, index, copies)
    for (const [at, row] of rows.entries()) if (found[at] === true && !first.has(row)) first.set(row, index)
  }
  return first
}

/** Tries until it succeeds, and says so meanwhile. */
async function untilKnown(
  context: EsContext,
  open: OpenBatch,
  signal: AbortSignal,
  look: (backing: BackingIndices) => Promise<void>,
): Promise<void> {
  const what = `looking for second copies in ${open.target.name}`
  for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 2, 5_000)) {
    try {
      const backing = await backingIndicesOf(context, open.target.name, signal)
      // Not allowed to know: that is said there.
      if (backing === undefined) return
      open.target.backing = backing
      await look(backing)
      context.mended(what)
      return
    } catch (error) {
      if (signal.aborted || !(error instanceof DecklogError)) throw error
      context.complain(what, `${error.message}; it is tried again until it is known`)
      await sleep(pauseMs, undefined, { signal })
    }
  }
}

function indicesUpTo({ older, write }: BackingIndices, generation: number): string[] {
  const all = [...older.map(({ name }) => name), ...(write === undefined ? [] : [write])]
  return all.filter((name) => generationOf(name) <= generation)
}
