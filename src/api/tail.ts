import { parseKql } from '../core/kql.ts'
import type { Query } from '../core/query.ts'
import type { Asking, Hit } from '../ports/store.ts'
import { askingOf } from './asking.ts'
import { hitJson } from './hits.ts'
import { readParameters } from './parameters.ts'
import { ProblemError, problemFrom } from './problems.ts'
import type { Service } from './service.ts'

/** Hits that one look at the store brings at most. */
const PAGE = 200

/** Counts the tails that are open, for one API. */
export interface Tails {
  open: number
}

/**
 * `/api/tail`: server-sent events of what arrives and matches. The store is asked again and again from a cursor, which is the
 * `id` of the last event, so a browser that comes back goes on where it was.
 */
export function tail(service: Service, request: Request, tails: Tails): Response {
  const values = readParameters(request, ['query'])
  const { query } = parseKql(values.get('query') ?? '', { nowMs: service.clock.now() })
  const lastEventId = request.headers.get('last-event-id') ?? ''
  if (lastEventId.length > 1_000) throw new ProblemError('parameter-invalid', 'Last-Event-ID is none of ours')
  if (tails.open >= service.limits.tailsMax) {
    throw new ProblemError(
      'unavailable',
      `${tails.open} live tails are open, and no more are served: close one`,
    )
  }
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' }
  if (request.method === 'HEAD') return new Response(null, { headers })
  tails.open++
  const left = new AbortController()
  const signal = AbortSignal.any([request.signal, service.closing, left.signal])
  const source: UnderlyingDefaultSource<Uint8Array> = {
    start(controller) {
      const follower = new Follower(service, controller, { query, asking: askingOf(request, signal) })
      void follower.run(lastEventId === '' ? undefined : lastEventId, signal).finally(() => tails.open--)
    },
    cancel: () => left.abort(),
  }
  const strategy = new ByteLengthQueuingStrategy({ highWaterMark: service.limits.tailBufferBytesMax })
  return new Response(new ReadableStream(source, strategy), { headers })
}

const encoder = new TextEncoder()

/** One reader's tail. What waits for the reader is in the stream's queue, bounded in bytes; what does not fit is dropped and counted. */
class Follower {
  readonly #service: Service
  readonly #out: ReadableStreamDefaultController<Uint8Array>
  readonly #question: { readonly query: Query; readonly asking: Asking }
  #cursor: string | undefined
  #unsaid = 0
  #totalDropped = 0
  /** A beat comes at once: with it the reader knows where it stands. */
  #spokeMs = Number.NEGATIVE_INFINITY

  constructor(
    service: Service,
    out: ReadableStreamDefaultController<Uint8Array>,
    question: { readonly query: Query; readonly asking: Asking },
  ) {
    this.#service = service
    this.#out = out
    this.#question = question
  }

  async run(cursor: string | undefined, signal: AbortSignal): Promise<void> {
    this.#cursor = cursor
    try {
      this.#write('retry: 2000\n\n')
      while (!signal.aborted) {
        const hits = await this.#look()
        for (const [index, hit] of hits.entries()) this.#offer(hit, index === hits.length - 1)
        this.#sayDropped()
        this.#beat()
        if (hits.length < PAGE) await this.#service.clock.sleep(this.#service.limits.tailPollMs, signal)
      }
    } catch (error) {
      if (!signal.aborted) this.#fail(error)
    }
    closeQuietly(this.#out)
  }

  async #look(): Promise<readonly Hit[]> {
    const { query, asking } = this.#question
    const from = this.#cursor === undefined ? {} : { cursor: this.#cursor }
    const { hits, cursor } = await this.#service.store.scan({ ...asking, ...from, query, limit: PAGE })
    this.#cursor = cursor
    return hits
  }

  /** Only the last hit of a look carries the cursor: whoever comes back in between gets the look again, and loses none. */
  #offer(hit: Hit, last: boolean): void {
    if ((this.#out.desiredSize ?? 0) <= 0) {
      this.#unsaid++
      this.#totalDropped++
      this.#service.telemetry.add('decklog_http_slow_tail_dropped_total')
      return
    }
    this.#sayDropped()
    this.#event('hit', hitJson(hit), last)
  }

  #sayDropped(): void {
    if (this.#unsaid === 0 || (this.#out.desiredSize ?? 0) <= 0) return
    this.#event('dropped', JSON.stringify({ count: this.#unsaid, totalDropped: this.#totalDropped }), false)
    this.#unsaid = 0
  }

  #beat(): void {
    const nowMs = this.#service.clock.now()
    if (nowMs - this.#spokeMs < this.#service.limits.tailHeartbeatMs || (this.#out.desiredSize ?? 0) <= 0)
      return
    this.#event('heartbeat', JSON.stringify({ timeMs: nowMs }), true)
  }

  #fail(error: unknown): void {
    const problem = problemFrom(error)
    if (problem.status === 500) this.#service.onFault(error, '/api/tail')
    this.#event('failed', JSON.stringify(problem), false)
  }

  #event(name: string, data: string, withCursor: boolean): void {
    const id = withCursor && this.#cursor !== undefined ? `id: ${this.#cursor}\n` : ''
    this.#write(`event: ${name}\n${id}data: ${data.replaceAll('\n', '\ndata: ')}\n\n`)
    this.#spokeMs = this.#service.clock.now()
  }

  #write(text: string): void {
    this.#out.enqueue(encoder.encode(text))
  }
}

/** The reader may have gone meanwhile; then it is closed already. */
function closeQuietly(out: ReadableStreamDefaultController<Uint8Array>): void {
  try {
    out.close()
  } catch {}
}
