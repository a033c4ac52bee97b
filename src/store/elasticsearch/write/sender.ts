import { randomBytes } from 'node:crypto'
import { DecklogError } from '../../../core/errors.ts'
import { Outcome } from '../../../ports/store.ts'
import { type EsBytesAnswer, wasNeverSent } from '../connection.ts'
import type { EsContext } from '../context.ts'
import { faultOf, whyRefused } from '../context.ts'
import { ANSWER_FILTER, isAllStored, readItems, verdictOf } from './answer.ts'
import { Body, type Run } from './frame.ts'
import type { OpenBatch } from './open-batch.ts'
import { Pacer } from './pacer.ts'
import { SendQueue } from './queue.ts'
import { Settler } from './settler.ts'
import { PROBING } from './target.ts'
import { untilRequestsEnded } from './tasks.ts'
import { removeStrays } from './twins.ts'

export interface SenderOptions {
  /** A request holds at most so many bytes, unless a single document is larger. @default 5 MB */
  readonly bodyBytesMax?: number
  /** Requests in flight to one node, at most. @default 4 */
  readonly requestsPerNode?: number
  /** A write that is not answered for so long is looked for among the cluster's tasks, and sent again. @default 30,000 */
  readonly writeTimeoutMs?: number
}

const BODY_BYTES_MAX = 5_000_000
const BODY_BYTES_MIN = 64 * 1024
const WRITE_TIMEOUT_MS = 30_000
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 5_000

/**
 * Sends rows until each has an outcome or its call is over. Calls that are open at the same time share bodies. Only what
 * failed is sent again.
 */
export class Sender {
  readonly #context: EsContext
  readonly #timeoutMs: number
  readonly #pacer: Pacer
  readonly #queue = new SendQueue()
  /** Bodies are large: their memory is used again. */
  readonly #spare: Buffer[] = []
  readonly #closing = new AbortController()
  readonly #open = new Set<Promise<void>>()
  /** Requests whose answers were lost: until they are known to have ended, nothing is sent. */
  readonly #doubtful = new Set<string>()
  readonly #settler: Settler
  #bodyBytesMax: number
  #inFlight = 0
  #isWaking = false
  #timer: NodeJS.Timeout | undefined

