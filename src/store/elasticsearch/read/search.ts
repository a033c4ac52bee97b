import type { SearchAnswer, SearchRequest, Total } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { ask, PointInTimeGone, type RawAnswer } from './ask.ts'
import { compileQuery, type CompiledQuery } from './compile.ts'
import { decodeCursor, encodeCursor, type SearchCursor } from './cursor.ts'
import { allOf, type Clause, scopeClauses, timeClauses } from './dsl.ts'
import { hitsOf } from './hits.ts'
import { resultOrder } from './order.ts'
import { type Snapshots, snapshotsOf } from './snapshots.ts'
import { type Found, inTurns, type Turn } from './turns.ts'

/** `bounded` totals count so many, and then say `gte`. */
const TOTAL_MAX = 10_000
/** A page ends there, with a cursor, though more were asked for. */
const PAGE_BYTES_MAX = 64 * 1024 * 1024

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
  const { found, isCut, total } = await pageOf({ context, request, compiled, cursor, snapshots })
  const page = isCut ? found : found.slice(0, limit)
  const hits = page.map(({ hit }) => hit)
  const last = isCut || found.length > limit ? page.at(-1) : undefined
  if (last === undefined) {
    if (cursor !== undefined) await snapshots.giveBack(cursor.snapshot)
    return { hits, total }
  }
  const after = placeOf(last.sort) as SearchCursor['after']
  const snapshot = cursor?.snapshot ?? (await snapshots.take(signal)) ?? ''
  return { hits, total, cursor: encodeCursor(request, { after, snapshot }) }
}

/** With a point in time Elasticsearch adds a sort value of its own. */
function placeOf(sort: readonly unknown[]): readonly unknown[] {
  return sort.slice(0, 4)
}

interface Page {
  readonly context: EsContext
  readonly request: SearchRequest
  readonly compiled: CompiledQuery
  readonly cursor: SearchCursor | undefined
  readonly snapshots: Snapshots
}

/** One hit more than wanted tells whether there is a next page. */
async function pageOf(page: Page): Promise<Found & { readonly total: Total }> {
  const { limit } = page.request
  let total: Total | undefined
  const ask = async (size: number, after: readonly unknown[] | undefined): Promise<Turn> => {
    const answer = await turnOf(page, { size, after: after && placeOf(after), counted: total === undefined })
    total ??= answer.total ?? { value: 0, relation: 'eq' }
    return { answer, found: hitsOf(answer, 0) }
  }
  if (limit === 0) await ask(0, undefined)
  const wanted = limit === 0 ? 0 : limit + 1
  const found = await inTurns({ wanted, bytesMax: PAGE_BYTES_MAX, after: page.cursor?.after, ask })
  return { ...found, total: total! }
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
