import type { Log } from '../log.ts'
import type { Clock } from '../../ports/clock.ts'
import { DecklogError, isAbort } from '../../core/errors.ts'
import { FairQueue } from './fair-queue.ts'
import type { WorkerReply, WorkerResult, WorkerSetup } from './messages.ts'
import type { Job, StreamWindow } from './stream-window.ts'
import { WorkerSlot } from './worker-slot.ts'

export interface WorkerPoolOptions {
  readonly workers: number
  readonly setup: WorkerSetup
  readonly weights: ReadonlyMap<string, number>
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  /** May jobs of this class be sent now? */
  readonly mayGoOn: (className: string) => boolean
  readonly onResult: (window: StreamWindow, job: Job, result: WorkerResult) => void
  /** A job made its worker fail. Its window has to be read again. */
  readonly onFailure: (window: StreamWindow, job: Job, reason: string) => void
  /** A worker was lost, and with it the state of all its streams. */
  readonly onLost: (slot: number) => void
}

/** Sent to a worker at once: one that it reads, one that waits, so that it never waits for us. */
const IN_FLIGHT_MAX = 2
const HEAP_MIB = 512
const RESPAWN_MS_MIN = 200
const RESPAWN_MS_MAX = 10_000

interface Sent {
  readonly id: number
  readonly window: StreamWindow
  readonly job: Job
  readonly sentMs: number
}

interface Seat {
  worker: WorkerSlot | undefined
  isReady: boolean
  /** In order of sending, which is the order of the replies. */
  inFlight: Sent[]
  readonly queue: FairQueue<StreamWindow>
  respawnMs: number
  carryBytes: number
}

/** Worker threads, each with a fair queue. Streams are pinned to workers, so their order is never broken. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #seats: Seat[]
  #nextId = 1

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.#seats = Array.from({ length: options.workers }, () => ({
      worker: undefined,
      isReady: false,
      inFlight: [],
      queue: new FairQueue<StreamWindow>(options.weights),
      respawnMs: RESPAWN_MS_MIN,
      carryBytes: 0,
    }))
  }

  /** @throws {DecklogError} `config-invalid` when the workers cannot use the pipelines */
  async start(): Promise<void> {
    await Promise.all(
      this.#seats.map((seat, slot) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        this.#spawn(seat, slot, (problem) => (problem === undefined ? resolve() : reject(problem)))
        return promise
      }),
    )
  }

  async close(): Promise<void> {
    await Promise.all(this.#seats.flatMap(({ worker }) => (worker === undefined ? [] : [worker.close()])))
  }

  slotOf(stream: string): number {
    let hash = 0x811c9dc5
    for (let i = 0; i < stream.length; i++) hash = Math.imul(hash ^ stream.charCodeAt(i), 0x01000193)
    return (hash >>> 0) % this.#seats.length
  }

  get carryBytes(): number {
    return this.#seats.reduce((sum, { carryBytes }) => sum + carryBytes, 0)
  }

  /** `count` more jobs of the window wait to be sent. */
  offer(window: StreamWindow, count = 1): void {
    const seat = this.#seats[window.slot]!
    for (let i = 0; i < count; i++) seat.queue.push(window.class, window)
    this.#pump(seat)
  }

  /** Nothing more of this window is sent, and its worker keeps nothing of it. */
  forget({ slot, id }: StreamWindow): void {
    this.#seats[slot]!.worker?.forget(id)
  }

  pumpAll(): void {
    for (const seat of this.#seats) this.#pump(seat)
  }

  /** Ends workers that have worked on one job for longer than this. */
  killStuck(olderThanMs: number): void {
    for (const seat of this.#seats) {
      const first = seat.inFlight[0]
      if (first !== undefined && first.sentMs < olderThanMs) seat.worker?.kill()
    }
  }

  #pump(seat: Seat): void {
    while (seat.isReady && seat.inFlight.length < IN_FLIGHT_MAX) {
      const window = seat.queue.next(this.#options.mayGoOn)
      if (window === undefined) return
      const job = window.takeUnsent()
      if (job !== undefined) this.#send(seat, window, job)
    }
  }

  #send(seat: Seat, window: StreamWindow, job: Job): void {
    const id = this.#nextId++
    job.sentId = id
    seat.inFlight.push({ id, window, job, sentMs: this.#options.clock.now() })
    seat.queue.charge(window.class, job.value.byteLength)
    const { id: stream, class: name, needsReset: reset } = window
    window.needsReset = false
    seat.worker!.post({
      id,
      stream,
      class: name,
      kind: job.kind,
      reset,
      receivedMs: job.receivedMs,
      value: job.value,
    })
  }

  #spawn(seat: Seat, slot: number, onStarted: (problem?: Error) => void): void {
    const worker = new WorkerSlot({
      setup: this.#options.setup,
      heapMiB: HEAP_MIB,
      onReply: (reply) => {
        if (reply.kind === 'ready') {
          seat.isReady = true
          onStarted()
          this.#pump(seat)
        } else if (reply.kind === 'unusable') onStarted(new DecklogError('config-invalid', reply.message))
        else this.#onReply(seat, reply)
      },
      onDeath: (reason) => {
        onStarted(new DecklogError('internal', `a worker thread ended before it was ready: ${reason}`))
        this.#onDeath(seat, slot, reason)
      },
    })
    seat.worker = worker
  }

  #onReply(seat: Seat, reply: Exclude<WorkerReply, { kind: 'ready' | 'unusable' }>): void {
    const sent = seat.inFlight.shift()
    if (sent === undefined || sent.id !== reply.id) throw new Error('a worker answered out of turn')
    seat.respawnMs = RESPAWN_MS_MIN
    const { window, job, id } = sent
    if (!window.isDiscarded && job.sentId === id) {
      if (reply.kind === 'done') {
        seat.carryBytes = reply.carryBytes
        this.#options.onResult(window, job, reply)
      } else this.#options.onFailure(window, job, reply.reason)
    }
    this.#pump(seat)
  }

  #onDeath(seat: Seat, slot: number, reason: string): void {
    const culprit = seat.inFlight[0]
    seat.inFlight = []
    seat.isReady = false
    seat.worker = undefined
    seat.carryBytes = 0
    if (this.#options.signal.aborted) return
    this.#options.log.warn({ slot, reason }, 'a worker thread ended; its streams are read again by a new one')
    if (culprit !== undefined && !culprit.window.isDiscarded && culprit.job.sentId === culprit.id) {
      this.#options.onFailure(culprit.window, culprit.job, `worker ended: ${reason}`)
    }
    this.#options.onLost(slot)
    void this.#respawn(seat, slot)
  }

  async #respawn(seat: Seat, slot: number): Promise<void> {
    const pauseMs = seat.respawnMs
    seat.respawnMs = Math.min(RESPAWN_MS_MAX, pauseMs * 2)
    try {
      await this.#options.clock.sleep(pauseMs, this.#options.signal)
    } catch (error) {
      if (isAbort(error)) return
      throw error
    }
    this.#spawn(seat, slot, (problem) => {
      if (problem !== undefined)
        this.#options.log.error({ slot, reason: problem.message }, 'a worker cannot start')
    })
  }
}
