import { type ParsedQuery, parseKql, type QueryNote } from '../core/kql.ts'
import type { Query } from '../core/query.ts'
import type { Asking, TimeRange } from '../ports/store.ts'
import { askingOf } from './asking.ts'
import { type Parameters, timeRange } from './parameters.ts'
import type { Service } from './service.ts'

/** What most paths ask: who, which events, and how long it may take. */
export interface Question {
  readonly asking: Asking
  readonly query: Query
  readonly notes: readonly QueryNote[]
  readonly range: TimeRange
  /** What `now` is in this question. */
  readonly nowMs: number
}

export function questionOf(service: Service, request: Request, values: Parameters): Question {
  const nowMs = service.clock.now()
  const { query, notes }: ParsedQuery = parseKql(values.get('query') ?? '', { nowMs })
  return { asking: bounded(service, request), query, notes, range: timeRange(values, nowMs), nowMs }
}

/** Asking that ends with the client, with the server, and after the time that a question may take. */
export function bounded(service: Service, request: Request): Asking {
  const time = AbortSignal.timeout(service.limits.queryMsMax)
  return askingOf(request, AbortSignal.any([request.signal, service.closing, time]))
}

/** A store that does not listen to its signal must not hold the answer up. */
export function inTime<T>(answer: Promise<T>, asking: Asking): Promise<T> {
  const { signal } = asking
  if (signal === undefined) return answer
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([answer, promise]).finally(() => signal.removeEventListener('abort', onAbort))
}
