import { parseEventId } from '../../core/event-batch.ts'
import type { Query } from '../../core/query.ts'
import type { Asking, Hit } from '../../ports/store.ts'
import { blocksWithin, prune, type BlockRef } from './blocks.ts'
import type { Database } from './database.ts'
import { fetchHits, firstEvents, type FoundEvent } from './hits.ts'
import { prunerOf, streamPruner } from './prune.ts'
import type { Reading } from './search.ts'
import { querySql } from './sql-query.ts'
import { literal } from './sql-text.ts'

export async function getEvent(reading: Reading, id: string, asking: Asking): Promise<Hit | undefined> {
  const place = parseEventId(id)
  if (place === undefined) return undefined
  const hits = await ofStream(reading, { ...place, asking, parts: [{ sign: '=', limit: 1 }] })
  return hits[0]
}

/** By the stream's own order, seq and n, which is that of the source whatever the time stamps say. */
export async function neighbours(
  reading: Reading,
  id: string,
  { before, after, asking }: { readonly before: number; readonly after: number; readonly asking: Asking },
): Promise<Hit[]> {
  const place = parseEventId(id)
  if (place === undefined) return []
  const parts = [
    { sign: '<', limit: before },
    { sign: '>=', limit: after + 1 },
  ] as const
  const hits = await ofStream(reading, { ...place, asking, parts })
  return hits.some((hit) => hit.id === id) ? hits : []
}

interface StreamPart {
  readonly sign: '<' | '>=' | '='
  readonly limit: number
}

interface StreamQuestion {
  readonly stream: string
  readonly seq: number
  readonly n: number
  readonly asking: Asking
  /** Each gives the nearest events of its side. */
  readonly parts: readonly StreamPart[]
}

async function ofStream({ catalog, database }: Reading, question: StreamQuestion): Promise<Hit[]> {
  const { stream, asking, parts } = question
  const { segments, release } = catalog.pinned(asking.scope)
  try {
    const refs = prune(blocksWithin(segments, {}), () => streamPruner(stream))
    const found: FoundEvent[] = []
    for (const part of parts)
      if (part.limit > 0) found.push(...(await nearest({ database, refs, question, part })))
    return await fetchHits(database, found.sort(bySeq), { refs, signal: asking.signal })
  } finally {
    release()
  }
}

/** Record numbers that are looked at first: row groups without any of them are skipped. Then more, then all. */
const SPANS = [256, 65_536, Number.MAX_SAFE_INTEGER]

/** The nearest events of one side: those of a span are the nearest when there are enough of them. */
async function nearest(of: {
  readonly database: Database
  readonly refs: readonly BlockRef[]
  readonly question: StreamQuestion
  readonly part: StreamPart
}): Promise<FoundEvent[]> {
  const { database, refs, question, part } = of
  const { stream, seq, n, asking } = question
  const isBefore = part.sign === '<'
  for (const span of part.sign === '=' ? [0] : SPANS) {
    const [from, to] = isBefore
      ? [Math.max(0, seq - span), seq]
      : [seq, Math.min(seq + span, Number.MAX_SAFE_INTEGER)]
    const where = `_stream = ${literal(stream)} AND _seq BETWEEN ${from} AND ${to} AND (_seq, _n) ${part.sign} (${seq}, ${n})`
    const events = await firstEvents({
      database,
      refs,
      read: { scope: asking.scope, where: () => where },
      compare: isBefore ? (a, b) => bySeq(b, a) : bySeq,
      orderBy: isBefore ? '_seq DESC, _n DESC' : '_seq, _n',
      mayPrecede: () => true,
      blocksAtOnce: refs.length,
      limit: part.limit,
      signal: asking.signal,
    })
    if (events.length === part.limit || (isBefore && from === 0) || span === SPANS.at(-1) || span === 0)
      return events
  }
  return []
}

function bySeq(a: FoundEvent, b: FoundEvent): number {
  if (a.seq !== b.seq) return a.seq < b.seq ? -1 : 1
  return a.n < b.n ? -1 : a.n > b.n ? 1 : 0
}

/** Events from..to (excluded) in the order of arrival, at most `limit`. */
export async function byArrival(
  { catalog, database }: Reading,
  question: {
    readonly from: number
    readonly to: number
    readonly query: Query
    readonly limit: number
    readonly asking: Asking
  },
): Promise<{ readonly hits: Hit[]; readonly next: number }> {
  const { from, to, query, limit, asking } = question
  const { segments, release } = catalog.pinned(asking.scope)
  try {
    const isWanted = ({ block }: BlockRef): boolean => block.arrivalLast >= from && block.arrivalFirst < to
    const near = segments.filter(({ entry }) => entry.arrivalLast >= from && entry.arrivalFirst < to)
    const refs = blocksWithin(near, {})
      .filter(isWanted)
      .sort((a, b) => a.block.arrivalFirst - b.block.arrivalFirst)
    const found = await firstEvents({
      database,
      refs,
      keep: (chunk) => prune(chunk, (segment) => prunerOf(query, segment.view)),
      read: {
        scope: asking.scope,
        where: (segment) => `_arrival >= ${from} AND _arrival < ${to} AND ${querySql(query, segment.view)}`,
      },
      compare: (a, b) => Number(a.arrival - b.arrival),
      orderBy: '_arrival',
      mayPrecede: ({ block }, last) => block.arrivalFirst < last.arrival,
      limit,
      signal: asking.signal,
    })
    const hits = await fetchHits(database, found, { refs, signal: asking.signal })
    return { hits, next: found.length === limit ? Number(found.at(-1)!.arrival) + 1 : to }
  } finally {
    release()
  }
}
