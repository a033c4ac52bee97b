import { parseEventId } from '../core/event-batch.ts'
import { fieldType } from '../core/fields.ts'
import { ndjsonOf } from './export.ts'
import { hitJson, hitsJson, readHits, readPage } from './hits.ts'
import { choice, readParameters, required, wholeNumber } from './parameters.ts'
import { ProblemError } from './problems.ts'
import { bounded, inTime, type Question, questionOf } from './question.ts'
import type { Service } from './service.ts'

export const SEARCH_LIMIT_MAX = 10_000

export async function search(service: Service, request: Request): Promise<Response> {
  const started = service.clock.monotonicNs()
  const values = readParameters(request, [
    'query',
    'from',
    'to',
    'limit',
    'cursor',
    'order',
    'total',
    'completeness',
  ])
  const limit = wholeNumber(values, 'limit', {
    min: 0,
    max: SEARCH_LIMIT_MAX,
    fallback: 50,
    hint: 'for more use the cursor of the answer, or /api/export',
  })
  const question = questionOf(service, request, values)
  const page = {
    ...question.range,
    query: question.query,
    order: choice(values, 'order', ['newest', 'oldest']),
    total: choice(values, 'total', ['bounded', 'exact']),
    cursor: values.get('cursor') || undefined,
  }
  const wanted = choice(values, 'completeness', ['true', 'false']) === 'true'
  const [found, completeness] = await Promise.all([
    limit === 0 ? countOnly(service, question, page) : hitsOf(service, question, { page, limit }),
    wanted ? completenessOf(service, question) : undefined,
  ])
  const parts = [`"hits":${hitsJson(found.hits)}`, `"total":${JSON.stringify(found.total)}`]
  if (found.cursor !== undefined) parts.push(`"cursor":${JSON.stringify(found.cursor)}`)
  if (completeness !== undefined) parts.push(`"completeness":${JSON.stringify(completeness)}`)
  parts.push(`"notes":${JSON.stringify(question.notes)}`, `"took_ms":${elapsedMs(service, started)}`)
  return json(`{${parts.join(',')}}`)
}

export async function histogram(service: Service, request: Request): Promise<Response> {
  const started = service.clock.monotonicNs()
  const values = readParameters(request, ['query', 'from', 'to', 'buckets'])
  const buckets = wholeNumber(values, 'buckets', { min: 1, max: 1_000, fallback: 60 })
  const { asking, query, range, notes } = questionOf(service, request, values)
  const answer = await inTime(service.store.histogram({ ...asking, ...range, query, buckets }), asking)
  return json(JSON.stringify({ ...answer, notes, took_ms: elapsedMs(service, started) }))
}

export async function top(service: Service, request: Request): Promise<Response> {
  const started = service.clock.monotonicNs()
  const values = readParameters(request, ['field', 'query', 'from', 'to', 'limit'])
  const field = countableField(required(values, 'field'))
  const limit = wholeNumber(values, 'limit', { min: 1, max: 1_000, fallback: 10 })
  const { asking, query, range, notes } = questionOf(service, request, values)
  const answer = await inTime(service.store.top({ ...asking, ...range, query, field, limit }), asking)
  return json(JSON.stringify({ field, ...answer, notes, took_ms: elapsedMs(service, started) }))
}

export async function context(service: Service, request: Request): Promise<Response> {
  const started = service.clock.monotonicNs()
  const values = readParameters(request, ['id', 'before', 'after', 'format'])
  const id = eventIdOf(required(values, 'id'))
  const format = choice(values, 'format', ['json', 'ndjson'])
  const counts = {
    before: wholeNumber(values, 'before', { min: 0, max: 1_000, fallback: 10 }),
    after: wholeNumber(values, 'after', { min: 0, max: 1_000, fallback: 10 }),
  }
  const asking = bounded(service, request)
  const hits = await inTime(service.store.neighbours(id, counts, asking), asking)
  if (!hits.some((hit) => hit.id === id)) throw missing(id)
  if (format === 'ndjson') {
    return new Response(ndjsonOf(hits), { headers: { 'content-type': 'application/x-ndjson' } })
  }
  return json(
    `{"id":${JSON.stringify(id)},"hits":${hitsJson(hits)},"took_ms":${elapsedMs(service, started)}}`,
  )
}

export async function event(service: Service, request: Request): Promise<Response> {
  const started = service.clock.monotonicNs()
  const id = eventIdOf(required(readParameters(request, ['id']), 'id'))
  const asking = bounded(service, request)
  const hit = await inTime(service.store.get(id, asking), asking)
  if (hit === undefined) throw missing(id)
  return json(`{"event":${hitJson(hit)},"took_ms":${elapsedMs(service, started)}}`)
}

export function json(text: string): Response {
  return new Response(text, { headers: { 'content-type': 'application/json' } })
}

/** A field whose values can be listed. */
export function countableField(field: string): string {
  if (field.length > 1_000)
    throw new ProblemError('parameter-invalid', '"field" has 1,000 characters at most')
  if (fieldType(field) === 'text') {
    throw new ProblemError(
      'parameter-invalid',
      `"${field}" is text: nearly every value is another, so there are no top values`,
    )
  }
  return field
}

type Page = Parameters<typeof readPage>[1]

function hitsOf(
  service: Service,
  question: Question,
  from: { page: Page; limit: number },
): ReturnType<typeof readHits> {
  return readHits(service.store, from.page, {
    limit: from.limit,
    bytesMax: service.limits.answerBytesMax,
    asking: question.asking,
  })
}

/** Stores need not know a limit of 0. */
async function countOnly(service: Service, question: Question, page: Page): ReturnType<typeof readHits> {
  const { total } = await readPage(service.store, page, { limit: 1, asking: question.asking })
  return { hits: [], total, cursor: undefined }
}

function completenessOf(service: Service, { asking, range }: Question): Promise<object> {
  return inTime(service.store.completeness({ ...asking, ...range }), asking)
}

function eventIdOf(id: string): string {
  if (parseEventId(id) === undefined) {
    throw new ProblemError(
      'parameter-invalid',
      '"id" is the id of an event, <stream>:<seq>, as search gives it',
    )
  }
  return id
}

function missing(id: string): ProblemError {
  return new ProblemError(
    'not-found',
    `there is no event ${id}: it was never stored, or its time has expired`,
  )
}

function elapsedMs(service: Service, startedNs: bigint): number {
  return Math.round(Number(service.clock.monotonicNs() - startedNs) / 1e4) / 100
}
