/**
 * Every error that decklog throws on purpose. Bad data is a value and never one of these: an error means broken
 * surroundings (`retryable`) or wrong usage. The message says what happened and what to do; it holds no log content.
 */
export type ErrorCode =
  | 'config-invalid' // usage or configuration: exit status 2
  | 'usage' // exit status 2
  | 'query-invalid' // a query that cannot be read; `position` points at the character
  | 'data-dir-held' // another process has the data directory: exit status 3
  | 'unreachable' // a part that is needed cannot be reached: exit status 3
  | 'disk-full'
  | 'disk-failed' // EIO, EROFS and their like
  | 'spool-full' // no room for what cannot be asked for again: the sender must wait
  | 'state-corrupt' // a file of ours is torn or altered
  | 'too-large' // what the bus will never take: its neighbours go on
  | 'closed' // used after close
  | 'aborted'
  | 'internal'

export interface ErrorDetails {
  readonly retryable?: boolean
  readonly cause?: unknown
  /** 0-based character, for `query-invalid` and `config-invalid`. */
  readonly position?: number
}

export class DecklogError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly position: number | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'DecklogError'
    this.code = code
    this.retryable = details.retryable ?? false
    this.position = details.position
  }
}

/** The `code` of a system error (`ENOENT`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

/** Translates a failed disk operation. `what` says what was tried, e.g. `append to the journal /data/x`. */
export function diskError(error: unknown, what: string): DecklogError {
  const code = systemCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DecklogError(
      'disk-full',
      `cannot ${what}: the disk is full; free space and it goes on by itself`,
      { retryable: true, cause: error },
    )
  }
  return new DecklogError(
    'disk-failed',
    `cannot ${what}: ${code ?? 'unknown error'}; it is tried again until the cause is gone`,
    { retryable: true, cause: error },
  )
}

export function isAbort(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'AbortError' || (error instanceof DecklogError && error.code === 'aborted'))
  )
}
