import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a test makes of one bulk request to data streams. Undefined: it is answered as it should be. */
export type BulkFault =
  /** Nothing is done. `body` is sent as it is. */
  | { readonly status: number; readonly body?: string }
  /** Items that are refused; the others are stored. */
  | { readonly refuse: (id: string, document: string) => Refusal | undefined }
  /** `before`: cut without doing anything. `after`: done, and then cut without an answer. */
  | { readonly cut: 'before' | 'after' }
  /** Done, and answered with something else. */
  | { readonly answer: (text: string) => string }
  /** Nothing is answered until the test says so; then it is done. */
  | { readonly wait: Promise<unknown> }

export interface Refusal {
  readonly status: number
  readonly type: string
  readonly reason: string
}

export interface BulkRequest {
  readonly number: number
  readonly ids: readonly string[]
  readonly bytes: number
}

type Document = string

/**
 * As much of Elasticsearch as writing needs, in memory, with the answers that a real one gives rarely. Data streams are made
 * by their first document, as with a template; an id is unique in one index and not in the data stream, as it is there.
 */
export class FakeElasticsearch implements AsyncDisposable {
  readonly indices = new Map<string, Map<string, Document>>()
  readonly created = new Map<string, number>()
  readonly requests: BulkRequest[] = []
  /** The header of each request that had one. */
  readonly authorizations: string[] = []
  /** Asked for each bulk request to data streams. */
  onBulk: (request: BulkRequest) => BulkFault | undefined = () => undefined
  /** Asked for each other request: a status instead of an answer. */
  onOther: (method: string, path: string) => number | undefined = () => undefined
  /** How often ids were looked up. */
  lookups = 0
  /** `X-Opaque-Id` of the bulk requests that are under way. */
  readonly #running = new Map<number, string>()
  readonly #server: Server
  #number = 0
  #url = ''

