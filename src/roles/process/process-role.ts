import { availableParallelism } from 'node:os'
import type { Pipeline } from '../../config/pipelines.ts'
import { DecklogError, isAbort } from '../../core/errors.ts'
import { passStep } from '../../core/faults.ts'
import { CARRY_ROLE_BYTES_MAX } from '../../core/limits.ts'
import { release } from '../../core/release.ts'
import type { Telemetry } from '../../core/telemetry.ts'
import type { Bus, Delivery, Message, Subscription } from '../../ports/bus.ts'
import type { Clock } from '../../ports/clock.ts'
import { Complaints } from '../complaints.ts'
import type { Log } from '../log.ts'
import { REPLAY_HEADER } from '../index/dead-letters.ts'
import { deadLetterOf } from './dead-letter.ts'
import type { WorkerResult } from './messages.ts'
import type { StageData } from './parts.ts'
import { SilentStreams } from './silent-streams.ts'
import { type Job, newJob, StreamWindow } from './stream-window.ts'
import { UnreadFormats } from './unread-formats.ts'
import { WorkerPool } from './worker-pool.ts'

export interface ProcessRoleOptions {
  readonly bus: Bus
  /** One a class. */
  readonly pipelines: readonly Pipeline[]
  /** `pipelines/`: the rules lie below it. */
  readonly directory: string
  /** Redaction and enrichment, by class. @default none */
  readonly stages?: Readonly<Record<string, StageData>>
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly log: Log
  /** Worker threads. @default one less than there are cores, at least 1 */
  readonly workers?: number
  /** Pack documents: for a bus that goes over a network. @default false */
  readonly compress?: boolean
  /** Nobody keeps published events once they are safe: their memory is given back at once. @default false */
  readonly releaseEvents?: boolean
  /** Module that exports `makeParts`, as a URL: where formats and rules come from. @default parts.ts beside this */
  readonly partsModule?: string
  /** A job that takes longer than this has hung its worker. @default 60,000 */
  readonly jobTimeoutMs?: number
}

export interface ProcessRole {
  /** Nothing is taken any more; what was not acknowledged is delivered again to the next one. */
  close(): Promise<void>
  /** What is wrong just now, and what to do, a sentence each: records that none of their formats reads. */
  problems(): readonly string[]
}

/** A batch that fails so often is given up. */
const FAILURES_MAX = 3
const CHECK_INTERVAL_MS = 1_000
/** The shippers of streams that wait for room mark them as in a pause long before. */
const STALLED_MS = 10_000
const PUBLISH_RETRY_MS_MIN = 100
const PUBLISH_RETRY_MS_MAX = 5_000
const MIB = 1024 * 1024

/**
 * process: raw batches → event batches. Deliveries of all classes go to worker threads by the weight of their class; events are
 * published in the order of each stream, many at once; a raw batch is acknowledged when all its records are in events, or
 * covered, that are safe.
 * @throws {DecklogError} `config-invalid` when a pipeline names a format or a rule that cannot be used
 */
export async function startProcessRole(options: ProcessRoleOptions): Promise<ProcessRole> {
  const role = new Process(options)
  await role.start()
  return role
}

/** What one class holds. */
interface ClassAccount {
  readonly deliveredBytesMax: number
  readonly eventBytesMax: number
  /** Events given to the bus that are not yet safe. */
  eventBytes: number
}

class Process implements ProcessRole {
  readonly #options: ProcessRoleOptions
  readonly #stop = new AbortController()
  readonly #accounts = new Map<string, ClassAccount>()
  readonly #windows = new Map<string, StreamWindow>()
  readonly #silent = new SilentStreams()
  readonly #pool: WorkerPool
  readonly #subscriptions: Subscription[] = []
  readonly #unread = new UnreadFormats()
  readonly #complaints: Complaints

