import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as forward,
  type ServerResponse,
} from 'node:http'
import { Agent as TlsAgent, request as forwardSecurely } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'

export interface User {
  readonly user: string
  readonly password: string
}

/**
 * API keys for a server that cannot make any: it stands before the server, takes no other authorization, and sends on what comes
 * with a good key as the user whom the key stands for. What it refuses it refuses in the words of Elasticsearch 9.
 */
export interface ApiKeys extends AsyncDisposable {
  readonly url: string
  /** A key in the encoded form, as the configuration takes it. */
  issue(user: User): string
  expire(key: string): void
  /** After `expire`. */
  renew(key: string): void
  /** What the server has refused somebody, or a part of it: who and what, a line each. */
  readonly forbidden: readonly string[]
}

interface Key {
  readonly secret: string
  readonly user: User
  isExpired: boolean
}

export async function startApiKeys(server: { readonly url: string; readonly ca?: string }): Promise<ApiKeys> {
  const keys = new Map<string, Key>()
  const forbidden: string[] = []
  const send = senderTo(server, (what) => forbidden.push(what))
  const front = createServer((request, response) => {
    const found = userOf(request.headers.authorization, keys)
    if (typeof found === 'string') refuse(request, response, found)
    // A client that goes away, or a server that does, ends the connection: that is what the test sees.
    else send(request, response, found).catch(() => response.destroy())
  })
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  return {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    issue(user) {
      const [id, secret] = [randomBytes(15).toString('base64url'), randomBytes(16).toString('base64url')]
      keys.set(id, { secret, user, isExpired: false })
      return Buffer.from(`${id}:${secret}`).toString('base64')
    },
    expire: (key) => void (keys.get(partsOf(key).id)!.isExpired = true),
    renew: (key) => void (keys.get(partsOf(key).id)!.isExpired = false),
    forbidden,
    async [Symbol.asyncDispose]() {
      front.close()
      front.closeAllConnections()
      await once(front, 'close')
      send.close()
    },
  }
}

function partsOf(key: string): { readonly id: string; readonly secret: string } {
  const [id = '', secret = ''] = Buffer.from(key, 'base64').toString().split(':')
  return { id, secret }
}

/** The user, or why there is none. */
function userOf(authorization: string | undefined, keys: ReadonlyMap<string, Key>): User | string {
  const encoded = /^ApiKey (\S+)$/.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return ''
  const { id, secret } = partsOf(encoded)
  const key = keys.get(id)
  if (key === undefined) return `unable to find apikey with id ${id}`
  if (key.secret !== secret) return `invalid credentials for API key [${id}]`
  return key.isExpired ? 'api key is expired' : key.user
}

function refuse(request: IncomingMessage, response: ServerResponse, why: string): void {
  const challenges = ['Basic realm="security", charset="UTF-8"', 'Bearer realm="security"', 'ApiKey']
  const fault = {
    type: 'security_exception',
    reason:
      why === ''
        ? `missing authentication credentials for REST request [${request.url}]`
        : 'unable to authenticate with provided credentials and anonymous access is not allowed for this request',
    ...(why === '' ? {} : { additional_unsuccessful_credentials: `API key: ${why}` }),
    header: { 'WWW-Authenticate': challenges },
  }
  request.resume()
  response.writeHead(401, {
    'content-type': 'application/json',
    'x-elastic-product': 'Elasticsearch',
    'www-authenticate': challenges,
  })
  response.end(JSON.stringify({ error: { root_cause: [fault], ...fault }, status: 401 }))
}

type Sender = ((request: IncomingMessage, response: ServerResponse, user: User) => Promise<void>) & {
  close(): void
}

function senderTo(
  { url, ca }: { readonly url: string; readonly ca?: string },
  onForbidden: (what: string) => void,
): Sender {
  const { protocol, hostname, port } = new URL(url)
  const isSecure = protocol === 'https:'
  const agent = isSecure
    ? new TlsAgent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) })
    : new Agent({ keepAlive: true })
  const send = async (request: IncomingMessage, response: ServerResponse, user: User): Promise<void> => {
    const { method = 'GET', url: path = '/' } = request
    const headers = headersFor(request.headers, user)
    const sent = (isSecure ? forwardSecurely : forward)({ hostname, port, method, path, headers, agent })
    // Once it is answered its connection serves others.
    response.once('close', () => response.writableFinished || sent.destroy())
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>
    const [, [answer]] = await Promise.all([pipeline(request, sent), answered])
    let text = ''
    if (/_bulk|_mget/.test(path)) answer.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    response.writeHead(answer.statusCode!, endToEnd(answer.headers))
    await pipeline(answer, response)
    if (answer.statusCode === 403 || text.includes('"security_exception"'))
      onForbidden(`${user.user}: ${method} ${path.split('?')[0]}`)
  }
  return Object.assign(send, { close: () => agent.destroy() })
}

function headersFor(headers: IncomingHttpHeaders, { user, password }: User): IncomingHttpHeaders {
  const { host: _, ...rest } = endToEnd(headers)
  return { ...rest, authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}

/** Each of the two connections is kept or ended by itself: a HEAD ends the one that it came by. */
function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const passed = { ...headers }
  delete passed.connection
  delete passed['keep-alive']
  return passed
}
