import type { Hit, SearchAnswer } from '../ports/store.ts'
import { csvCell, csvRow, parseDocument } from './csv.ts'
import { hitJson, pageSize, type PageRequest, readPage } from './hits.ts'
import { choice, readParameters, wholeNumber } from './parameters.ts'
import { ProblemError } from './problems.ts'
import { bounded, questionOf } from './question.ts'
import type { Connection, Service } from './service.ts'

export const EXPORT_FIELDS: readonly string[] = [
  '@timestamp',
  'event.dataset',
  'host.name',
  'kubernetes.namespace',
  'kubernetes.pod.name',
  'source.ip',
  'user.name',
  'event.action',
  'event.outcome',
  'message',
  'id',
]

/** `/api/export`: everything that matches. The next page is read when the reader has taken the one before. */
export async function exportEvents(
  service: Service,
  request: Request,
  connection: Connection,
): Promise<Response> {
  const values = readParameters(request, ['query', 'from', 'to', 'format', 'order', 'fields', 'limit'])
  const format = choice(values, 'format', ['ndjson', 'csv'])
  const given = values.get('fields')
  if (given && format !== 'csv')
    throw new ProblemError('parameter-invalid', '"fields" is for format=csv; NDJSON has every field')
  const fields = given ? given.split(',').map((name) => name.trim()) : EXPORT_FIELDS
  const limit = wholeNumber(values, 'limit', { min: 0, max: 9_999_999_999, fallback: 0 })
  const question = questionOf(service, request, values)
  const page = {
    ...question.range,
    query: question.query,
    order: choice(values, 'order', ['newest', 'oldest']),
  }
  const write = format === 'csv' ? (hits: readonly Hit[]) => csvOf(hits, fields) : ndjsonOf
  const headers = {
    'content-type': format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson',
    'content-disposition': `attachment; filename="decklog-${new Date(question.nowMs).toISOString().replaceAll(':', '')}.${format}"`,
  }
  if (request.method === 'HEAD') return new Response(null, { headers })
  const pages = new Pages(service, request, { page, limit: limit === 0 ? Number.POSITIVE_INFINITY : limit })
  const first = await pages.next()
  const head = format === 'csv' ? csvRow(fields) : ''
  return new Response(streamOf(pages, { first: head + write(first.hits), write, connection }), { headers })
}

/** The pages of one export; each may take as long as a question may. */
class Pages {
  readonly #service: Service
  readonly #request: Request
  readonly #page: PageRequest
  #cursor: string | undefined
  #left: number
  #seen = { count: 0, bytes: 0 }
  ended = false

  constructor(service: Service, request: Request, asked: { page: PageRequest; limit: number }) {
    this.#service = service
    this.#request = request
    this.#page = asked.page
    this.#left = asked.limit
  }

  async next(): Promise<SearchAnswer> {
    const { store, limits } = this.#service
    const size = pageSize(this.#seen.count, { bytes: this.#seen.bytes, budget: limits.exportPageBytes })
    const limit = Math.min(size, this.#left)
    const asking = bounded(this.#service, this.#request)
    const answer = await readPage(store, { ...this.#page, cursor: this.#cursor }, { limit, asking })
    this.#seen = {
      count: answer.hits.length,
      bytes: answer.hits.reduce((sum, hit) => sum + hit.json.length, 0),
    }
    this.#cursor = answer.cursor
    this.#left -= answer.hits.length
    this.ended = answer.cursor === undefined || this.#left <= 0
    return answer
  }

  fault(error: unknown): void {
    if (!this.#request.signal.aborted) this.#service.onFault(error, '/api/export')
  }
}

const encoder = new TextEncoder()

/** A failure midway breaks the connection: what ended properly is whole. */
function streamOf(
  pages: Pages,
  text: {
    readonly first: string
    readonly write: (hits: readonly Hit[]) => string
    readonly connection: Connection
  },
): ReadableStream<Uint8Array> {
  let next: string | undefined = text.first
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const chunk = next ?? text.write((await pages.next()).hits)
          next = undefined
          if (chunk !== '') controller.enqueue(encoder.encode(chunk))
          if (pages.ended) controller.close()
        } catch (error) {
          pages.fault(error)
          if (text.connection.cut === undefined) return controller.error(error)
          text.connection.cut()
          // Nothing more may be asked for: the stream waits to be cancelled.
          await new Promise(() => {})
        }
      },
    },
    { highWaterMark: 1 },
  )
}

export function ndjsonOf(hits: readonly Hit[]): string {
  return hits.map((hit) => `${hitJson(hit)}\n`).join('')
}

function csvOf(hits: readonly Hit[], fields: readonly string[]): string {
  return hits
    .map((hit) => {
      const document = { ...parseDocument(hit.json), id: hit.id }
      return csvRow(fields.map((field) => csvCell(document, field)))
    })
    .join('')
}
