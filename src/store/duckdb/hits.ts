import type { DuckDBValue } from '@duckdb/node-api'
import { eventId } from '../../core/event-batch.ts'
import type { Hit } from '../../ports/store.ts'
import { readSql, type BlockRef, type ReadOptions } from './blocks.ts'
import type { Database } from './database.ts'

/** Where a found event is, without its document. */
export interface FoundEvent {
  readonly arrival: bigint
  readonly timeNs: bigint
  readonly stream: string
  readonly seq: bigint
  readonly n: bigint
}

export interface OrderedOptions {
  readonly database: Database
  readonly read: Omit<ReadOptions, 'select'>
  /** Sorted so that what may hold the first hits comes first. */
  readonly refs: readonly BlockRef[]
  /** May a block after `last` in the order hold a hit that comes before, or beside, it? */
  readonly mayPrecede: (block: BlockRef, last: FoundEvent) => boolean
  readonly compare: (a: FoundEvent, b: FoundEvent) => number
  /** The same order in SQL. */
  readonly orderBy: string
  readonly limit: number
  readonly keep?: (refs: readonly BlockRef[]) => BlockRef[]
  readonly signal?: AbortSignal | undefined
}

const FOUND = '_arrival, _time, _stream, _seq, _n'

/** The first events of an order: reads a few blocks, then more and more, and stops when no block left can have an earlier one. */
export async function firstEvents(options: OrderedOptions): Promise<FoundEvent[]> {
  const { database, refs, limit, compare, signal } = options
  let found: FoundEvent[] = []
  let size = 8
  for (let at = 0; at < refs.length; ) {
    const last = found.length >= limit ? found[limit - 1] : undefined
    if (last !== undefined && !options.mayPrecede(refs[at]!, last)) break
    const chunk = refs.slice(at, at + size)
    at += size
    size = Math.min(size * 4, 4096)
    const sql = readSql(options.keep?.(chunk) ?? chunk, { ...options.read, select: () => FOUND })
    if (sql === undefined) continue
    const rows = await database.rows(
      `SELECT ${FOUND} FROM (${sql}) ORDER BY ${options.orderBy} LIMIT ${limit}`,
      signal,
    )
    found = [...found, ...rows.map(foundOf)].sort(compare).slice(0, limit)
  }
  return found
}

function foundOf(row: DuckDBValue[]): FoundEvent {
  const [arrival, timeNs, stream, seq, n] = row
  return {
    arrival: arrival as bigint,
    timeNs: timeNs as bigint,
    stream: stream as string,
    seq: seq as bigint,
    n: n as bigint,
  }
}

/** Documents of found events, in their order. `refs`: blocks that hold them, and others. */
export async function fetchHits(
  database: Database,
  found: readonly FoundEvent[],
  { refs, signal }: { readonly refs: readonly BlockRef[]; readonly signal?: AbortSignal | undefined },
): Promise<Hit[]> {
  const documents = new Map<bigint, { dataStream: string; json: string }>()
  for (let at = 0; at < found.length; at += FETCH_MAX) {
    const wanted = found.slice(at, at + FETCH_MAX)
    const paths = segmentsOf(wanted, refs)
    const list = wanted.map(({ arrival }) => String(arrival)).join(', ')
    const sql = readSql(paths, {
      select: () => '_arrival, _ds, _doc',
      where: () => `_arrival IN (${list})`,
      scope: { clusters: '*', classes: '*' },
    })
    if (sql === undefined) continue
    for (const [arrival, dataStream, json] of await database.rows(sql, signal)) {
      documents.set(arrival as bigint, { dataStream: dataStream as string, json: json as string })
    }
  }
  return found.flatMap((event) => {
    const document = documents.get(event.arrival)
    return document === undefined ? [] : [hitOf(event, document)]
  })
}

const FETCH_MAX = 1000

/** Blocks in whose range of arrivals one of the events is. */
function segmentsOf(found: readonly FoundEvent[], refs: readonly BlockRef[]): BlockRef[] {
  const arrivals = found.map(({ arrival }) => Number(arrival)).sort((a, b) => a - b)
  return refs.filter(({ block }) => {
    let low = 0
    let high = arrivals.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (arrivals[middle]! < block.arrivalFirst) low = middle + 1
      else high = middle
    }
    return low < arrivals.length && arrivals[low]! <= block.arrivalLast
  })
}

function hitOf(event: FoundEvent, { dataStream, json }: { dataStream: string; json: string }): Hit {
  return {
    id: eventId(event.stream, Number(event.seq), Number(event.n)),
    dataStream,
    timeNs: event.timeNs,
    json,
  }
}

/** (time, stream, seq, n), rising. */
export function byTime(a: FoundEvent, b: FoundEvent): number {
  if (a.timeNs !== b.timeNs) return a.timeNs < b.timeNs ? -1 : 1
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1
  if (a.seq !== b.seq) return a.seq < b.seq ? -1 : 1
  return a.n < b.n ? -1 : a.n > b.n ? 1 : 0
}
