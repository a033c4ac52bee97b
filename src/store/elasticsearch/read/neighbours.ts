import { parseEventId } from '../../../core/event-batch.ts'
import type { Asking, Hit } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { ask } from './ask.ts'
import { allOf, anyOf, type Clause, noneOf, scopeClauses, term } from './dsl.ts'
import { hitsOf } from './hits.ts'
import { type Direction, streamOrder, TIME_SORT } from './order.ts'
import { inTurns } from './turns.ts'

export async function get(
  context: EsContext,
  id: string,
  { scope, signal }: Asking,
): Promise<Hit | undefined> {
  const place = parseEventId(id)
  if (place === undefined) return undefined
  const query = allOf([
    ...scopeClauses(scope),
    term('decklog.stream', place.stream),
    { ids: { values: [id] } },
  ])
  const answer = await ask(context, {
    signal,
    body: { size: 1, query, sort: [TIME_SORT.newest], track_total_hits: false },
  })
  return hitsOf(answer, 0)[0]?.hit
}

/** By the stream's own order, seq and n, which is that of the source whatever the time stamps say. */
export async function neighbours(
  context: EsContext,
  id: string,
  { before, after }: { readonly before: number; readonly after: number },
  asking: Asking,
): Promise<readonly Hit[]> {
  const place = parseEventId(id)
  if (place === undefined) return []
  const { stream, seq, n } = place
  const side = (clause: Clause, direction: Direction, limit: number): Promise<Hit[]> =>
    ofStream(context, { stream, clause, direction, limit, asking })
  const [earlier, later] = await Promise.all([
    side(comesBefore(seq, n), 'newest', before),
    side(noneOf(comesBefore(seq, n)), 'oldest', after + 1),
  ])
  const hits = [...earlier.reverse(), ...later]
  return hits.some((hit) => hit.id === id) ? hits : []
}

/** `(seq, n)` comes before this one; a document without `n` has 0. */
function comesBefore(seq: number, n: number): Clause {
  const earlierRecord: Clause = { range: { 'decklog.seq': { lt: seq } } }
  if (n === 0) return earlierRecord
  const later: Clause = { range: { 'decklog.n': { gte: n } } }
  return anyOf([earlierRecord, allOf([term('decklog.seq', seq), noneOf(later)])])
}

async function ofStream(
  context: EsContext,
  of: {
    readonly stream: string
    readonly clause: Clause
    readonly direction: Direction
    readonly limit: number
    readonly asking: Asking
  },
): Promise<Hit[]> {
  const { stream, clause, direction, limit, asking } = of
  const query = allOf([...scopeClauses(asking.scope), term('decklog.stream', stream), clause])
  const { found } = await inTurns({
    wanted: limit,
    ask: async (size, after) => {
      const body = { size, query, sort: streamOrder(direction), track_total_hits: false }
      const answer = await ask(context, {
        signal: asking.signal,
        body: after === undefined ? body : { ...body, search_after: after },
      })
      return { answer, found: hitsOf(answer, 2) }
    },
  })
  return found.map(({ hit }) => hit)
}