  constructor(options: ProcessRoleOptions) {
    this.#options = options
    this.#complaints = new Complaints(options.log, options.clock)
    const workers = options.workers ?? Math.max(1, availableParallelism() - 1)
    for (const { class: name, budget } of options.pipelines) {
      // Half for what comes, packed; half for what goes, which is larger.
      const half = (budget.processMiB * MIB) / 2
      this.#accounts.set(name, { deliveredBytesMax: half, eventBytesMax: half, eventBytes: 0 })
    }
    this.#pool = new WorkerPool({
      workers,
      setup: {
        pipelines: options.pipelines,
        directory: options.directory,
        stages: options.stages ?? {},
        partsModule: options.partsModule ?? new URL(PARTS, import.meta.url).href,
        compress: options.compress ?? false,
        carryBytesMax: CARRY_ROLE_BYTES_MAX / workers,
      },
      weights: new Map(options.pipelines.map(({ class: name, weight }) => [name, weight])),
      clock: options.clock,
      log: options.log,
      signal: this.#stop.signal,
      mayGoOn: (name) => this.#mayGoOn(name),
      onResult: (window, job, result) => this.#onResult(window, job, result),
      onFailure: (window, job, reason) => this.#onFailure(window, job, reason),
      onLost: (slot) => this.#onLost(slot),
    })
  }

  async start(): Promise<void> {
    try {
      await this.#pool.start()
      for (const { class: name } of this.#options.pipelines) await this.#subscribe(name)
    } catch (error) {
      await this.close()
      throw error
    }
    void this.#watch()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    for (const subscription of this.#subscriptions) await subscription.close()
    await this.#pool.close()
    this.#windows.clear()
  }

  problems(): readonly string[] {
    return [...this.#unread.problems(this.#options.clock.now()).values()]
  }

  async #subscribe(name: string): Promise<void> {
    const subscription = await this.#options.bus.subscribe({
      group: 'process',
      topics: [`decklog.raw.${name}`],
      bytesMax: this.#accounts.get(name)!.deliveredBytesMax,
      handle: (delivery) => this.#onDelivery(name, delivery),
      onLost: (assignment) => this.#onAssignmentLost(assignment),
    })
    this.#subscriptions.push(subscription)
  }

  #mayGoOn(name: string): boolean {
    const { eventBytes, eventBytesMax } = this.#accounts.get(name)!
    return eventBytes < eventBytesMax
  }

  #onDelivery(name: string, delivery: Delivery): void {
    if (this.#stop.signal.aborted) return
    // A dead letter that is tried again stands alone: its neighbours have long left.
    const isReplay = delivery.headers[REPLAY_HEADER] !== undefined
    const window = this.#windowFor(
      name,
      delivery,
      isReplay ? `${delivery.key} ${delivery.position}` : delivery.key,
    )
    if (!isReplay) {
      const { position, receivedMs } = delivery
      for (const silent of this.#silent.heard(window, position, receivedMs)) this.#closeStream(silent)
    }
    window.activeMs = this.#options.clock.now()
    window.jobs.push(newJob('batch', delivery.value, delivery.receivedMs, delivery))
    if (isReplay) window.jobs.push(newJob('close', delivery.value, delivery.receivedMs))
    this.#pool.offer(window, isReplay ? 2 : 1)
  }

  /** With another assignment everything that was not acknowledged comes again, and the stream is read from there. */
  #windowFor(name: string, delivery: Delivery, id: string): StreamWindow {
    const { key: stream, assignment } = delivery
    const known = this.#windows.get(id)
    if (known !== undefined && known.assignment === assignment) return known
    known?.discard()
    const slot = this.#pool.slotOf(id)
    const window = new StreamWindow({
      id,
      stream,
      class: name,
      slot,
      assignment,
      needsReset: known !== undefined,
    })
    this.#windows.set(id, window)
    return window
  }

  /**
   * Somebody else reads these streams now. What they have begun here must not be ended here, nor take room: another process joins it
   * with what follows.
   */
  #onAssignmentLost(assignment: number): void {
    if (this.#stop.signal.aborted) return
    for (const window of this.#windows.values()) {
      if (window.assignment !== assignment) continue
      window.discard()
      this.#windows.delete(window.id)
      this.#silent.forget(window)
      this.#pool.forget(window)
    }
  }

  #onResult(window: StreamWindow, job: Job, result: WorkerResult): void {
    job.isRead = true
    job.isClean = result.isClean
    if (!job.isPublished) {
      job.isPublished = true
      this.#count(window.class, result)
      if (result.events !== undefined) this.#publishEvents(window, job, result.events)
    }
    this.#settle(window)
  }

  #publishEvents(window: StreamWindow, job: Job, value: Uint8Array): void {
    const account = this.#accounts.get(window.class)!
    account.eventBytes += value.byteLength
    const published = this.#publish(
      `decklog.events.${window.class}`,
      { key: window.stream, value },
      window,
      job,
    )
    const { byteLength } = value
    void published.then((isSafe) => {
      account.eventBytes -= byteLength
      if (isSafe && this.#options.releaseEvents === true) release(value)
      this.#pool.pumpAll()
    })
  }

  /** Never rejects: what the bus cannot take now is tried again, until this role ends. Returns whether it is safe. */
  async #publish(topic: string, message: Message, window: StreamWindow, job: Job): Promise<boolean> {
    job.unsafe++
    let pauseMs = PUBLISH_RETRY_MS_MIN
    for (;;) {
      try {
        await this.#options.bus.publish(topic, [message], { signal: this.#stop.signal })
        break
      } catch (error) {
        if (this.#isOver(error)) return false
        this.#options.log.warn({ topic, reason: (error as Error).message }, 'could not publish; trying again')
      }
      try {
        await this.#options.clock.sleep(pauseMs, this.#stop.signal)
      } catch {
        return false
      }
      pauseMs = Math.min(PUBLISH_RETRY_MS_MAX, pauseMs * 2)
    }
    passStep('events-published')
    job.unsafe--
    if (!window.isDiscarded) this.#settle(window)
    return true
  }

  #isOver(error: unknown): boolean {
    if (this.#stop.signal.aborted || isAbort(error)) return true
    return error instanceof DecklogError && error.code === 'closed'
  }

  #settle(window: StreamWindow): void {
    for (const job of window.takeSettled()) job.delivery?.ack()
    window.activeMs = this.#options.clock.now()
    if (window.jobs.length > 0) return
    this.#silent.forget(window)
    if (this.#windows.get(window.id) === window) this.#windows.delete(window.id)
  }

  #onFailure(window: StreamWindow, job: Job, reason: string): void {
    job.failures++
    this.#options.log.warn(
      { class: window.class, stream: window.stream, attempt: job.failures, reason },
      'a batch made its worker fail',
    )
    if (job.failures >= FAILURES_MAX) this.#giveUp(window, job, reason)
    this.#rewind(window)
  }

  /**
   * The batch goes to the dead-letter queue and its records are covered, in its place. Should that fail too, what was open
   * before it is the cause: then all of the window is given up. What cannot even be covered is only in the queue.
   */
  #giveUp(window: StreamWindow, job: Job, reason: string): void {
    job.failures = 0
    if (job.kind === 'batch') {
      this.#toDeadLetter(window, job, reason)
      return
    }
    const before = window.jobs.slice(0, window.jobs.indexOf(job)).filter(({ kind }) => kind === 'batch')
    for (const earlier of before) this.#toDeadLetter(window, earlier, reason)
    if (before.length > 0) return
    this.#options.log.error(
      { class: window.class, stream: window.stream },
      'a dead letter could not be covered',
    )
    window.jobs.splice(window.jobs.indexOf(job), 1)
    job.delivery?.ack()
  }

  #toDeadLetter(window: StreamWindow, job: Job, reason: string): void {
    job.kind = 'dead-letter'
    job.isPublished = false
    this.#options.telemetry.add('decklog_process_dead_letters_total', 1, { reason: 'batch-failed' })
    const { class: name, stream } = window
    const letter = deadLetterOf({
      class: name,
      stream,
      value: job.value,
      reason,
      atMs: this.#options.clock.now(),
    })
    void this.#publish('decklog.dead-letter', letter, window, job)
  }

  #onLost(slot: number): void {
    for (const window of this.#windows.values()) if (window.slot === slot) this.#rewind(window)
  }

  #rewind(window: StreamWindow): void {
    const sent = window.rewind()
    if (window.jobs.length === 0) this.#settle(window)
    else this.#pool.offer(window, sent)
  }

  /** Ends what the stream has begun: the only way on when its own end does not come. */
  #closeStream(window: StreamWindow | undefined): void {
    const last = window?.jobs.at(-1)
    if (window === undefined || last === undefined || last.kind === 'close') return
    window.jobs.push(newJob('close', last.value, last.receivedMs))
    this.#pool.offer(window)
  }

  async #watch(): Promise<void> {
    const { clock } = this.#options
    for (;;) {
      try {
        await clock.sleep(CHECK_INTERVAL_MS, this.#stop.signal)
      } catch {
        return
      }
      this.#options.telemetry.set('decklog_process_carry_bytes', this.#pool.carryBytes)
      this.#pool.killStuck(clock.now() - (this.#options.jobTimeoutMs ?? 60_000))
      for (const name of this.#accounts.keys()) this.#unblock(name)
      this.#complain()
    }
  }

  #complain(): void {
    const problems = this.#unread.problems(this.#options.clock.now())
    for (const { what } of this.#complaints.current()) if (!problems.has(what)) this.#complaints.over(what)
    for (const [what, message] of problems) this.#complaints.raise(what, message, 'warn')
  }

  /**
   * A class whose room is taken by streams that wait for their own end gets no more deliveries, so that end never comes: the
   * stream that holds most is closed. Only then, for where a stream is closed here another run of this role may not close it.
   */
  #unblock(name: string): void {
    const now = this.#options.clock.now()
    const windows = [...this.#windows.values()].filter((window) => window.class === name)
    const bytes = windows.reduce((sum, window) => sum + window.bytes, 0)
    if (bytes < this.#accounts.get(name)!.deliveredBytesMax / 2) return
    if (!windows.every((window) => window.isWaiting && now - window.activeMs > STALLED_MS)) return
    this.#closeStream(windows.reduce((a, b) => (b.bytes > a.bytes ? b : a)))
  }

  #count(name: string, result: WorkerResult): void {
    const { telemetry } = this.#options
    telemetry.add('decklog_process_records_total', result.records, { class: name })
    telemetry.add('decklog_process_events_total', result.eventCount, { class: name })
    for (const [parser, count] of result.parseFailed) {
      telemetry.add('decklog_process_parse_failed_total', count, { parser })
    }
    for (const count of result.parsers) {
      this.#unread.note({ class: name, source: result.source }, count, this.#options.clock.now())
      for (const [at, parser] of count.formats.entries()) {
        telemetry.add('decklog_process_parser_tried_total', count.triedBy[at], { parser })
        telemetry.add('decklog_process_parser_taken_total', count.takenBy[at], { parser })
      }
    }
    for (const [rule, count] of result.signals)
      telemetry.add('decklog_process_signals_total', count, { rule })
  }
}

const PARTS = import.meta.url.endsWith('.ts') ? './parts.ts' : './parts.js'
