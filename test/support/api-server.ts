import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface StoredObject {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid: string
    readonly resourceVersion: string
    readonly [name: string]: unknown
  }
  readonly [name: string]: unknown
}

interface Change {
  readonly version: number
  readonly type: string
  readonly object: StoredObject
}

/** What Kubernetes' API server does of list, watch and leases, over real HTTP: versions, history, compaction, chunks, conflicts. */
export class ApiServer implements AsyncDisposable {
  readonly requests: string[] = []
  /** By path: answered with this status instead. */
  readonly refused = new Map<string, number>()
  /** Pieces that a watch's lines are written in, and how long each waits. */
  pieceBytes = 0
  version = 100
  readonly #collections = new Map<string, Map<string, StoredObject>>()
  readonly #history = new Map<string, Change[]>()
  readonly #watches = new Set<{ path: string; response: ServerResponse }>()
  readonly #server: Server
  #compacted = 0

  constructor(paths: readonly string[]) {
    for (const path of paths) {
      this.#collections.set(path, new Map())
      this.#history.set(path, [])
    }
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  put(
    path: string,
    object: { kind: string; metadata: { name: string; [name: string]: unknown }; [name: string]: unknown },
  ): void {
    const version = ++this.version
    const { name } = object.metadata
    const collection = this.#collections.get(path)!
    const type = collection.has(name) ? 'MODIFIED' : 'ADDED'
    const stored = {
      ...object,
      metadata: { uid: `uid-${name}`, ...object.metadata, resourceVersion: String(version) },
    } as StoredObject
    collection.set(name, stored)
    this.#change(path, { version, type, object: stored })
  }

  remove(path: string, name: string): void {
    const version = ++this.version
    const collection = this.#collections.get(path)!
    const known = collection.get(name)!
    collection.delete(name)
    const object = { ...known, metadata: { ...known.metadata, resourceVersion: String(version) } }
    this.#change(path, { version, type: 'DELETED', object })
  }

  /** Forgets its history: who asks for what is older gets 410. */
  compact(): void {
    this.#compacted = ++this.version
    for (const history of this.#history.values()) history.length = 0
  }

  bookmark(): void {
    for (const { response } of this.#watches)
      response.write(
        `${JSON.stringify({ type: 'BOOKMARK', object: { kind: 'Event', metadata: { resourceVersion: String(this.version) } } })}\n`,
      )
  }

  /** Cuts all connections, in the middle of whatever they are sending. */
  cut(): void {
    for (const { response } of this.#watches) {
      response.write('{"type":"ADDED","object":{"kind":"Ev')
      response.destroy()
    }
    this.#watches.clear()
  }

  watchCount(path: string): number {
    return [...this.#watches].filter((watch) => watch.path === path).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #change(path: string, change: Change): void {
    this.#history.get(path)!.push(change)
    for (const watch of this.#watches) if (watch.path === path) this.#send(watch.response, change)
  }

  #send(response: ServerResponse, { type, object }: Change): void {
    const line = Buffer.from(`${JSON.stringify({ type, object })}\n`)
    const size = this.pieceBytes || line.length
    for (let at = 0; at < line.length; at += size) response.write(line.subarray(at, at + size))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://x')
    this.requests.push(`${request.method} ${request.url}`)
    const status = this.refused.get(url.pathname)
    if (status !== undefined) return reply(response, status, { kind: 'Status', code: status })
    if (url.pathname.includes('/leases')) return this.#lease(request, response, url.pathname)
    const collection = this.#collections.get(url.pathname)
    if (collection === undefined) return reply(response, 404, { kind: 'Status', code: 404 })
    const selector = /^spec\.nodeName=(.*)$/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1]
    const fits = (object: StoredObject): boolean =>
      selector === undefined || (object.spec as { nodeName?: string } | undefined)?.nodeName === selector
    if (url.searchParams.get('watch') === 'true') return this.#watch(url, response, fits)
    const limit = Number(url.searchParams.get('limit') ?? 500)
    const from = Number(url.searchParams.get('continue') ?? 0)
    const all = [...collection.values()].filter(fits)
    const items = all.slice(from, from + limit).map(({ kind: _kind, ...rest }) => rest)
    const more = from + limit < all.length ? { continue: String(from + limit) } : {}
    reply(response, 200, {
      kind: `${all[0]?.kind ?? 'Thing'}List`,
      apiVersion: 'v1',
      metadata: { resourceVersion: String(this.version), ...more },
      items,
    })
  }

  #watch(url: URL, response: ServerResponse, fits: (object: StoredObject) => boolean): void {
    const from = Number(url.searchParams.get('resourceVersion'))
    response.writeHead(200, { 'content-type': 'application/json' })
    if (from < this.#compacted) {
      response.end(
        `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`,
      )
      return
    }
    response.flushHeaders()
    for (const change of this.#history.get(url.pathname)!)
      if (change.version > from && fits(change.object)) this.#send(response, change)
    const watch = { path: url.pathname, response }
    this.#watches.add(watch)
    response.on('close', () => this.#watches.delete(watch))
  }

  readonly leases = new Map<string, StoredObject>()

  async #lease(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    if (request.method === 'GET') {
      const lease = this.leases.get(path)
      return reply(response, lease === undefined ? 404 : 200, lease ?? {})
    }
    const body = JSON.parse(Buffer.concat(chunks).toString()) as StoredObject
    const key = request.method === 'POST' ? `${path}/${body.metadata.name}` : path
    const known = this.leases.get(key)
    const isStale = known?.metadata.resourceVersion !== body.metadata.resourceVersion
    if (isStale) return reply(response, 409, { code: 409 })
    const stored = { ...body, metadata: { ...body.metadata, resourceVersion: String(++this.version) } }
    this.leases.set(key, stored)
    reply(response, 200, stored)
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
