import { DecklogError, type ErrorCode, isAbort } from '../core/errors.ts'

/** A problem of RFC 9457, as `docs/api.md` lists them. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly position?: number
}

const KINDS = {
  'query-invalid': { status: 400, title: 'The query cannot be read' },
  'parameter-invalid': { status: 400, title: 'A parameter is wrong' },
  'host-refused': { status: 403, title: 'This host name is not served' },
  'not-found': { status: 404, title: 'Not found' },
  'method-refused': { status: 405, title: 'Only GET and HEAD' },
  unavailable: { status: 503, title: 'Not available now' },
  timeout: { status: 504, title: 'The question took too long' },
  internal: { status: 500, title: 'A fault of decklog' },
} as const

export type ProblemKind = keyof typeof KINDS

export function problemOf(kind: ProblemKind, detail: string, position?: number): Problem {
  const known = { type: `urn:decklog:problem:${kind}`, ...KINDS[kind], detail }
  return position === undefined ? known : { ...known, position }
}

/** Thrown inside the API where no store or query said it. */
export class ProblemError extends Error {
  readonly problem: Problem

  constructor(kind: ProblemKind, detail: string) {
    super(detail)
    this.name = 'ProblemError'
    this.problem = problemOf(kind, detail)
  }
}

const BY_CODE: Readonly<Partial<Record<ErrorCode, ProblemKind>>> = {
  'query-invalid': 'query-invalid',
  usage: 'parameter-invalid',
  unreachable: 'unavailable',
  'data-dir-held': 'unavailable',
  'disk-full': 'unavailable',
  'disk-failed': 'unavailable',
  closed: 'unavailable',
}

/** What an error means to the one who asked. The text of an unexpected one stays inside: it goes to the log. */
export function problemFrom(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  if (isTimeout(error)) {
    return problemOf('timeout', 'the answer took too long: narrow the time range, or the query')
  }
  if (error instanceof DecklogError) {
    const kind = BY_CODE[error.code]
    if (kind !== undefined) return problemOf(kind, error.message, error.position)
  }
  if (isAbort(error)) return problemOf('unavailable', 'the question was given up before it was answered')
  return problemOf('internal', 'decklog could not answer because of a fault of its own; its log says more')
}

export function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}
