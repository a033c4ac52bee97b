import type { EventDocument } from './event.ts'
import { parseExactly } from './json.ts'

/** The HTTP API (docs/api.md) as the page uses it. Times are absolute: relative ones are resolved once a search. */
export interface Question {
  readonly query: string
  readonly fromMs?: number
  readonly toMs?: number
}

export interface Total {
  readonly value: number
  readonly relation: 'eq' | 'gte'
}

export interface ClassCompleteness {
  readonly class: string
  readonly streams: number
  readonly expected: number
  readonly stored: number
  readonly joined: number
  readonly skipped: number
  readonly declaredLost: number
  readonly lossesWithoutSeq?: number
  readonly undeclaredGaps: number
  readonly newestIngestByNode: Readonly<Record<string, number>>
}

export interface Completeness {
  readonly classes: readonly ClassCompleteness[]
}

export interface Note {
  readonly position: number
  readonly message: string
}

export interface SearchResult {
  readonly hits: readonly EventDocument[]
  readonly total: Total
  readonly cursor?: string
  readonly completeness?: Completeness
  readonly notes?: readonly Note[]
  readonly took_ms?: number
}

export interface Bucket {
  readonly fromMs: number
  readonly toMs: number
  readonly count: number
}

export interface ValueCount {
  readonly value: string
  readonly count: number
}

export interface TopResult {
  readonly values: readonly ValueCount[]
  readonly total: number
  readonly withField: number
}

export interface FieldInfo {
  readonly name: string
  readonly type: string
  readonly description: string
  readonly seen: boolean
}

/** What the server said was wrong; `position` points into the query. */
export class ApiProblem extends Error {
  readonly status: number
  readonly position: number | undefined

  constructor(message: string, options: { readonly status: number; readonly position?: number | undefined }) {
    super(message)
    this.name = 'ApiProblem'
    this.status = options.status
    this.position = options.position
  }
}

type Params = Readonly<Record<string, string | number | undefined>>

export function search(
  question: Question,
  options: {
    limit: number
    cursor?: string | undefined
    exact?: boolean
    completeness?: boolean
    signal?: AbortSignal
  },
): Promise<SearchResult> {
  return get<SearchResult>(
    '/api/search',
    {
      ...asked(question),
      limit: options.limit,
      cursor: options.cursor,
      total: options.exact === true ? 'exact' : undefined,
      completeness: options.completeness === false ? 'false' : undefined,
    },
    options.signal,
  )
}

export function histogram(
  question: Question,
  buckets: number,
  signal?: AbortSignal,
): Promise<{ readonly buckets: readonly Bucket[] }> {
  return get('/api/histogram', { ...asked(question), buckets }, signal)
}

export function top(
  question: Question,
  options: { field: string; limit: number; signal?: AbortSignal },
): Promise<TopResult> {
  return get('/api/top', { ...asked(question), field: options.field, limit: options.limit }, options.signal)
}

export function context(
  id: string,
  options: { before: number; after: number; signal?: AbortSignal },
): Promise<{ readonly hits: readonly EventDocument[] }> {
  return get('/api/context', { id, before: options.before, after: options.after }, options.signal)
}

export function event(id: string, signal?: AbortSignal): Promise<{ readonly event: EventDocument }> {
  return get('/api/event', { id }, signal)
}

export async function fields(signal?: AbortSignal): Promise<readonly FieldInfo[]> {
  return (await get<{ readonly fields: readonly FieldInfo[] }>('/api/fields', {}, signal)).fields
}

export async function values(
  question: Question,
  options: { field: string; prefix: string; limit: number; signal?: AbortSignal },
): Promise<readonly ValueCount[]> {
  const params = {
    ...asked({ ...question, query: '' }),
    field: options.field,
    prefix: options.prefix,
    limit: options.limit,
  }
  return (await get<{ readonly values: readonly ValueCount[] }>('/api/values', params, options.signal)).values
}

export function status(signal?: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  return get('/api/status', {}, signal)
}

export function exportUrl(
  question: Question,
  format: 'ndjson' | 'csv',
  fieldNames?: readonly string[],
): string {
  return address('/api/export', { ...asked(question), format, fields: fieldNames?.join(',') })
}

export function tailUrl(query: string): string {
  return address('/api/tail', { query: query === '' ? undefined : query })
}

function asked(question: Question): Params {
  return {
    query: question.query === '' ? undefined : question.query,
    from: question.fromMs === undefined ? undefined : new Date(question.fromMs).toISOString(),
    to: question.toMs === undefined ? undefined : new Date(question.toMs).toISOString(),
  }
}

function address(path: string, params: Params): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) if (value !== undefined) search.set(name, String(value))
  return search.size === 0 ? path : `${path}?${search.toString()}`
}

async function get<T>(path: string, params: Params, signal?: AbortSignal): Promise<T> {
  let response: Response
  try {
    response = await fetch(address(path, params), {
      headers: { accept: 'application/json' },
      ...(signal === undefined ? {} : { signal }),
    })
  } catch (error) {
    if (signal?.aborted === true) throw error
    throw new ApiProblem('decklog does not answer. Is it running?', { status: 0 })
  }
  if (!response.ok) throw await problem(response)
  return parseExactly(await response.text()) as T
}

async function problem(response: Response): Promise<ApiProblem> {
  const { status: code } = response
  try {
    const body = (await response.json()) as { title?: unknown; detail?: unknown; position?: unknown }
    const position = typeof body.position === 'number' ? body.position : undefined
    const said =
      typeof body.detail === 'string'
        ? body.detail
        : typeof body.title === 'string'
          ? body.title
          : `HTTP ${code}`
    return new ApiProblem(said, { status: code, position })
  } catch {
    return new ApiProblem(`HTTP ${code}`, { status: code })
  }
}

export function isAborted(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
