/** What a sender is told. */
export interface Answer {
  readonly status: number
  /** Why not, in a sentence; undefined when all is well. */
  readonly error?: string
  /** Seconds. */
  readonly retryAfter?: number
  /** For our own counters: few values. */
  readonly reason?: string
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>
}

export const TAKEN: Answer = { status: 200 }

export function refusal(
  status: number,
  reason: string,
  error: string,
  more: Pick<Answer, 'retryAfter' | 'headers'> = {},
): Answer {
  return { status, reason, error, ...more }
}

export function isAnswer(value: object): value is Answer {
  return 'status' in value
}