  constructor(context: EsContext, options: SenderOptions) {
    this.#context = context
    this.#timeoutMs = options.writeTimeoutMs ?? WRITE_TIMEOUT_MS
    this.#bodyBytesMax = options.bodyBytesMax ?? BODY_BYTES_MAX
    const max = (options.requestsPerNode ?? 4) * context.connection.nodes
    this.#pacer = new Pacer({ start: 2, max })
    this.#settler = new Settler(context, {
      signal: this.#closing.signal,
      requeue: (run, reason, pauseMs) => this.#requeue(run, reason, pauseMs),
      track: (work) => this.#track(work),
      nowMs: () => this.#nowMs(),
    })
  }

  /** Sends the open rows of a batch; `open.done()` tells when all have an outcome. */
  send(open: OpenBatch): void {
    this.#queue.push({ open, rows: open.open(), notBeforeMs: 0, attempts: 0, reason: undefined })
    this.#wake()
  }

  /** Rows of calls that are over are given back, unless they are in flight. */
  sweep(): void {
    for (const { open, rows, reason } of this.#queue.sweep()) {
      this.#giveBack(open, rows, reason ?? lastReason(open))
    }
  }

  /** Ends what is in flight. */
  async close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#timer)
    await Promise.allSettled(this.#open)
  }

  /** What is queued in the same turn shares a body. */
  #wake(): void {
    if (this.#isWaking) return
    this.#isWaking = true
    queueMicrotask(() => {
      this.#isWaking = false
      this.#pump()
    })
  }

  #pump(): void {
    clearTimeout(this.#timer)
    const { telemetry } = this.#context
    telemetry.set('decklog_store_requests_max', this.#pacer.limit)
    while (this.#inFlight < this.#pacer.limit && this.#doubtful.size === 0 && !this.#closing.signal.aborted) {
      const body = new Body(this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#bodyBytesMax))
      const { oneStream } = this.#queue.takeInto(body, { nowMs: this.#nowMs(), bytesMax: this.#bodyBytesMax })
      if (body.rows === 0) {
        this.#spare.push(body.bytes)
        break
      }
      this.#inFlight++
      this.#track(this.#sendBody(body, oneStream))
    }
    this.#wakeLater()
  }

  #wakeLater(): void {
    const nextMs = this.#queue.nextMs()
    if (nextMs === undefined || nextMs === PROBING || this.#doubtful.size > 0) return
    if (this.#inFlight >= this.#pacer.limit || this.#closing.signal.aborted) return
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, nextMs - this.#nowMs()))
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted)
          this.#context.complain('writing', `a write failed: ${String(error)}`)
      })
      .finally(() => this.#open.delete(tracked))
    this.#open.add(tracked)
  }

  async #sendBody(body: Body, oneStream: boolean): Promise<void> {
    try {
      const isClean = await this.#deliver({
        runs: body.runs,
        bytes: body.content(),
        rows: body.rows,
        oneStream,
      })
      // After a refusal the socket may still hold a part of the body.
      if (isClean && body.bytes.length <= this.#bodyBytesMax && this.#spare.length < 8)
        this.#spare.push(body.bytes)
    } finally {
      this.#inFlight--
      this.#pump()
    }
  }

  /** One request, and what follows from its answer. Returns whether the cluster took it as a whole. */
  async #deliver(sent: Sent): Promise<boolean> {
    const startedMs = this.#nowMs()
    const opaqueId = `decklog-${randomBytes(9).toString('base64url')}`
    let answer: EsBytesAnswer
    try {
      answer = await this.#post(sent, opaqueId)
    } catch (error) {
      await this.#lost(sent, { error, opaqueId })
      return false
    }
    const tookMs = this.#nowMs() - startedMs
    const { telemetry } = this.#context
    telemetry.add('decklog_store_requests_total', 1, { status: String(answer.status) })
    telemetry.set('decklog_store_request_ms', Math.round(tookMs))
    for (const { open } of sent.runs) open.ticket.unreachable = undefined
    this.#context.mended(REACHING)
    if (answer.status !== 200) {
      await this.#refused(sent, { status: answer.status, text: textOf(answer), opaqueId })
      return false
    }
    this.#pacer.answered({ bytes: sent.bytes.length, tookMs, nowMs: this.#nowMs() })
    if (isAllStored(answer.chunks, sent.runs)) this.#settler.storeAll(sent.runs)
    else this.#readAnswer(sent, { text: textOf(answer), opaqueId })
    return true
  }

  #post({ runs, bytes, oneStream }: Sent, opaqueId: string): Promise<EsBytesAnswer> {
    return this.#context.connection.requestBytes({
      method: 'POST',
      path: oneStream ? `/${encodeURIComponent(runs[0]!.open.target.name)}/_bulk` : '/_bulk',
      // Without require_data_stream a cluster without our templates would make plain indices of its own.
      query: { require_data_stream: true, filter_path: ANSWER_FILTER },
      body: bytes,
      opaqueId,
      timeoutMs: this.#timeoutMs,
      signal: this.#closing.signal,
    })
  }

  /** No answer: unless nothing was sent, it may have been carried out, or be carried out still. */
  async #lost({ runs }: Sent, { error, opaqueId }: { error: unknown; opaqueId: string }): Promise<void> {
    if (this.#closing.signal.aborted) return this.#requeueAll(runs, 'the store is closed', 0)
    const failure = error instanceof DecklogError ? error : new DecklogError('internal', String(error))
    const { telemetry, complain } = this.#context
    telemetry.add('decklog_store_requests_total', 1, { status: '0' })
    complain(REACHING, failure.message)
    this.#pacer.refused(this.#nowMs())
    for (const { open } of runs) open.ticket.unreachable = failure
    this.#requeueAll(runs, failure.message)
    if (!wasNeverSent(error)) this.#doubt(runs, opaqueId)
  }

  #doubt(runs: readonly Run[], opaqueId: string): void {
    this.#doubtful.add(opaqueId)
    this.#track(this.#settleDoubt(runs, opaqueId))
  }

  /** Nothing is sent until a lost request has ended, and what it may have left behind is cleared away. */
  async #settleDoubt(runs: readonly Run[], opaqueId: string): Promise<void> {
    const { signal } = this.#closing
    await untilRequestsEnded(this.#context, new Set([opaqueId]), signal)
    for (const { open, rows } of runs) await removeStrays(this.#context, open, { rows, signal })
    this.#doubtful.delete(opaqueId)
    this.#pump()
  }

  /** The request as a whole was refused. */
  async #refused(sent: Sent, refused: { status: number; text: string; opaqueId: string }): Promise<void> {
    const { status, text, opaqueId } = refused
    const body = parsed(text)
    const fault = faultOf(body)
    const reason = whyRefused(status, body)
    if (status === 413 || status === 400) return this.#halve(sent, { status, reason })
    if (verdictOf(status, fault.type, fault.reason) === 'hold') {
      for (const run of sent.runs) this.#settler.hold(run, reason)
      return
    }
    this.#pacer.refused(this.#nowMs())
    this.#requeueAll(sent.runs, reason)
    // A gateway gives up on a request that the cluster still carries out.
    if (status >= 500) this.#doubt(sent.runs, opaqueId)
  }

  /** Finds what the whole body was refused for: in one half of it, and in one half of that. */
  async #halve(sent: Sent, { status, reason }: { status: number; reason: string }): Promise<void> {
    if (sent.rows === 1) {
      if (status === 413) this.#settler.cut(sent.runs[0]!, reason)
      else this.#settler.repair(sent.runs[0]!, [reason])
      return
    }
    if (status === 413) this.#bodyBytesMax = Math.max(BODY_BYTES_MIN, Math.floor(sent.bytes.length / 2))
    const middle = sent.rows >> 1
    for (const part of [rowsOf(sent.runs, 0, middle), rowsOf(sent.runs, middle, sent.rows)]) {
      const body = new Body(Buffer.allocUnsafe(sent.bytes.length))
      for (const { open, rows, attempts } of part) {
        const bytesMax = Number.POSITIVE_INFINITY
        body.add(open, rows, {
          from: 0,
          rowsMax: rows.length,
          bytesMax,
          withIndex: !sent.oneStream,
          attempts,
        })
        open.release()
      }
      if (body.rows === 0) continue
      await this.#deliver({
        runs: body.runs,
        bytes: body.content(),
        rows: body.rows,
        oneStream: sent.oneStream,
      })
    }
  }

  #readAnswer({ runs, rows: count }: Sent, { text, opaqueId }: { text: string; opaqueId: string }): void {
    const items = readItems(text, count)
    if (items === undefined) {
      this.#context.complain(REACHING, 'an answer to a write is unreadable: it is sent again')
      this.#requeueAll(runs, 'the answer to a write is unreadable')
      this.#doubt(runs, opaqueId)
      return
    }
    let at = 0
    let isRefused = false
    for (const run of runs) {
      const own = items.slice(at, at + run.rows.length)
      at += run.rows.length
      this.#settler.settle(run, own)
      isRefused ||= own.some((item) => item.verdict === 'again')
    }
    if (isRefused) this.#pacer.refused(this.#nowMs())
  }

  #requeueAll(runs: readonly Run[], reason: string, pauseMs?: number): void {
    for (const run of runs) this.#requeue(run, reason, pauseMs)
  }

  #requeue({ open, rows, attempts }: Run, reason: string, pauseMs = pauseOf(attempts)): void {
    // A probe that found out nothing: the next one may go.
    const { hold: held } = open.target
    if (held?.untilMs === PROBING) held.untilMs = this.#nowMs() + RETRY_MS_MAX
    if (open.ticket.isOver || this.#closing.signal.aborted) {
      this.#giveBack(open, rows, reason)
      return
    }
    if (pauseMs > 0) {
      this.#context.telemetry.add('decklog_store_retries_total', rows.length, { class: open.batch.class })
    }
    this.#queue.push({ open, rows, notBeforeMs: this.#nowMs() + pauseMs, attempts: attempts + 1, reason })
    this.#wake()
  }

  #giveBack(open: OpenBatch, rows: readonly number[], reason: string): void {
    for (const row of rows) open.settle(row, Outcome.retry, reason)
  }

  #nowMs(): number {
    return Number(this.#context.clock.monotonicNs() / 1_000n) / 1000
  }
}

interface Sent {
  readonly runs: readonly Run[]
  readonly bytes: Buffer
  readonly rows: number
  readonly oneStream: boolean
}

const REACHING = 'reaching the cluster'

function pauseOf(attempts: number): number {
  return Math.min(RETRY_MS_MIN * 2 ** attempts, RETRY_MS_MAX) * (0.5 + Math.random() / 2)
}

function lastReason(open: OpenBatch): string {
  return open.target.hold?.reason ?? open.ticket.unreachable?.message ?? 'the cluster did not take it in time'
}

function textOf({ chunks }: EsBytesAnswer): string {
  return Buffer.concat(chunks).toString()
}

/** Of a proxy it may be no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return { error: { type: 'refused' } }
  }
}

/** Items from..to of runs, as runs. */
function rowsOf(runs: readonly Run[], from: number, to: number): Run[] {
  const parts: Run[] = []
  let at = 0
  for (const { open, rows, attempts } of runs) {
    const own = rows.slice(Math.max(0, from - at), Math.max(0, to - at))
    if (own.length > 0) parts.push({ open, rows: own, attempts })
    at += rows.length
  }
  return parts
}