  constructor() {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy())
    })
  }

  get url(): string {
    return this.#url
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  rollOver(dataStream: string): void {
    const generation = this.#generations(dataStream).length + 1
    this.#make(`.ds-${dataStream}-2026.11.24-${String(generation).padStart(6, '0')}`)
  }

  /** How often each id is there, in all indices of a data stream. */
  copies(dataStream: string): Map<string, number> {
    const counts = new Map<string, number>()
    for (const index of this.#generations(dataStream)) {
      for (const id of this.indices.get(index)!.keys()) counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    return counts
  }

  document(dataStream: string, id: string): Record<string, unknown> | undefined {
    for (const index of this.#generations(dataStream)) {
      const text = this.indices.get(index)!.get(id)
      if (text !== undefined) return JSON.parse(text) as Record<string, unknown>
    }
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close').catch(() => undefined)
  }

  #make(index: string): void {
    this.indices.set(index, new Map())
    this.created.set(index, Date.now())
  }

  #generations(dataStream: string): string[] {
    return [...this.indices.keys()].filter((name) => name.startsWith(`.ds-${dataStream}-2026`)).sort()
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://x')
    const path = decodeURIComponent(url.pathname)
    const body = await textOf(request)
    const { authorization } = request.headers
    if (authorization !== undefined) this.authorizations.push(authorization)
    if (path.endsWith('/_bulk') && !path.startsWith('/decklog-') && !path.startsWith('/.ds-')) {
      await this.#bulk(path.slice(1, -'/_bulk'.length), body, { request, response })
      return
    }
    if (path.endsWith('/_mget')) this.lookups++
    const status = this.onOther(request.method!, path)
    if (status !== undefined) send(response, status, { error: { type: 'refused', reason: 'by the test' } })
    else this.#other(request.method!, path, { body, response })
  }

  #other(method: string, path: string, { body, response }: { body: string; response: ServerResponse }): void {
    const [, name, action] = path.split('/')
    if (path === '/_tasks') {
      const tasks = [...this.#running].map(([id, opaque]) => ({
        node: 'n',
        id,
        headers: { 'X-Opaque-Id': opaque },
      }))
      send(response, 200, tasks.length === 0 ? {} : { tasks })
    } else if (action === '_settings') this.#settings(name!, response)
    else if (action === '_search') this.#search(name!, response)
    else if (action === '_mget') this.#mget(name!, JSON.parse(body) as { ids: string[] }, response)
    else if (action === '_bulk') send(response, 200, this.#apply(name!, body, undefined))
    else if (method === 'HEAD') send(response, this.indices.has(name!) ? 200 : 404, undefined)
    else if (method === 'PUT') {
      this.#make(name!)
      send(response, 200, {})
    } else send(response, 404, { error: { type: 'unknown', reason: path } })
  }

  #settings(dataStream: string, response: ServerResponse): void {
    const names = this.#generations(dataStream)
    const settings = (name: string): object => ({
      settings: { index: { creation_date: String(this.created.get(name)) } },
    })
    if (names.length === 0)
      send(response, 404, { error: { type: 'index_not_found_exception', reason: 'none' } })
    else send(response, 200, Object.fromEntries(names.map((name) => [name, settings(name)])))
  }

  /** All documents, whatever is asked: who asks looks at what he gets. */
  #search(name: string, response: ServerResponse): void {
    const hits = [...(this.indices.get(name)?.values() ?? [])].map((text) => ({
      _source: JSON.parse(text) as object,
    }))
    send(response, 200, { hits: { hits } })
  }

  #mget(name: string, { ids }: { ids: string[] }, response: ServerResponse): void {
    const index = this.indices.get(name)
    if (index === undefined) {
      send(response, 404, { error: { type: 'index_not_found_exception', reason: 'none' } })
      return
    }
    const docs = ids.map((id) => {
      const document = index.get(id)
      return document === undefined
        ? { found: false }
        : { found: true, _source: JSON.parse(document) as object }
    })
    send(response, 200, { docs })
  }

  async #bulk(
    dataStream: string,
    body: string,
    { request, response }: { request: IncomingMessage; response: ServerResponse },
  ): Promise<void> {
    const number = ++this.#number
    const asked: BulkRequest = { number, ids: idsOf(body), bytes: Buffer.byteLength(body) }
    this.requests.push(asked)
    const fault = this.onBulk(asked)
    this.#running.set(number, String(request.headers['x-opaque-id']))
    try {
      if (fault !== undefined && 'wait' in fault) await fault.wait
      if (fault !== undefined && 'status' in fault) {
        send(response, fault.status, fault.body ?? '')
        return
      }
      if (fault !== undefined && 'cut' in fault && fault.cut === 'before') {
        response.destroy()
        return
      }
      const refuse = fault !== undefined && 'refuse' in fault ? fault.refuse : undefined
      const answer = JSON.stringify(this.#apply(dataStream, body, refuse))
      if (fault !== undefined && 'cut' in fault) response.destroy()
      else send(response, 200, fault !== undefined && 'answer' in fault ? fault.answer(answer) : answer)
    } finally {
      this.#running.delete(number)
    }
  }

  #apply(
    target: string,
    body: string,
    refuse: ((id: string, document: string) => Refusal | undefined) | undefined,
  ): object {
    const lines = body.split('\n')
    const items: object[] = []
    for (let at = 0; at < lines.length - 1; ) {
      const [[op, { _index: given, _id: id }]] = Object.entries(JSON.parse(lines[at++]!) as object) as [
        [string, { _index?: string; _id: string }],
      ]
      const name = given ?? target
      if (op === 'delete') {
        const isThere = this.indices.get(name)!.delete(id)
        items.push({ delete: { status: isThere ? 200 : 404 } })
        continue
      }
      const document = lines[at++]!
      items.push({ [op]: this.#put(name, { op, id, document, refusal: refuse?.(id, document) }) })
    }
    return { errors: items.some((item) => 'error' in Object.values(item)[0]!), items }
  }

  #put(
    name: string,
    { op, id, document, refusal }: { op: string; id: string; document: string; refusal: Refusal | undefined },
  ): object {
    const isStream = name.startsWith('logs-')
    if (isStream && this.#generations(name).length === 0) this.rollOver(name)
    const index = isStream ? this.#generations(name).at(-1)! : name
    if (refusal !== undefined) {
      const { status, type, reason } = refusal
      return { _index: index, status, error: { type, reason } }
    }
    if (!this.indices.has(index)) this.#make(index)
    const documents = this.indices.get(index)!
    if (op === 'create' && documents.has(id)) {
      const error = { type: 'version_conflict_engine_exception', reason: `[${id}]: version conflict` }
      return { _index: index, status: 409, error }
    }
    documents.set(id, document)
    return { _index: index, status: 201 }
  }
}

function idsOf(body: string): string[] {
  const ids: string[] = []
  const lines = body.split('\n')
  for (let at = 0; at + 1 < lines.length; at += 2)
    ids.push((JSON.parse(lines[at]!) as { create: { _id: string } }).create._id)
  return ids
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function send(response: ServerResponse, status: number, body: object | string | undefined): void {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, {
    'x-elastic-product': 'Elasticsearch',
    ...(text === '' ? {} : { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}
