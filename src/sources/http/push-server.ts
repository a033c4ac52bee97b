import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { DecklogError, systemCode } from '../../core/errors.ts'
import type { Telemetry } from '../../core/telemetry.ts'
import { type Answer, isAnswer, refusal } from './answer.ts'
import { MemoryBudget } from './budget.ts'
import { type BodyLimits, readBody, tooLarge } from './read-body.ts'

export interface ServerTls {
  /** PEM. */
  readonly certificate: string
  readonly key: string
  readonly passphrase?: string | undefined
  readonly clientCa?: string | undefined
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
}

export interface PushServerOptions extends BodyLimits {
  readonly kind: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly tls?: ServerTls | undefined
  readonly connectionsMax: number
  readonly memoryMax: number
  /** Milliseconds for a request's headers, and for all of it. */
  readonly headerTimeout: number
  readonly bodyTimeout: number
  readonly telemetry: Telemetry
  /** Looks at a request before its body is read; what comes back reads it. An answer refuses it. */
  readonly admit: (request: PushRequest) => Answer | TakeBody
}

export interface PushRequest {
  readonly method: string
  /** Without its query, as it was sent. */
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** Of its certificate, where the server asks for one. */
  readonly clientName: string | undefined
}

/** Must not throw. The body's memory is given back when it has resolved. */
export type TakeBody = (body: Buffer) => Promise<Answer>

export interface PushServer extends AsyncDisposable {
  readonly address: string
  readonly connections: number
}

const HANDSHAKE_MS = 5_000
const KEEP_ALIVE_MS = 65_000
const CLOSE_GRACE_MS = 2_000
/** After a refusal that did not read the body: so much of it is thrown away. A sender that goes on for longer has had time to read the answer. */
const DRAIN_BYTES_MAX = 64 * 1024 * 1024
const DRAIN_MS = 2_000
/** What one address may have of all connections. */
const ADDRESS_SHARE = 0.5

/**
 * An HTTP server for pushes: bounded in connections, bytes and time, so that a sender who does any of it wrong harms only itself.
 * @throws {DecklogError} `unreachable` when it cannot listen, `config-invalid` when certificate or key are wrong
 */
export async function startPushServer(options: PushServerOptions): Promise<PushServer> {
  const { listen: at, kind, telemetry, connectionsMax } = options
  const memory = new MemoryBudget(options.memoryMax)
  const server = newServer(options)
  server.maxConnections = connectionsMax
  // A request that is torn or too slow has no response to answer with.
  server.on('clientError', (error, socket) => badRequest(error, socket as Socket, options))
  server.on('tlsClientError', (_error, socket: TLSSocket) => {
    telemetry.add('decklog_source_refused_total', 1, { kind, reason: 'tls' })
    socket.destroy()
  })
  server.on('drop', () => telemetry.add('decklog_source_refused_total', 1, { kind, reason: 'connections' }))
  const answer = (request: IncomingMessage, response: ServerResponse, mustContinue: boolean): void => {
    void answerOne({ request, response, mustContinue, options, memory })
  }
  server.on('request', (request, response) => answer(request, response, false))
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
    answer(request, response, true),
  )
  const open = countConnections(server, options)
  await listening(server, at)
  const { address, port } = server.address() as AddressInfo
  return {
    address: `${address.includes(':') ? `[${address}]` : address}:${port}`,
    get connections() {
      return open.size
    },
    [Symbol.asyncDispose]: () => close(server, open),
  }
}

function newServer(options: PushServerOptions): Server {
  const { tls, headerTimeout, bodyTimeout } = options
  const timeouts = {
    headersTimeout: headerTimeout,
    requestTimeout: Math.max(headerTimeout, bodyTimeout),
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(1_000, headerTimeout),
    maxHeaderSize: 16 * 1024,
  }
  if (tls === undefined) return createPlainServer(timeouts)
  try {
    return createTlsServer({
      ...timeouts,
      cert: tls.certificate,
      key: tls.key,
      ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
      ...(tls.clientCa === undefined
        ? {}
        : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
      minVersion: tls.minVersion,
      handshakeTimeout: HANDSHAKE_MS,
    })
  } catch (error) {
    const code = systemCode(error) ?? 'unknown error'
    throw new DecklogError(
      'config-invalid',
      `${options.kind}: certificate and key cannot be used (${code}); give a PEM pair that belongs together`,
    )
  }
}

async function listening(server: Server, { host, port }: PushServerOptions['listen']): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host, port }, resolve)
  try {
    await promise
  } catch (cause) {
    const code = systemCode(cause) ?? 'unknown error'
    throw new DecklogError(
      'unreachable',
      `cannot listen on ${host}:${port} (${code}); set listen of this source to a free address of this machine`,
      { cause },
    )
  } finally {
    server.off('error', reject)
  }
}

