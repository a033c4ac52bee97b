import { request as plainRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { DecklogError } from '../../core/errors.ts'

/** The API server's answers, as streams. Credentials and TLS are Kubernetes' own client's. */
export interface ApiClient {
  /** Resolves with the answer's head; its body is to be read or destroyed. @throws {DecklogError} `unreachable`, `aborted` */
  get(path: string, options: AskOptions): Promise<IncomingMessage>
  send(method: 'POST' | 'PUT', path: string, body: object, options: AskOptions): Promise<Answer>
}

export interface AskOptions {
  readonly signal: AbortSignal
  /** Nothing came for so long: the connection is given up, milliseconds. */
  readonly idleMs: number
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}

export interface ClientConfig {
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
}

const BODY_BYTES_MAX = 1024 * 1024

/** @throws {DecklogError} `config-invalid` when there is no cluster to talk to */
export async function connectApi({ kubeconfig, context }: ClientConfig): Promise<ApiClient> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    if (kubeconfig === undefined) config.loadFromDefault()
    else config.loadFromFile(kubeconfig)
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : 'unknown'
    throw new DecklogError(
      'config-invalid',
      `the kubeconfig cannot be read (${why}); name another with kubeconfig`,
    )
  }
  if (context !== undefined) config.setCurrentContext(context)
  const cluster = config.getCurrentCluster()
  if (cluster === null)
    throw new DecklogError('config-invalid', 'the kubeconfig names no cluster; set kubeconfig, and context')
  const server = new URL(cluster.server)
  const optionsOf = async (path: string): Promise<RequestOptions> => {
    const options: RequestOptions = {
      hostname: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port === '' ? (server.protocol === 'https:' ? 443 : 80) : server.port,
      path: server.pathname.replace(/\/$/, '') + path,
      headers: { accept: 'application/json', 'user-agent': 'decklog' },
    }
    await config.applyToHTTPSOptions(options as Parameters<typeof config.applyToHTTPSOptions>[0])
    // An agent for TLS cannot be used without it.
    if (server.protocol === 'http:') delete options.agent
    return options
  }
  const request = server.protocol === 'https:' ? tlsRequest : plainRequest
  const ask = async (
    method: string,
    path: string,
    body: Buffer | undefined,
    { signal, idleMs }: AskOptions,
  ): Promise<IncomingMessage> => {
    const options = await optionsOf(path)
    if (signal.aborted) throw new DecklogError('aborted', 'the request was given up')
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const headers = {
      ...(options.headers as Record<string, string>),
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(body.length) }),
    }
    const sent = request({ ...options, method, headers, signal }, resolve)
    sent.setTimeout(idleMs, () => sent.destroy(new Error('nothing came for too long')))
    sent.on('error', (error) => reject(unreachable(error, signal)))
    sent.end(body)
    return promise
  }
  return {
    get: (path, options) => ask('GET', path, undefined, options),
    send: async (method, path, body, options) => {
      const response = await ask(method, path, Buffer.from(JSON.stringify(body)), options)
      return { status: response.statusCode ?? 0, body: await readJson(response) }
    },
  }
}

function unreachable(error: Error, signal: AbortSignal): DecklogError {
  if (signal.aborted) return new DecklogError('aborted', 'the request was given up')
  const code = (error as NodeJS.ErrnoException).code ?? error.message
  return new DecklogError('unreachable', `the API server cannot be reached (${code})`, { retryable: true })
}

/** The body, undefined when it is none or too long. */
export async function readJson(response: IncomingMessage, bytesMax = BODY_BYTES_MAX): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) {
      response.destroy()
      return undefined
    }
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch {
    return undefined
  }
}
