import type { Telemetry } from '../core/telemetry.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Spool } from './spool.ts'

/** What every receiver is started with. `Config` is what `config/sources/<kind>.ts` makes of its entry in `sources:`. */
export interface ReceiverOptions<Config> {
  readonly config: Config
  /** Of this source alone. A sender is told "taken" only when `append` has resolved. */
  readonly spool: Spool
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly log: Log
  /** Ends the start, should it be under way for long (a port that is in use, a certificate that comes late). */
  readonly signal?: AbortSignal
}

/**
 * A source that is sent to, or that asks something which does not wait: it writes to its spool, from which the shipper reads.
 * Disposing of it takes nothing more, answers what is under way, and resolves when nothing of it will append any more.
 */
export interface Receiver extends AsyncDisposable {
  /** Where it listens: `host:port`, or the path of a socket. With port 0 the one that was given. */
  readonly address?: string
  /** Sentences for a person, about what does not work right now; none when all is well. They hold no content and no secret. */
  problems(): readonly string[]
}

/** @throws {DecklogError} `config-invalid`, `unreachable`: it cannot start; the process then ends with that message */
export type StartReceiver<Config> = (options: ReceiverOptions<Config>) => Promise<Receiver>
