import type { SearchAnswer, SearchRequest, Total } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { ask, PointInTimeGone, type RawAnswer } from './ask.ts'
import { compileQuery, type CompiledQuery } from './compile.ts'
import { decodeCursor, encodeCursor, type SearchCursor } from './cursor.ts'
import { allOf, type Clause, scopeClauses, timeClauses } from './dsl.ts'
import { type FoundHit, hitsOf } from './hits.ts'
import { resultOrder } from './order.ts'
import { type Snapshots, snapshotsOf } from './snapshots.ts'

/** `bounded` totals count so many, and then say `gte`. */
const TOTAL_MAX = 10_000
/** Documents in one answer; more are asked for in turns. */
const TURN = 1_000

/**
 * Newest first, or oldest. Only who pages gets a point in time, when the first page is done: what comes in between the two is
 * not missed, nor seen twice, for the order is total. A point in time that is over is not an error: the next page is then
 * that of what is stored by now.
 */
export async function search(context: EsContext, request: SearchRequest): Promise<SearchAnswer> {
  const { limit, signal } = request
  const cursor = decodeCursor(request)
  const compiled = await compileQuery(context, request.query, { asking: request })
  const snapshots = snapshotsOf(context)
  const { found, total } = await pageOf({ context, request, compiled, cursor, snapshots })
  const hits = found.slice(0, limit).map(({ hit }) => hit)
  if (found.length <= limit || limit === 0) {
    if (cursor !== undefined) await snapshots.giveBack(cursor.snapshot)
    return { hits, total }
  }
  const after = found[limit - 1]!.sort.slice(0, 4) as unknown as SearchCursor['after']
  const snapshot = cursor?.snapshot ?? (await snapshots.take(signal)) ?? ''
  return { hits, total, cursor: encodeCursor(request, { after, snapshot }) }
}

interface Page {
  readonly context: EsContext
  readonly request: SearchRequest
  readonly compiled: CompiledQuery
  readonly cursor: SearchCursor | undefined
  readonly snapshots: Snapshots
}

/** One hit more than wanted tells whether there is a next page. */
async function pageOf(page: Page): Promise<{ readonly found: readonly FoundHit[]; readonly total: Total }> {
  const wanted = page.request.limit === 0 ? 0 : page.request.limit + 1
  const found: FoundHit[] = []
  let after: readonly unknown[] | undefined = page.cursor?.after
  let total: Total | undefined
  do {
    const size = Math.min(TURN, wanted - found.length)
    const answer = await turnOf(page, { size, after, counted: total === undefined })
    total ??= { value: answer.total?.value ?? 0, relation: answer.total?.relation ?? 'eq' }
    const hits = hitsOf(answer, 0)
    found.push(...hits)
    after = hits.at(-1)?.sort.slice(0, 4)
    if (hits.length < size) break
  } while (found.length < wanted)
  return { found, total }
}

async function turnOf(
  { context, request, compiled, cursor, snapshots }: Page,
  turn: { readonly size: number; readonly after: readonly unknown[] | undefined; readonly counted: boolean },
): Promise<RawAnswer> {
  const { signal, order = 'newest' } = request
  const counting = request.total === 'exact' ? true : TOTAL_MAX
  const body = {
    size: turn.size,
    query: whole(request, compiled.clause),
    runtime_mappings: compiled.views.mappings,
    track_total_hits: turn.counted ? counting : false,
    ...(turn.size === 0 ? {} : { sort: resultOrder(order) }),
    ...(turn.after === undefined ? {} : { search_after: turn.after }),
  }
  const pit = cursor === undefined ? undefined : snapshots.clauseOf(cursor.snapshot)
  if (cursor === undefined || pit === undefined) return ask(context, { body, signal })
  try {
    const answer = await ask(context, { body: { ...body, pit }, signal })
    snapshots.renamed(cursor.snapshot, answer.pit)
    return answer
  } catch (error) {
    if (!(error instanceof PointInTimeGone)) throw error
    snapshots.forget(cursor.snapshot)
    return ask(context, { body, signal })
  }
}

/** The query within what may be seen, and within the asked time. */
export function whole(request: Pick<SearchRequest, 'scope' | 'fromNs' | 'toNs'>, clause: Clause): Clause {
  return allOf([...scopeClauses(request.scope), ...timeClauses(request), clause])
}
