import type { Query } from '../core/query.ts'
import type { Asking, Hit, SearchAnswer, Store, TimeRange, Total } from '../ports/store.ts'
import { inTime } from './question.ts'

/**
 * A hit as JSON: the document's text as it was written, so that numbers keep every digit, and the id behind it. The last of
 * equal keys counts in JSON, so no log can name another id.
 */
export function hitJson(hit: Hit): string {
  const end = hit.json.lastIndexOf('}')
  const body = end < 0 ? '{' : hit.json.slice(0, end).trimEnd()
  return `${body}${body.endsWith('{') ? '' : ','}"id":${JSON.stringify(hit.id)}}`
}

export function hitsJson(hits: readonly Hit[]): string {
  return `[${hits.map(hitJson).join(',')}]`
}

export interface PageRequest extends TimeRange {
  readonly query: Query
  readonly order: 'newest' | 'oldest'
  readonly total?: 'exact' | 'bounded'
  readonly cursor?: string | undefined
}

/** First page when nobody knows yet how large the documents are. */
const FIRST_PAGE = 500
const PAGE_MAX = 5_000

/**
 * Reads up to `limit` hits in pages, so that large documents do not fill the memory: it ends early once `bytesMax` of them
 * are there, and the cursor goes on.
 */
export async function readHits(
  store: Store,
  request: PageRequest,
  options: { readonly limit: number; readonly bytesMax: number; readonly asking: Asking },
): Promise<{ readonly hits: readonly Hit[]; readonly total: Total; readonly cursor: string | undefined }> {
  const hits: Hit[] = []
  let total: Total | undefined
  let bytes = 0
  let cursor = request.cursor
  do {
    const limit = Math.min(
      options.limit - hits.length,
      pageSize(hits.length, { bytes, budget: options.bytesMax - bytes }),
    )
    const page = await readPage(store, { ...request, cursor }, { limit, asking: options.asking })
    total ??= page.total
    for (const hit of page.hits) {
      hits.push(hit)
      bytes += hit.json.length
    }
    cursor = page.cursor
  } while (cursor !== undefined && hits.length < options.limit && bytes < options.bytesMax)
  return { hits, total, cursor }
}

/** How many documents are about `budget` bytes, judged by the `count` documents of `bytes` that were seen. */
export function pageSize(count: number, seen: { readonly bytes: number; readonly budget: number }): number {
  if (count === 0) return FIRST_PAGE
  const average = Math.max(1, seen.bytes / count)
  return Math.max(1, Math.min(PAGE_MAX, Math.floor(seen.budget / average)))
}

export function readPage(
  store: Store,
  request: PageRequest,
  options: { readonly limit: number; readonly asking: Asking },
): Promise<SearchAnswer> {
  const { cursor, ...rest } = request
  const asked = {
    ...options.asking,
    ...rest,
    limit: options.limit,
    ...(cursor === undefined ? {} : { cursor }),
  }
  return inTime(store.search(asked), options.asking)
}
