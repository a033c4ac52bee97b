import type { TopAnswer, TopRequest } from '../../ports/store.ts'
import { blocksWithin, prune, rangeOf, readSql } from './blocks.ts'
import { prunerOf } from './prune.ts'
import type { Reading } from './search.ts'
import type { Segment } from './segments.ts'
import { querySql } from './sql-query.ts'

/** A field's most frequent values. An event with a list counts once for each of its values. */
export async function top({ catalog, database }: Reading, request: TopRequest): Promise<TopAnswer> {
  const { query, field, limit, scope, signal } = request
  const { segments, release } = catalog.pinned(scope)
  try {
    const refs = prune(blocksWithin(segments, request), (segment) => prunerOf(query, segment.view))
    const read = { ...rangeOf(request), scope, where: (segment: Segment) => querySql(query, segment.view) }
    const areSingle = refs.every(({ segment }) => valuesOf(segment, field).single)
    if (areSingle) {
      const sql = readSql(refs, {
        ...read,
        select: (segment) => `${valuesOf(segment, field).sql} AS v, count(*) AS c`,
        groupBy: 'v',
      })
      if (sql === undefined) return { values: [], total: 0, withField: 0 }
      const counted = `WITH t AS (SELECT v, sum(c)::BIGINT AS c FROM (${sql}) GROUP BY v)`
      const rows = await database.rows(
        `${counted} SELECT v, c, (SELECT sum(c) FROM t)::BIGINT, (SELECT sum(c) FROM t WHERE v IS NOT NULL)::BIGINT
         FROM t ORDER BY v IS NULL, c DESC, v LIMIT ${limit + 1}`,
        signal,
      )
      const values = rows.filter(([value]) => value !== null).slice(0, limit)
      return {
        values: values.map(([value, count]) => ({ value: value as string, count: Number(count) })),
        total: Number(rows[0]?.[2] ?? 0),
        withField: Number(rows[0]?.[3] ?? 0),
      }
    }
    const list = (segment: Segment): string => {
      const { sql, single } = valuesOf(segment, field)
      return single ? `CASE WHEN ${sql} IS NULL THEN []::VARCHAR[] ELSE [${sql}] END` : `coalesce(${sql}, [])`
    }
    const lists = readSql(refs, { ...read, select: (segment) => `${list(segment)} AS l` })
    if (lists === undefined) return { values: [], total: 0, withField: 0 }
    const values = await database.rows(
      `SELECT v, count(*) AS c FROM (SELECT unnest(l) AS v FROM (${lists})) GROUP BY v ORDER BY c DESC, v LIMIT ${limit}`,
      signal,
    )
    const counts = readSql(refs, {
      ...read,
      select: (segment) => `count(*) AS t, count(*) FILTER (len(${list(segment)}) > 0) AS w`,
    })!
    const [sums] = await database.rows(`SELECT sum(t)::BIGINT, sum(w)::BIGINT FROM (${counts})`, signal)
    return {
      values: values.map(([value, count]) => ({ value: value as string, count: Number(count) })),
      total: Number(sums![0] ?? 0),
      withField: Number(sums![1] ?? 0),
    }
  } finally {
    release()
  }
}

function valuesOf(segment: Segment, field: string): { readonly sql: string; readonly single: boolean } {
  if (field === 'decklog.stream') return { sql: '_stream', single: true }
  if (field === 'decklog.seq') return { sql: 'CAST(_seq AS VARCHAR)', single: true }
  return segment.view.values(field)
}
