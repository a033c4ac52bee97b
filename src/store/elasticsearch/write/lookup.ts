import type { EsContext } from '../context.ts'
import { refusal } from '../context.ts'

/** Ids of one request at most: the answer is a few bytes for each. */
const IDS_MAX = 5_000

/**
 * Which of these ids an index has, seen at once and not only after a refresh. An index that is gone has none.
 * @throws {DecklogError} retryable
 */
export async function idsIn(
  { connection }: EsContext,
  index: string,
  request: { readonly ids: readonly string[]; readonly signal?: AbortSignal },
): Promise<boolean[]> {
  const found: boolean[] = []
  for (let from = 0; from < request.ids.length; from += IDS_MAX) {
    const ids = request.ids.slice(from, from + IDS_MAX)
    const { status, body } = await connection.request({
      method: 'POST',
      path: `/${encodeURIComponent(index)}/_mget`,
      query: { _source: false, filter_path: 'docs.found,docs.error.type,error' },
      body: { ids },
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    })
    if (status !== 200 && status !== 404) throw refusal(`looking up events in ${index}`, status, body)
    found.push(...foundOf(body, { count: ids.length, index, status }))
  }
  return found
}

interface Doc {
  readonly found?: boolean
  readonly error?: { readonly type?: string }
}

function foundOf(
  body: unknown,
  { count, index, status }: { count: number; index: string; status: number },
): boolean[] {
  const docs = (body as { docs?: readonly Doc[] } | undefined)?.docs
  if (docs === undefined && status === 404) return Array<boolean>(count).fill(false)
  if (docs?.length !== count) throw refusal(`looking up events in ${index}`, 500, body)
  return docs.map((doc) => {
    if (doc.error === undefined) return doc.found === true
    if (doc.error.type === 'index_not_found_exception') return false
    throw refusal(`looking up events in ${index}`, 503, {
      error: { ...doc.error, reason: 'a part of the index does not answer' },
    })
  })
}

/**
 * Removes second copies. The first one stays, for somebody may have been told of it. Where that is not allowed they stay too, and
 * it is said.
 * @throws {DecklogError} retryable
 */
export async function removeCopies(context: EsContext, index: string, ids: readonly string[]): Promise<void> {
  const { connection, telemetry, complain } = context
  const body = ids.map((id) => `{"delete":{"_id":${JSON.stringify(id)}}}\n`).join('')
  const answer = await connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(index)}/_bulk`,
    query: { filter_path: 'errors,items.*.status,items.*.error.type,items.*.error.reason,error' },
    body,
  })
  const { items = [] } = (answer.body ?? {}) as {
    items?: readonly Readonly<Record<string, { status: number; error?: unknown }>>[]
  }
  const what = `removing second copies from ${index}`
  const failed = items
    .map((item) => Object.values(item)[0]!)
    .find(({ status }) => status >= 300 && status !== 404)
  if (answer.status === 403 || failed?.status === 403) {
    telemetry.add('decklog_store_copies_left_total', ids.length)
    complain(
      what,
      `Elasticsearch does not let us remove ${ids.length} second copies of events from ${index}, written around a rollover: they stay; grant delete`,
    )
    return
  }
  if (answer.status !== 200 || items.length !== ids.length) throw refusal(what, answer.status, answer.body)
  if (failed !== undefined) throw refusal(what, 503, failed)
  telemetry.add('decklog_store_removed_total', ids.length)
}
