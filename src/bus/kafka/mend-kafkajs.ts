import { createRequire } from 'node:module'

/** The part of kafkajs' request queue that is mended here. */
interface RequestQueue {
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  requestTimeoutIntervalId: NodeJS.Timeout | undefined
  readonly pending: readonly unknown[]
  readonly inflight: ReadonlyMap<number, unknown>
  checkPendingRequests(): void
  destroy(): void
  scheduleRequestTimeoutCheck(): void
  scheduleCheckPendingRequests(): void
}

const CHECK_PENDING_MS = 10

let isMended = false

/** Mends two faults of kafkajs 2.2.4, once a process. The version is pinned; `kafka-window.test.ts` tells when they are gone. */
export function mendRequestQueue(): void {
  if (isMended) return
  isMended = true
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
    prototype: RequestQueue
  }
  mendIdleTimers(queue)
  mendTimeouts(queue)
}

/**
 * kafkajs 2.2.4 sets a timer for `throttledUntil - now`, which is negative whenever nothing is throttled: Node 24 warns
 * (`TimeoutNegativeWarning`) and fires it after 1 ms, upon which it is set again: 860 times a second and 5 % of a core for each
 * connection, for ever. A timer is needed only while requests wait.
 */
function mendIdleTimers(queue: { prototype: RequestQueue }): void {
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

/**
 * A connection that is given up takes the timer for time-outs with it, also when it has been made anew meanwhile (the queue is shared):
 * then a request without an answer waits for ever, and with it everything that waits for the same metadata. The timer stays
 * while requests are in flight; it looks again by itself.
 */
function mendTimeouts(queue: { prototype: RequestQueue }): void {
  // oxlint-disable-next-line typescript/unbound-method -- both are called with their queue
  const { destroy, scheduleRequestTimeoutCheck } = queue.prototype
  queue.prototype.destroy = function (this: RequestQueue): void {
    if (this.inflight.size === 0) destroy.call(this)
  }
  queue.prototype.scheduleRequestTimeoutCheck = function (this: RequestQueue): void {
    clearInterval(this.requestTimeoutIntervalId)
    scheduleRequestTimeoutCheck.call(this)
  }
}
