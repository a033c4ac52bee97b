import { randomBytes } from 'node:crypto'
import { DecklogError } from '../../../core/errors.ts'
import { Outcome } from '../../../ports/store.ts'
import { type EsBytesAnswer, wasNeverSent } from '../connection.ts'
import type { EsContext } from '../context.ts'
import { faultOf } from '../context.ts'
import { ANSWER_FILTER, type Item, isAllStored, readItems, verdictOf } from './answer.ts'
import { Body, type Run } from './frame.ts'
import { joinedTwice } from './joined.ts'
import { type OpenBatch, isJoined } from './open-batch.ts'
import { Pacer } from './pacer.ts'
import { SendQueue } from './queue.ts'
import { repair, truncate, withoutContent } from './repair.ts'
import { hold } from './target.ts'
import { untilRequestsEnded } from './tasks.ts'
import { verifyLanding } from './twins.ts'

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
/** The message of a document that no request can carry is cut to this. */
const CUT_MESSAGE_BYTES = 64 * 1024

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
  #bodyBytesMax: number
  #inFlight = 0
  #timer: NodeJS.Timeout | undefined

  constructor(context: EsContext, options: SenderOptions) {
    this.#context = context
    this.#timeoutMs = options.writeTimeoutMs ?? WRITE_TIMEOUT_MS
    this.#bodyBytesMax = options.bodyBytesMax ?? BODY_BYTES_MAX
    const max = (options.requestsPerNode ?? 4) * context.connection.nodes
    this.#pacer = new Pacer({ start: 2, max })
  }

  /** Sends the open rows of a batch; `open.done()` tells when all have an outcome. */
  send(open: OpenBatch): void {
    this.#queue.push({ open, rows: open.open(), notBeforeMs: 0, attempts: 0 })
    this.#pump()
  }

  /** Rows of calls that are over are given back, unless they are in flight. */
  sweep(): void {
    for (const { open, rows } of this.#queue.sweep()) this.#giveBack(open, rows, lastReason(open))
  }

  /** Ends what is in flight. */
  async close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#timer)
    await Promise.allSettled(this.#open)
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
    if (nextMs === undefined || nextMs === Number.POSITIVE_INFINITY || this.#doubtful.size > 0) return
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
      await this.#refused(sent, { status: answer.status, text: textOf(answer) })
      return false
    }
    this.#pacer.answered({ bytes: sent.bytes.length, tookMs, nowMs: this.#nowMs() })
    if (isAllStored(answer.chunks, sent.runs)) this.#storeAll(sent.runs)
    else this.#readAnswer(sent, textOf(answer))
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
    if (wasNeverSent(error)) return
    this.#doubtful.add(opaqueId)
    this.#track(this.#settleDoubt(opaqueId))
  }

  async #settleDoubt(opaqueId: string): Promise<void> {
    await untilRequestsEnded(this.#context, new Set([opaqueId]), this.#closing.signal)
    this.#doubtful.delete(opaqueId)
    this.#pump()
  }

  /** The request as a whole was refused. */
  async #refused(sent: Sent, { status, text }: { status: number; text: string }): Promise<void> {
    const fault = faultOfText(text)
    const reason = `${status} ${fault.type}: ${fault.reason}`
    if (status === 413 || status === 400) return this.#halve(sent, { status, reason })
    if (verdictOf(status, fault.type, fault.reason) === 'hold') {
      for (const run of sent.runs) this.#hold(run.open, run, run.rows, reason)
      return
    }
    this.#pacer.refused(this.#nowMs())
    this.#requeueAll(sent.runs, reason)
  }

  /** Finds what the whole body was refused for: in one half of it, and in one half of that. */
  async #halve(sent: Sent, { status, reason }: { status: number; reason: string }): Promise<void> {
    if (sent.rows === 1) {
      const { open, rows } = sent.runs[0]!
      if (status === 413) this.#cut(open, rows[0]!, reason)
      else this.#repair(open, rows[0]!, reason)
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

  #storeAll(runs: readonly Run[]): void {
    for (const { open, rows } of runs) {
      open.landed.add(open.judgedAt!)
      for (const row of rows) open.settle(row, Outcome.stored)
      this.#mended(open)
    }
  }

  #readAnswer({ runs, rows: count }: Sent, text: string): void {
    const items = readItems(text, count)
    if (items === undefined) {
      this.#context.complain(REACHING, 'an answer to a write is unreadable: it is sent again')
      this.#requeueAll(runs, 'the answer to a write is unreadable')
      return
    }
    let at = 0
    let isRefused = false
    for (const run of runs) {
      const own = items.slice(at, at + run.rows.length)
      at += run.rows.length
      this.#settleRun(run, own)
      isRefused ||= own.some((item) => item.verdict === 'again')
    }
    if (isRefused) this.#pacer.refused(this.#nowMs())
  }

  #settleRun(run: Run, items: readonly Item[]): void {
    const { open, rows } = run
    const again: number[] = []
    const held: number[] = []
    const elsewhere = new Map<string, number[]>()
    const joined: number[] = []
    let reason = ''
    for (const [at, item] of items.entries()) {
      const row = rows[at]!
      if (item.verdict === 'stored') {
        if (this.#isExpected(open, item.index)) open.settle(row, Outcome.stored)
        else append(elsewhere, item.index, row)
      } else if (item.verdict === 'duplicate') {
        if (isJoined(open, row)) joined.push(row)
        else open.settle(row, Outcome.duplicate)
      } else if (item.verdict === 'document') this.#repair(open, row, item.reason)
      else {
        ;(item.verdict === 'again' ? again : held).push(row)
        reason = item.reason
      }
    }
    open.release()
    const last = items.at(-1)?.index
    if (last !== undefined && last === open.judgedAt) open.landed.add(last)
    if (held.length < rows.length) this.#mended(open)
    if (held.length > 0) this.#hold(open, run, held, reason)
    if (again.length > 0) this.#requeue({ ...run, rows: again }, reason)
    for (const [index, own] of elsewhere) this.#verify(open, own, index)
    if (joined.length > 0)
      this.#track(joinedTwice(this.#context, open, { rows: joined, signal: this.#closing.signal }))
  }

  /** Of a data stream that was just made there is nothing older. */
  #isExpected(open: OpenBatch, index: string): boolean {
    if (index === open.judgedAt) return true
    if (open.judgedAt !== undefined || open.target.backing !== undefined || !index.endsWith('-000001'))
      return false
    open.landed.add(index)
    return true
  }

  #verify(open: OpenBatch, rows: readonly number[], landedIn: string): void {
    this.#track(verifyLanding(this.#context, open, { rows, landedIn, signal: this.#closing.signal }))
  }

  #repair(open: OpenBatch, row: number, reason: string): void {
    const { telemetry } = this.#context
    const repairs = open.repairs.get(row) ?? 0
    const document = open.replaced.get(row) ?? open.document(row)
    const repaired = document && repair(document, { reason, repairs, timeMs: open.batch.receivedMs })
    if (repaired === undefined) {
      open.settle(row, Outcome.reject, `the index refuses it: ${withoutContent(reason)}`)
      return
    }
    if (repairs === 0) telemetry.add('decklog_store_repaired_total', 1, { class: open.batch.class })
    open.repairs.set(row, repairs + 1)
    open.replaced.set(row, repaired.document)
    this.#requeue({ open, rows: [row], attempts: 0 }, reason, 0)
  }

  #cut(open: OpenBatch, row: number, reason: string): void {
    const document = open.repairs.has(row) ? undefined : open.document(row)
    const cut = document && truncate(document, CUT_MESSAGE_BYTES)
    if (cut === undefined) {
      open.settle(row, Outcome.reject, `too large for the cluster: ${reason}`)
      return
    }
    open.repairs.set(row, 1)
    open.replaced.set(row, cut)
    this.#requeue({ open, rows: [row], attempts: 0 }, reason, 0)
  }

  #hold(open: OpenBatch, run: Run, rows: readonly number[], reason: string): void {
    const { complain, telemetry } = this.#context
    const said = withoutContent(reason)
    if (open.target.hold === undefined) telemetry.add('decklog_store_held_streams', 1)
    hold(open.target, said, this.#nowMs())
    complain(holding(open), `Elasticsearch refuses to write to ${open.target.name}: ${said}; its events wait`)
    this.#requeue({ ...run, rows }, said, 0)
  }

  #mended(open: OpenBatch): void {
    if (open.target.hold === undefined) return
    open.target.hold = undefined
    this.#context.telemetry.add('decklog_store_held_streams', -1)
    this.#context.mended(holding(open))
  }

  #requeueAll(runs: readonly Run[], reason: string, pauseMs?: number): void {
    for (const run of runs) this.#requeue(run, reason, pauseMs)
  }

  #requeue({ open, rows, attempts }: Run, reason: string, pauseMs = pauseOf(attempts)): void {
    // A probe that found out nothing: the next one may go.
    const { hold: held } = open.target
    if (held?.untilMs === Number.POSITIVE_INFINITY) held.untilMs = this.#nowMs() + RETRY_MS_MAX
    if (open.ticket.isOver || this.#closing.signal.aborted) {
      this.#giveBack(open, rows, reason)
      return
    }
    if (pauseMs > 0) {
      this.#context.telemetry.add('decklog_store_retries_total', rows.length, { class: open.batch.class })
    }
    this.#queue.push({ open, rows, notBeforeMs: this.#nowMs() + pauseMs, attempts: attempts + 1 })
    this.#pump()
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

function holding(open: OpenBatch): string {
  return `writing to ${open.target.name}`
}

function pauseOf(attempts: number): number {
  return Math.min(RETRY_MS_MIN * 2 ** attempts, RETRY_MS_MAX) * (0.5 + Math.random() / 2)
}

function lastReason(open: OpenBatch): string {
  return open.target.hold?.reason ?? open.ticket.unreachable?.message ?? 'the cluster did not take it in time'
}

function textOf({ chunks }: EsBytesAnswer): string {
  return Buffer.concat(chunks).toString()
}

function faultOfText(text: string): { readonly type: string; readonly reason: string } {
  try {
    return faultOf(JSON.parse(text))
  } catch {
    return { type: 'refused', reason: 'it gave no reason' }
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

function append(map: Map<string, number[]>, key: string, value: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
