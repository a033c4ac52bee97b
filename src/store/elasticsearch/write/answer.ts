import type { Run } from './frame.ts'

/** What became of one item. */
export type Verdict =
  | 'stored'
  | 'duplicate'
  /** A passing cause: the same document again, later. */
  | 'again'
  /** The index cannot take this document: it is repaired, or given up. */
  | 'document'
  /** The data stream takes nothing until a person mends it. */
  | 'hold'

export interface Item {
  readonly verdict: Verdict
  /** Of a document that was stored. */
  readonly index: string
  /** For everything but `stored`. */
  readonly reason: string
}

/** What is asked of an answer: no more than what is read. */
export const ANSWER_FILTER =
  'errors,error.type,error.reason,items.*._index,items.*.status,items.*.failure_store,' +
  'items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason'

/** Were all of these stored where they were expected? Then the answer need not be parsed: it is exactly this text. */
export function isAllStored(text: string, runs: readonly Run[]): boolean {
  const parts: string[] = []
  let length = ALL_STORED_BEGIN.length + ALL_STORED_END.length - 1
  for (const { open, rows } of runs) {
    if (open.judgedAt === undefined) return false
    const item = `{"create":{"_index":"${open.judgedAt}","status":201}},`
    length += item.length * rows.length
    if (length > text.length) return false
    parts.push(item.repeat(rows.length))
  }
  return (
    length === text.length && text === `${ALL_STORED_BEGIN}${parts.join('').slice(0, -1)}${ALL_STORED_END}`
  )
}

const ALL_STORED_BEGIN = '{"errors":false,"items":['
const ALL_STORED_END = ']}'

interface RawItem {
  readonly _index?: string
  readonly status?: number
  readonly failure_store?: string
  readonly error?: RawError
}
interface RawError {
  readonly type?: string
  readonly reason?: string
  readonly caused_by?: { readonly reason?: string }
}

/** Items of an answer, or undefined when it is unreadable or does not have `count` of them: then nothing is known. */
export function readItems(text: string, count: number): Item[] | undefined {
  let answer: { readonly items?: readonly Readonly<Record<string, RawItem>>[] }
  try {
    answer = JSON.parse(text) as typeof answer
  } catch {
    return undefined
  }
  const { items } = answer
  if (!Array.isArray(items) || items.length !== count) return undefined
  const read: Item[] = []
  for (const wrapped of items as readonly Readonly<Record<string, RawItem>>[]) {
    const item = Object.values(wrapped)[0]
    if (item?.status === undefined) return undefined
    read.push(itemOf(item))
  }
  return read
}

function itemOf(item: RawItem): Item {
  const index = item._index ?? ''
  // Told `created`, but of the failure store, where no search of ours looks.
  if (item.failure_store === 'used' || index.startsWith('.fs-')) {
    return {
      verdict: 'document',
      index,
      reason: 'it went to the failure store; run decklog setup to switch that off',
    }
  }
  const status = item.status ?? 0
  if (status < 300) return { verdict: 'stored', index, reason: '' }
  const { type = 'unknown', reason = '', caused_by: cause } = item.error ?? {}
  const text = [reason, cause?.reason].filter(Boolean).join('; ')
  return { verdict: verdictOf(status, type, reason), index, reason: `${type}: ${text}` }
}

export function verdictOf(status: number, type: string, reason: string): Verdict {
  if (status === 409 && type === 'version_conflict_engine_exception') return 'duplicate'
  if (type === 'cluster_block_exception') return 'hold'
  if (status === 429 || status >= 500 || status === 409) return 'again'
  if (status === 401 || status === 403 || status === 404) return 'hold'
  if (type === 'index_closed_exception' || type === 'invalid_index_name_exception') return 'hold'
  if (type === 'validation_exception' && /shards/.test(reason)) return 'hold'
  if (/maximum (normal |frozen )?shards open|only write ops with an op_type of create/.test(reason))
    return 'hold'
  return 'document'
}
