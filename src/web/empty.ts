import * as api from './api.ts'
import { type EventDocument, valueOf } from './event.ts'
import type { Asked } from './searching.ts'

export interface Emptiness {
  /** Of the newest event that matches at any time; undefined when there is none. */
  readonly lastMs: number | undefined
  /** Does the store have any event at all? */
  readonly anyEvent: boolean
}

/** Why a search found nothing: wrong range, wrong query, or an empty store. */
export async function whyEmpty(asked: Asked): Promise<Emptiness> {
  const newest = async (query: string): Promise<EventDocument | undefined> =>
    (await api.search({ query }, { limit: 1, completeness: false })).hits[0]
  const last = await newest(asked.query)
  if (last !== undefined) return { lastMs: Date.parse(valueOf(last, '@timestamp') ?? ''), anyEvent: true }
  return { lastMs: undefined, anyEvent: asked.query !== '' && (await newest('')) !== undefined }
}

/** The range that holds an event at `lastMs` too, with a minute of room. */
export function widened(asked: Asked, lastMs: number): { readonly from: string; readonly to: string } {
  const roomMs = 60_000
  return {
    from: new Date(Math.min(asked.range.fromMs, lastMs - roomMs)).toISOString(),
    to: new Date(Math.max(asked.range.toMs, lastMs + roomMs)).toISOString(),
  }
}
