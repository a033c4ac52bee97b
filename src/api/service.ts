import type { Telemetry } from '../core/telemetry.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'

/** What the API answers with. */
export interface Service {
  readonly store: Store
  readonly telemetry: Telemetry
  readonly clock: Clock
  /** The report of `/api/status`: what this decklog is doing. */
  readonly status: () => unknown
  /** Undefined when ready, else why not: one sentence. */
  readonly ready: () => string | undefined
  /** Puts dead letters back on their way; resolves when they are safe. Undefined: not in this process. */
  readonly replayDeadLetters?: ((ids: readonly string[]) => Promise<ReplayReport>) | undefined
  /** Host names that may be asked for, lower case without port; undefined: any. */
  readonly hosts: ReadonlySet<string> | undefined
  /** Where the page lies; undefined: no page. */
  readonly webDirectory: string | undefined
  /** An error that nobody expected: for the log. */
  readonly onFault: (error: unknown, route: string) => void
  /** Fires when the server closes: ends every stream. */
  readonly closing: AbortSignal
  readonly limits: ServiceLimits
}

/** The connection of one request. */
export interface Connection {
  /**
   * Breaks it off, so that the client sees that its answer is not whole. A stream that fails would do that too, but the server
   * would write the error to the terminal. Undefined where there is no connection.
   */
  readonly cut: (() => void) | undefined
}

export interface ServiceLimits {
  /** How long one question to the store may take. */
  readonly queryMsMax: number
  readonly tailPollMs: number
  readonly tailHeartbeatMs: number
  /** Bytes of live tail that wait for one slow reader. */
  readonly tailBufferBytesMax: number
  readonly tailsMax: number
  /** Documents of one answer end here; the cursor goes on. */
  readonly answerBytesMax: number
  /** Documents that an export holds at a time, about. */
  readonly exportPageBytes: number
}

export const SERVICE_LIMITS: ServiceLimits = {
  queryMsMax: 30_000,
  tailPollMs: 250,
  tailHeartbeatMs: 15_000,
  tailBufferBytesMax: 1024 * 1024,
  tailsMax: 64,
  answerBytesMax: 32 * 1024 * 1024,
  exportPageBytes: 4 * 1024 * 1024,
}

export interface ReplayReport {
  readonly replayed: readonly string[]
  /** Letters that stay, and why. */
  readonly kept: readonly { readonly id: string; readonly reason: string }[]
}
