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

/**
 * Were all of these stored where they were expected? Then the answer is exactly one text, known beforehand, and need be neither
 * joined, decoded nor parsed: this is the usual case, and half a megabyte for each body.
 */
export function isAllStored(chunks: readonly Buffer[], runs: readonly Run[]): boolean {
  const compare = new Comparison(chunks)
  if (!compare.next(ALL_STORED_BEGIN)) return false
  for (const [at, { open, rows }] of runs.entries()) {
    if (open.judgedAt === undefined) return false
    const items = storedItems(open.judgedAt)
    const size = items.length / ITEMS_AHEAD
    let bytes = rows.length * size
    for (; bytes > items.length; bytes -= items.length) if (!compare.next(items)) return false
    // The last item of all is followed by no comma.
    const isLast = at === runs.length - 1
    if (!compare.next(items.subarray(0, isLast ? bytes - 1 : bytes))) return false
  }
  return compare.next(ALL_STORED_END) && compare.isAtEnd
}

const ALL_STORED_BEGIN = Buffer.from('{"errors":false,"items":[')
const ALL_STORED_END = Buffer.from(']}')
const ITEMS_AHEAD = 512
const STREAMS_AHEAD_MAX = 32
const ahead = new Map<string, Buffer>()

/** What so many items look like that were stored in this index, each with its comma. */
function storedItems(index: string): Buffer {
  let items = ahead.get(index)
  if (items === undefined) {
    items = Buffer.from(`{"create":{"_index":"${index}","status":201}},`.repeat(ITEMS_AHEAD))
    if (ahead.size === STREAMS_AHEAD_MAX) ahead.delete(ahead.keys().next().value!)
    ahead.set(index, items)
  }
  return items
}

/** Compares what comes in pieces with what is expected in other pieces. */
class Comparison {
  readonly #chunks: readonly Buffer[]
  #chunk = 0
  #at = 0

  constructor(chunks: readonly Buffer[]) {
    this.#chunks = chunks
  }

  next(expected: Buffer): boolean {
    for (let from = 0; from < expected.length; ) {
      const chunk = this.#chunks[this.#chunk]
      if (chunk === undefined) return false
      const length = Math.min(expected.length - from, chunk.length - this.#at)
      if (expected.compare(chunk, this.#at, this.#at + length, from, from + length) !== 0) return false
      from += length
      this.#at += length
      if (this.#at === chunk.length) {
        this.#chunk++
        this.#at = 0
      }
    }
    return true
  }

  get isAtEnd(): boolean {
    return this.#chunk === this.#chunks.length
  }
}

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
