import { setTimeout as sleep } from 'node:timers/promises'
import { DecklogError } from '../../../core/errors.ts'
import { Outcome } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { type BackingIndices, backingIndicesOf, generationOf } from './backing-indices.ts'
import { idsIn, removeCopies } from './lookup.ts'
import { OPEN, type OpenBatch } from './open-batch.ts'
import { untilWritesEnded } from './tasks.ts'

/**
 * Looks rows up in all indices behind their data stream, and answers `duplicate` for those that are there. `create` alone
 * does not tell: it knows the write index only. Where an id is in two of them, the later copy is removed.
 * @throws {DecklogError} retryable
 */
export async function settleStored(
  context: EsContext,
  open: OpenBatch,
  options: {
    readonly rows: readonly number[]
    readonly backing: BackingIndices
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { rows, backing, signal } = options
  const ids = rows.map((row) => open.index.id(row))
  context.telemetry.add('decklog_store_in_doubt_total', ids.length)
  const first = new Map<number, string>()
  const copies = new Map<string, string[]>()
  for (const index of [...backing.older, ...(backing.write === undefined ? [] : [backing.write])]) {
    const found = await idsIn(context, index, { ids, signal })
    for (const [at, isThere] of found.entries()) {
      if (!isThere) continue
      if (!first.has(at)) first.set(at, index)
      else copies.set(index, [...(copies.get(index) ?? []), ids[at]!])
    }
  }
  for (const [index, twins] of copies) await removeCopies(context, index, twins)
  for (const [at, index] of first) {
    open.landed.add(index)
    open.settle(rows[at]!, Outcome.duplicate)
  }
}

/**
 * Rows that were told `created`, but in another index than the one that was the write index when they were judged: the data
 * stream was rolled over in between, and an older index may have them. Who wrote there is done first. Goes on until it is
 * known, for what is left unsaid here nobody will ask again.
 */
export async function verifyLanding(
  context: EsContext,
  open: OpenBatch,
  options: { readonly rows: readonly number[]; readonly landedIn: string; readonly signal: AbortSignal },
): Promise<void> {
  const { rows, landedIn, signal } = options
  const what = `looking for second copies in ${open.target.name}`
  for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 2, 5_000)) {
    try {
      const older = await olderThan(context, { open, landedIn, signal })
      if (older.length > 0) {
        await untilWritesEnded(context, signal)
        await settleLanded(context, open, { rows, landedIn, older, signal })
      }
      for (const row of rows) {
        if (open.outcomes[row] === OPEN) open.settle(row, Outcome.stored)
      }
      open.landed.add(landedIn)
      context.mended(what)
      return
    } catch (error) {
      if (signal.aborted || !(error instanceof DecklogError)) throw error
      context.complain(what, `${error.message}; it is tried again until it is known`)
      await sleep(pauseMs, undefined, { signal })
    }
  }
}

async function olderThan(
  context: EsContext,
  { open, landedIn, signal }: { open: OpenBatch; landedIn: string; signal: AbortSignal },
): Promise<readonly string[]> {
  const backing = await backingIndicesOf(context, open.target.name, signal)
  if (backing === undefined) return []
  open.target.backing = backing
  const generation = generationOf(landedIn)
  return [...backing.older, ...(backing.write === undefined ? [] : [backing.write])].filter(
    (index) => index !== landedIn && generationOf(index) <= generation,
  )
}

async function settleLanded(
  context: EsContext,
  open: OpenBatch,
  options: {
    readonly rows: readonly number[]
    readonly landedIn: string
    readonly older: readonly string[]
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { rows, landedIn, older, signal } = options
  const ids = rows.map((row) => open.index.id(row))
  context.telemetry.add('decklog_store_in_doubt_total', ids.length)
  const twins = new Map<number, string>()
  for (const index of older) {
    const found = await idsIn(context, index, { ids, signal })
    for (const [at, isThere] of found.entries()) if (isThere) twins.set(at, index)
  }
  if (twins.size === 0) return
  await removeCopies(
    context,
    landedIn,
    [...twins.keys()].map((at) => ids[at]!),
  )
  for (const [at, index] of twins) {
    open.landed.add(index)
    open.settle(rows[at]!, Outcome.duplicate)
  }
}
