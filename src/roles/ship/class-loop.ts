import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { RawBatch } from '../../core/batch.ts'
import { passStep } from '../../core/faults.ts'
import { BATCH_BYTES_MAX, OPEN_STREAM_BYTES_MAX } from '../../core/limits.ts'
import { release } from '../../core/release.ts'
import { batchOfCut, lostBatchOfCut, type Sender } from './batch-of-cut.ts'
import { type Decided, decideEmptyCut } from './decide-cut.ts'
import type { Follower } from './follower.ts'
import { tellUnreadable } from './followed-file.ts'
import type { Outbox } from './outbox.ts'
import { packAs } from './pack.ts'
import type { Cut } from './records.ts'
import { CutBytes } from './resend.ts'
import type { ShipContext } from './ship-context.ts'
import { takeTurn } from './turn.ts'

export interface ClassLoopOptions {
  readonly class: string
  /** Raw bytes cut and not acknowledged, at most. */
  readonly budgetBytes: number
  readonly context: ShipContext
  readonly outbox: Outbox
  readonly sender: Sender
  readonly encode: (batch: RawBatch) => Uint8Array
  /** The stream has ended, or is not asked for any more: it is settled by itself. */
  readonly onOver: (follower: Follower) => void
  readonly afterTurn: (follower: Follower) => void
}

/** Counts for a batch beside its raw bytes: what it takes to keep it. */
const BATCH_OVERHEAD_BYTES = 512
/** The last part of a budget is kept for streams that have next to nothing open: those with much cannot take it all. */
const LOUD_SHARE = 0.75

/**
 * Ships the streams of one class, a turn each in the order in which they became ready. Where a stream or the class has
 * too much open, reading stops: the log stays on disk. Classes share nothing but the thread, a millisecond at a time.
 */
export class ClassLoop {
  readonly #options: ClassLoopOptions
  readonly #topic: string
  readonly #labels: { readonly class: string }
  #ready: Follower[] = []
  /** Streams for which there was no room; they are looked at again when something is acknowledged. */
  #blocked: Follower[] = []
  #wake: (() => void) | undefined
  #openBytes = 0
  /** When something was acknowledged last, or taken where nothing was open. */
  #movedMs = 0
  #isWatched = false

  constructor(options: ClassLoopOptions) {
    this.#options = options
    this.#topic = `decklog.raw.${options.class}`
    this.#labels = { class: options.class }
  }

  get openBytes(): number {
    return this.#openBytes
  }

  enqueue(follower: Follower): void {
    if (follower.queued) return
    follower.queued = true
    this.#ready.push(follower)
    this.#wake?.()
  }

  async run(): Promise<void> {
    const { signal } = this.#options.context
    signal.addEventListener('abort', () => this.#wake?.(), { once: true })
    while (!signal.aborted) {
      const round = this.#ready
      this.#ready = []
      for (const follower of round) {
        if (signal.aborted) return
        if (follower.resend.length === 0 && !this.#hasRoom(follower)) {
          this.#block(follower)
          continue
        }
        follower.queued = false
        await this.#turn(follower)
        this.#options.afterTurn(follower)
      }
      if (this.#ready.length === 0) await this.#something()
    }
  }

  #block(follower: Follower): void {
    follower.queued = true
    this.#blocked.push(follower)
    this.#watchBlocked()
  }

  /**
   * A reader acknowledges what a stream has begun only with its end, and the end may be in what there is no room for. So where
   * nothing moves, the streams that wait for room are marked as in a pause: each reader then ends them at the same place, which
   * one that looked at its own clock would not.
   */
  #watchBlocked(): void {
    if (this.#isWatched) return
    this.#isWatched = true
    void this.#untilUnblocked().catch((error: unknown) => {
      if (!this.#options.context.signal.aborted) throw error
    })
  }

  async #untilUnblocked(): Promise<void> {
    const { clock, timings, signal } = this.#options.context
    while (this.#blocked.length > 0) {
      const waitMs = this.#movedMs + timings.blockedMs - clock.now()
      if (waitMs > 0) {
        await clock.sleep(waitMs, signal)
        continue
      }
      for (const follower of this.#blocked) this.#markBlocked(follower)
      this.#movedMs = clock.now()
    }
    this.#isWatched = false
  }

