import type { DuckDBValue } from '@duckdb/node-api'
import { DecklogError } from '../../core/errors.ts'
import { eventId } from '../../core/event-batch.ts'
import type { Hit } from '../../ports/store.ts'
import { readSql, type BlockRef, type ReadOptions } from './blocks.ts'
import type { Database } from './database.ts'
import { readDocuments } from './read-documents.ts'

/** Where a found event is, without its document. */
export interface FoundEvent {
  readonly arrival: bigint
  readonly timeNs: bigint
  readonly stream: string
  readonly seq: bigint
  readonly n: bigint
  readonly dataStream: string
  readonly path: string
  /** In the file of that path. */
  readonly row: number
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
  /** How many are read at first. @default 8 */
  readonly blocksAtOnce?: number
  readonly keep?: (refs: readonly BlockRef[]) => BlockRef[]
  readonly signal?: AbortSignal | undefined
}

const FOUND = '_arrival, _time, _stream, _seq, _n, _ds, filename, file_row_number'

/** The first events of an order: reads a few blocks, then more and more, and stops when no block left can have an earlier one. */
export async function firstEvents(options: OrderedOptions): Promise<FoundEvent[]> {
  const { database, refs, limit, compare, signal } = options
  let found: FoundEvent[] = []
  let size = options.blocksAtOnce ?? 8
  for (let at = 0; limit > 0 && at < refs.length; ) {
    const last = found.length >= limit ? found[limit - 1] : undefined
    if (last !== undefined && !options.mayPrecede(refs[at]!, last)) break
    const chunk = refs.slice(at, at + size)
    at += size
    size = Math.max(size, Math.min(size * 4, 4096))
    const sql = readSql(options.keep?.(chunk) ?? chunk, {
      ...options.read,
      withPlaces: true,
      select: () => FOUND,
    })
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
  const [arrival, timeNs, stream, seq, n, dataStream, path, rowNumber] = row
  return {
    arrival: arrival as bigint,
    timeNs: timeNs as bigint,
    stream: stream as string,
    seq: seq as bigint,
    n: n as bigint,
    dataStream: dataStream as string,
    path: path as string,
    row: Number(rowNumber),
  }
}

/** Documents of found events, in their order. `refs`: blocks that hold them, and others. */
export async function fetchHits(
  database: Database,
  found: readonly FoundEvent[],
  { refs, signal }: { readonly refs: readonly BlockRef[]; readonly signal?: AbortSignal | undefined },
): Promise<Hit[]> {
  const segments = new Map(refs.map(({ segment }) => [segment.path, segment]))
  const documents = new Map<FoundEvent, string>()
  for (const [path, events] of Map.groupBy(found, (event) => event.path)) {
    if (signal?.aborted) throw new DecklogError('aborted', 'the question was given up')
    const texts = await readDocuments(segments.get(path)!, {
      database,
      rows: events.map(({ row }) => row),
      signal,
    })
    for (const event of events) documents.set(event, texts.get(event.row)!)
  }
  return found.map((event) => ({
    id: eventId(event.stream, Number(event.seq), Number(event.n)),
    dataStream: event.dataStream,
    timeNs: event.timeNs,
    json: documents.get(event)!,
  }))
}

/** (time, stream, seq, n), rising. */
export function byTime(a: FoundEvent, b: FoundEvent): number {
  if (a.timeNs !== b.timeNs) return a.timeNs < b.timeNs ? -1 : 1
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1
  if (a.seq !== b.seq) return a.seq < b.seq ? -1 : 1
  return a.n < b.n ? -1 : a.n > b.n ? 1 : 0
}
