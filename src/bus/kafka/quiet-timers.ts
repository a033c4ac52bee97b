import { createRequire } from 'node:module'

/** The part of kafkajs' request queue that is mended here. */
interface RequestQueue {
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  readonly pending: readonly unknown[]
  checkPendingRequests(): void
  scheduleCheckPendingRequests(): void
}

const CHECK_PENDING_MS = 10

/**
 * kafkajs 2.2.4 sets a timer for `throttledUntil - now`, which is negative whenever nothing is throttled: Node 24 warns
 * (`TimeoutNegativeWarning`) and fires it after 1 ms, upon which it is set again: 860 times a second and 5 % of a core for each
 * connection, for ever. A timer is needed only while requests wait.
 */
export function mendIdleTimers(): void {
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
    prototype: RequestQueue
  }
  queue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      Math.max(this.throttledUntil - Date.now(), CHECK_PENDING_MS),
    )
  }
}
