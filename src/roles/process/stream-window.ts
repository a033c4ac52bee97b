import type { Delivery } from '../../ports/bus.ts'
import type { WorkerJob } from './messages.ts'

/** One batch of a stream on its way through a worker and the bus. */
export interface Job {
  kind: WorkerJob['kind']
  /** Undefined for `close`, which is no batch. */
  readonly delivery: Delivery | undefined
  readonly value: Uint8Array
  readonly receivedMs: number
  /** Id under which it was sent to a worker last; 0 while it waits. */
  sentId: number
  /** A worker has read it. */
  isRead: boolean
  /** Nothing of the stream is open behind it. */
  isClean: boolean
  /** Its events were given to the bus: not again when it is read again. */
  isPublished: boolean
  /** Publishes that are not yet safe. */
  unsafe: number
  failures: number
}

export function newJob(kind: Job['kind'], value: Uint8Array, receivedMs: number, delivery?: Delivery): Job {
  return {
    kind,
    delivery,
    value,
    receivedMs,
    sentId: 0,
    isRead: false,
    isClean: false,
    isPublished: false,
    unsafe: 0,
    failures: 0,
  }
}

/**
 * The batches of one stream that are not yet acknowledged, in order. They are acknowledged only up to a batch that left nothing
 * open, so the window always begins where a worker with an empty state may begin: whenever a worker is lost, it is read again
 * from there, and gives the same events.
 */
export class StreamWindow {
  /** What the worker knows it by: the stream, or one replayed batch of it. */
  readonly id: string
  readonly stream: string
  readonly class: string
  /** Which worker reads it. */
  readonly slot: number
  readonly assignment: number
  jobs: Job[] = []
  /** The worker has to forget the stream before the next job. */
  needsReset: boolean
  /** When something happened last, milliseconds of the clock. */
  activeMs = 0
  #unsent = 0
  #isDiscarded = false

  constructor(options: {
    id: string
    stream: string
    class: string
    slot: number
    assignment: number
    needsReset: boolean
  }) {
    this.id = options.id
    this.stream = options.stream
    this.class = options.class
    this.slot = options.slot
    this.assignment = options.assignment
    this.needsReset = options.needsReset
  }

  /** The next job for a worker. */
  takeUnsent(): Job | undefined {
    return this.jobs[this.#unsent] === undefined ? undefined : this.jobs[this.#unsent++]
  }

  /** All jobs are to be read again. Returns how many of them had been sent. */
  rewind(): number {
    const sent = this.#unsent
    this.#unsent = 0
    this.needsReset = true
    for (const job of this.jobs) {
      job.sentId = 0
      job.isRead = false
      job.isClean = false
    }
    return sent
  }

  /** Takes out what is settled: all up to the last clean job before which everything is read and safe. */
  takeSettled(): Job[] {
    let settled = 0
    for (const [i, job] of this.jobs.entries()) {
      if (!job.isRead || job.unsafe > 0) break
      if (job.isClean) settled = i + 1
    }
    this.#unsent -= settled
    return this.jobs.splice(0, settled)
  }

  /** Everything is read and safe, and yet something is open: only the stream itself can end it. */
  get isWaiting(): boolean {
    return this.jobs.length > 0 && this.jobs.every(({ isRead, unsafe }) => isRead && unsafe === 0)
  }

  get bytes(): number {
    let bytes = 0
    for (const { delivery, value } of this.jobs) if (delivery !== undefined) bytes += value.byteLength
    return bytes
  }

  /** Its assignment is over: what still comes back from workers and the bus is ignored. */
  discard(): void {
    this.#isDiscarded = true
    this.jobs = []
    this.#unsent = 0
  }

  get isDiscarded(): boolean {
    return this.#isDiscarded
  }
}