/** Counts, and refuses an address that has more than its share. */
function countConnections(
  server: Server,
  { kind, telemetry, connectionsMax }: PushServerOptions,
): Set<Socket> {
  const open = new Set<Socket>()
  const byAddress = new Map<string, number>()
  const addressMax = Math.max(2, Math.ceil(connectionsMax * ADDRESS_SHARE))
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? ''
    const count = (byAddress.get(address) ?? 0) + 1
    if (count > addressMax) {
      telemetry.add('decklog_source_refused_total', 1, { kind, reason: 'connections' })
      socket.destroy()
      return
    }
    byAddress.set(address, count)
    open.add(socket)
    telemetry.set('decklog_source_connections', open.size, { kind })
    socket.on('error', () => undefined)
    socket.once('close', () => {
      const left = byAddress.get(address)! - 1
      if (left === 0) byAddress.delete(address)
      else byAddress.set(address, left)
      open.delete(socket)
      telemetry.set('decklog_source_connections', open.size, { kind })
    })
  })
  return open
}

function badRequest(error: Error, socket: Socket, { kind, telemetry }: PushServerOptions): void {
  const code = systemCode(error) ?? ''
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const isSlow = code === 'ERR_HTTP_REQUEST_TIMEOUT'
  telemetry.add('decklog_source_refused_total', 1, { kind, reason: isSlow ? 'slow' : 'malformed' })
  socket.end(
    `HTTP/1.1 ${isSlow ? '408 Request Timeout' : '400 Bad Request'}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
  )
  socket.destroySoon()
}

interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The sender waits to be told to go on before it sends its body. */
  readonly mustContinue: boolean
  readonly options: PushServerOptions
  readonly memory: MemoryBudget
}

async function answerOne({ request, response, mustContinue, options, memory }: Asked): Promise<void> {
  response.on('error', () => undefined)
  const taken = options.admit(asPush(request))
  if (isAnswer(taken)) return tell(request, response, taken, options)
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > options.bodyMax)
    return tell(request, response, tooLarge(options.bodyMax, 'its body'), options)
  if (mustContinue) response.writeContinue()
  const body = await readBody(request, options, memory)
  // It went away: nobody is there to be told, and nothing of it counts.
  if (body === undefined) return void request.destroy()
  if (!Buffer.isBuffer(body)) return tell(request, response, body, options)
  try {
    tell(request, response, await taken(body), options)
  } finally {
    memory.giveBack(body.length)
  }
}

function asPush(request: IncomingMessage): PushRequest {
  const { method = '', url = '/', headers, socket } = request
  const subject =
    'getPeerCertificate' in socket ? (socket as TLSSocket).getPeerCertificate().subject : undefined
  const clientName = subject?.CN
  return {
    method,
    path: url.split('?', 1)[0]!,
    headers,
    clientName: Array.isArray(clientName) ? clientName[0] : clientName,
  }
}

function tell(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  options: PushServerOptions,
): void {
  const { kind, telemetry } = options
  if (answer.reason !== undefined)
    telemetry.add('decklog_source_refused_total', 1, { kind, reason: answer.reason })
  const text = answer.error === undefined ? '{}\n' : `${JSON.stringify({ error: answer.error })}\n`
  const headers: Record<string, string | number> = {
    ...answer.headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff',
  }
  if (answer.retryAfter !== undefined) headers['retry-after'] = answer.retryAfter
  response.writeHead(answer.status, headers)
  response.end(text)
  if (!request.complete) drain(request)
}

/**
 * Reads on for a moment and throws it away: closed at once, the connection would be reset, and what the sender had not read of the answer
 * by then would be lost. For the same reason the answer does not say `connection: close`: Node would close it when it is written.
 */
function drain(request: IncomingMessage): void {
  let bytes = 0
  const end = (): void => void request.destroy()
  const timer = setTimeout(end, DRAIN_MS)
  timer.unref()
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > DRAIN_BYTES_MAX) end()
  })
  request.once('close', () => clearTimeout(timer))
  request.once('end', () => clearTimeout(timer))
  request.on('error', () => undefined)
  request.resume()
}

async function close(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  const grace = setTimeout(() => {
    for (const socket of open) socket.destroy()
  }, CLOSE_GRACE_MS)
  await promise
  clearTimeout(grace)
}

/** What every push server answers to whoever asks whether it is there. Undefined: it is no such question. */
export function healthOf({ method, path }: PushRequest): Answer | undefined {
  if (path !== '/health' || (method !== 'GET' && method !== 'HEAD')) return undefined
  return { status: 200 }
}

export function mustPost({ method }: PushRequest): Answer | undefined {
  if (method === 'POST' || method === 'PUT') return undefined
  return refusal(405, 'method', 'records are sent with POST', { headers: { allow: 'POST, PUT' } })
}
