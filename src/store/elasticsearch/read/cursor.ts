import { createHash } from 'node:crypto'
import { DecklogError } from '../../../core/errors.ts'
import type { SearchRequest } from '../../../ports/store.ts'

/** Where a page of a search ended. */
export interface SearchCursor {
  /** Sort values of its last hit: time as text, stream, seq, n. */
  readonly after: readonly [time: string, stream: string, seq: number, n: number]
  /** Which point in time of this process the first page saw, if it still is there. */
  readonly snapshot: string
}

const VERSION = 1

/** A cursor belongs to one question: it begins with the question's hash. */
export function encodeCursor(request: SearchRequest, { after, snapshot }: SearchCursor): string {
  return Buffer.from(JSON.stringify([VERSION, hashOf(request), ...after, snapshot])).toString('base64url')
}

/** @throws {DecklogError} `query-invalid` */
export function decodeCursor(request: SearchRequest): SearchCursor | undefined {
  if (request.cursor === undefined) return undefined
  const parts = partsOf(request.cursor)
  const [version, hash, time, stream, seq, n, snapshot] = parts
  const isOurs =
    version === VERSION &&
    typeof time === 'string' &&
    typeof stream === 'string' &&
    Number.isSafeInteger(seq) &&
    Number.isSafeInteger(n) &&
    typeof snapshot === 'string'
  if (!isOurs) throw new DecklogError('query-invalid', 'the cursor is none of ours: begin again without it')
  if (hash !== hashOf(request)) {
    throw new DecklogError('query-invalid', 'the cursor belongs to another question: begin again without it')
  }
  return { after: [time, stream, seq as number, n as number], snapshot }
}

function partsOf(cursor: string): unknown[] {
  try {
    const parts = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown
    return Array.isArray(parts) ? parts : []
  } catch {
    return []
  }
}

/** `limit` and `total` may change from page to page. */
function hashOf({ query, fromNs, toNs, order = 'newest', scope, principal }: SearchRequest): string {
  const question = [query, String(fromNs), String(toNs), order, scope, principal.id]
  return createHash('sha256').update(JSON.stringify(question)).digest('base64url').slice(0, 16)
}