  #markBlocked(follower: Follower): void {
    const { context } = this.#options
    const { stream } = follower
    // What is not sent again yet comes before the mark.
    if (stream.idle || stream.open.length === 0 || follower.resend.length > 0) return
    const contextIndex = context.ledger.contextOf(follower.group)
    this.#take(follower, decideEmptyCut(follower, ['idle'], contextIndex, context.clock))
  }

  #something(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
      if (this.#ready.length > 0 || this.#options.context.signal.aborted) this.#wake()
    })
  }

  #hasRoom(follower: Follower): boolean {
    if (follower.openBytes + BATCH_BYTES_MAX > OPEN_STREAM_BYTES_MAX) return false
    const loud = follower.openBytes > BATCH_BYTES_MAX
    const roomBytes = this.#options.budgetBytes * (loud ? LOUD_SHARE : 1)
    return this.#openBytes === 0 || this.#openBytes + BATCH_BYTES_MAX <= roomBytes
  }

  async #turn(follower: Follower): Promise<void> {
    const { context } = this.#options
    try {
      if (follower.resend.length > 0 && !(await this.#resend(follower))) return
      if (follower.resendOnly) return this.#options.onOver(follower)
      if (!this.#hasRoom(follower)) return this.#block(follower)
      const contextIndex = context.ledger.contextOf(follower.group)
      const take = (_follower: Follower, decided: Decided): void => this.#take(follower, decided)
      const openBytes = this.#openBytes
      const result = takeTurn(follower, { context, contextIndex, take })
      if (result === 'more') this.enqueue(follower)
      else if (result === 'over') this.#options.onOver(follower)
      // A turn that cut nothing takes microseconds: the others may wait for a hundred of them, not for a batch.
      if (this.#openBytes !== openBytes || ++this.#emptyTurns % 100 === 0) await yieldToOthers()
    } catch (error) {
      if (!context.signal.aborted) tellUnreadable(follower, error, context)
    }
  }

  #emptyTurns = 0

  #take(follower: Follower, decided: Decided): void {
    const { context, sender, encode } = this.#options
    const { stream } = follower
    const { cut, payload, at } = decided
    const batch = batchOfCut(stream, cut, context.ledger.state.contexts[cut.context]!, sender, payload)
    const value = encode(batch)
    if (cut.codec !== 'none') release(payload)
    this.#opened(follower, cut)
    this.#count(cut)
    context.ledger.cut(stream, cut, at, () => {
      passStep('cut-journaled')
      this.#publish(follower, cut, value)
    })
  }

  #count(cut: Cut): void {
    const { telemetry } = this.#options.context
    telemetry.add('decklog_ship_records_total', cut.count, this.#labels)
    telemetry.add('decklog_ship_bytes_total', cut.rawBytes, this.#labels)
    for (const { reason } of cut.losses) telemetry.add('decklog_ship_losses_total', 1, { reason })
  }

  #publish(follower: Follower, cut: Cut, value: Uint8Array): void {
    const { ordinal } = cut
    const key = follower.stream.id
    this.#options.outbox.send({
      topic: this.#topic,
      key,
      ordinal,
      value,
      onSafe: () => this.#settled(follower, cut),
    })
  }

  #opened(follower: Follower, cut: Cut): void {
    const bytes = cut.rawBytes + BATCH_OVERHEAD_BYTES
    if (this.#openBytes === 0) this.#movedMs = this.#options.context.clock.now()
    follower.openBytes += bytes
    this.#openBytes += bytes
    this.#showOpen()
  }

  #settled(follower: Follower, cut: Cut): void {
    const { context } = this.#options
    const { stream, settled } = follower
    this.#movedMs = context.clock.now()
    const bytes = cut.rawBytes + BATCH_OVERHEAD_BYTES
    follower.openBytes -= bytes
    this.#openBytes -= bytes
    context.telemetry.add('decklog_ship_batches_total', 1, this.#labels)
    this.#showOpen()
    settled.add(cut.ordinal)
    let low = 0
    while (low < stream.open.length && settled.delete(stream.open[low]!.ordinal)) low++
    if (low > 0) {
      stream.open.splice(0, low)
      context.ledger.settled(stream)
    }
    this.#unblock()
  }

  #unblock(): void {
    if (this.#blocked.length === 0) return
    this.#ready.push(...this.#blocked.splice(0))
    this.#wake?.()
  }

  #showOpen(): void {
    this.#options.context.telemetry.set('decklog_ship_open_bytes', this.#openBytes, this.#labels)
  }

  /**
   * Sends the cuts of an earlier run again. There is room for them: they were open all at once before. False: this run ends.
   * @throws system errors
   */
  async #resend(follower: Follower): Promise<boolean> {
    const { context } = this.#options
    const bytes = new CutBytes(follower, context)
    try {
      while (follower.resend.length > 0) {
        const cut = follower.resend[0]!
        await this.#resendOne(follower, cut, cut.lost ? undefined : await bytes.read(cut))
        if (context.signal.aborted) return false
        follower.resend.shift()
        await yieldToOthers()
      }
      return true
    } finally {
      bytes.close()
    }
  }

  async #resendOne(follower: Follower, cut: Cut, raw: Buffer | undefined): Promise<void> {
    const { context, sender, encode } = this.#options
    const { stream } = follower
    const about = context.ledger.state.contexts[cut.context]!
    if (raw !== undefined) {
      const value = encode(batchOfCut(stream, cut, about, sender, packAs(cut.codec, raw)))
      this.#opened(follower, cut)
      return this.#publish(follower, cut, value)
    }
    if (!cut.lost) {
      await context.ledger.lost(stream, cut)
      context.telemetry.add('decklog_ship_losses_total', 1, { reason: 'source-gone' })
    }
    this.#opened(follower, cut)
    this.#publish(follower, cut, encode(lostBatchOfCut(stream, cut, about, sender)))
  }
}
