/** Time as everything in decklog sees it: injected, so that tests run it. */
export interface Clock {
  /** Milliseconds since the epoch. May step back. */
  now(): number
  /** Nanoseconds from an arbitrary start; never steps back. */
  monotonicNs(): bigint
  /** Resolves after `ms`; rejects with an AbortError when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
