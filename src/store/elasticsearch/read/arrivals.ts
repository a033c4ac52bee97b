import type { EsContext } from '../context.ts'
import { ask } from './ask.ts'
import { allOf, type Clause } from './dsl.ts'
import { type FoundHit, hitsOf } from './hits.ts'
import { TIME_SORT } from './order.ts'
import type { Shard } from './shards.ts'
import { inTurns } from './turns.ts'

/**
 * The order of arrival in one shard: `_seq_no`, which its primary counts up with every write. Writes run side by side, so a
 * later number may be visible before an earlier one. All ranges include both ends.
 */
export interface ShardReader {
  readonly context: EsContext
  readonly shard: Shard
  readonly signal: AbortSignal | undefined
}

export interface NumberRange {
  readonly first: number
  readonly last: number
}

/** An event with its number. */
export interface Arrival {
  readonly found: FoundHit
  readonly number: number
}

const ARRIVAL = [{ _seq_no: 'asc' }, TIME_SORT.oldest]

/** The last number from `next` on that is visible; undefined when there is none. */
export async function lastVisible(reader: ShardReader, next: number): Promise<number | undefined> {
  const body = {
    size: 1,
    query: within({ first: next, last: Number.MAX_SAFE_INTEGER }),
    sort: [{ _seq_no: 'desc' }],
  }
  const [last] = await numbersOf(reader, body)
  return last
}

/** Events of the ranges that `clause` lets through, in order, at most `limit`. */
export async function arrivals(
  { context, shard, signal }: ShardReader,
  of: {
    readonly ranges: readonly NumberRange[]
    readonly clause: Clause
    readonly views: Readonly<Record<string, unknown>>
    readonly limit: number
  },
): Promise<Arrival[]> {
  const query = allOf([withinAny(of.ranges), of.clause])
  const { found } = await inTurns({
    wanted: of.limit,
    ask: async (size, after) => {
      const answer = await ask(context, {
        signal,
        index: shard.index,
        shard: shard.shard,
        body: {
          size,
          query,
          runtime_mappings: of.views,
          sort: ARRIVAL,
          track_total_hits: false,
          ...(after === undefined ? {} : { search_after: after }),
        },
      })
      return { answer, found: hitsOf(answer, 1) }
    },
  })
  return found.map((each) => ({ found: each, number: each.sort[0] as number }))
}

/** How many documents of the range are visible, whatever they are. */
export async function countVisible(
  { context, shard, signal }: ShardReader,
  range: NumberRange,
): Promise<number> {
  const body = { size: 0, query: within(range), track_total_hits: true }
  const answer = await ask(context, { signal, index: shard.index, shard: shard.shard, body })
  return answer.total?.value ?? 0
}

/** Numbers of the ranges that are visible, in order, at most `limit`. */
export function visibleNumbers(
  reader: ShardReader,
  ranges: readonly NumberRange[],
  limit: number,
): Promise<number[]> {
  return numbersOf(reader, { size: limit, query: withinAny(ranges), sort: [{ _seq_no: 'asc' }] })
}

async function numbersOf({ context, shard, signal }: ShardReader, body: object): Promise<number[]> {
  const { text, hits } = await ask(context, {
    signal,
    index: shard.index,
    shard: shard.shard,
    body: { ...body, _source: false, track_total_hits: false },
  })
  return hits.map(({ from, to }) => (JSON.parse(text.slice(from, to)) as { sort: [number] }).sort[0])
}

function within({ first, last }: NumberRange): Clause {
  return { range: { _seq_no: { gte: first, lte: last } } }
}

function withinAny(ranges: readonly NumberRange[]): Clause {
  return ranges.length === 1
    ? within(ranges[0]!)
    : { bool: { should: ranges.map(within), minimum_should_match: 1 } }
}
