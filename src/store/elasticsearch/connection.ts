import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { Client, ClusterConnectionPool, type ClientOptions, errors } from '@elastic/elasticsearch'
import { DecklogError } from '../../core/errors.ts'
import { serializerOfTexts } from './plain-serializer.ts'

/** How to reach a cluster: plain data, as the configuration has it. Secrets are already filled in. */
export interface ElasticsearchOptions {
  /** `https://host:9200`, one or more. Not needed with a cloud id. */
  readonly nodes: readonly string[]
  readonly auth?: ElasticsearchAuth
  readonly cloudId?: string
  readonly tls?: {
    /** PEM text of the authority that signed the nodes' certificates. */
    readonly ca?: string
    /** SHA-256 of that authority's certificate, as Elasticsearch prints it at its first start. */
    readonly caFingerprint?: string
    /** @default true */
    readonly rejectUnauthorized?: boolean
  }
  /** A request without an answer is given up after so long. @default 30,000 */
  readonly requestTimeoutMs?: number
  /** gzip of requests and answers: for networks that are slow or paid for. @default false */
  readonly compression?: boolean
}

export type ElasticsearchAuth =
  | { readonly user: string; readonly password: string }
  /** The encoded form, `id:key` in base64. */
  | { readonly apiKey: string }

export interface EsRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  /** Encoded by the caller, e.g. `/_search`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean>>
  /** An object goes as JSON, a text or Buffer goes as it is: newline-delimited JSON. */
  readonly body?: object | string | Buffer
  readonly signal?: AbortSignal
  /** @default `requestTimeoutMs` of the connection */
  readonly timeoutMs?: number
  /** By which the request is found among the cluster's tasks while it runs. */
  readonly opaqueId?: string
}

export interface EsAnswer {
  readonly status: number
  /** Parsed; undefined when the answer was empty. Whole numbers over 2^53 are not exact: see `requestText`. */
  readonly body: unknown
}

export interface EsTextAnswer {
  readonly status: number
  readonly text: string
}

export interface EsBytesAnswer {
  readonly status: number
  /** In pieces as they arrived, neither joined nor decoded: an answer to a large write is rarely read. */
  readonly chunks: readonly Buffer[]
}

export interface EsConnection {
  /** How many nodes it knows. */
  readonly nodes: number
  /**
   * Every answer is a value, also 4xx and 5xx.
   * @throws {DecklogError} `unreachable` (retryable) without a readable answer, `aborted`, `closed`
   */
  request(request: EsRequest): Promise<EsAnswer>
  /** The same, unparsed: documents must be read back exactly as they were written. */
  requestText(request: EsRequest): Promise<EsTextAnswer>
  requestBytes(request: EsRequest): Promise<EsBytesAnswer>
  close(): Promise<void>
}

const REQUEST_TIMEOUT_MS = 30_000
/** A node that failed is left alone for so long while others answer; doubles with each failure after. */
const RESURRECT_MS = 5_000
const ANSWER_BYTES_MAX = 256 * 1024 * 1024

/**
 * A pool of connections to the nodes of one cluster, for Elasticsearch 8 and 9 alike: without the media types that name a
 * version, for 8 refuses those of 9. It never retries, but for a node that could not be connected to when there are others.
 */
export function connect(options: ElasticsearchOptions): EsConnection {
  const client = new Client(clientOptions(options))
  const pool = client.connectionPool
  if (pool instanceof ClusterConnectionPool) pool.resurrectTimeout = RESURRECT_MS
  const nodes = Math.max(1, options.nodes.length)
  const closing = new AbortController()
  const attempts = async <T>(request: EsRequest, send: Send<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await perform(request, {
          send: (signal) => send(client, request, signal),
          options,
          closing: closing.signal,
        })
      } catch (error) {
        if (!neverConnected(error) || attempt >= nodes) throw translate(error, request)
      }
    }
  }
  const requestText = (request: EsRequest): Promise<EsTextAnswer> => attempts(request, sendForText)
  return {
    nodes,
    requestText,
    requestBytes: (request) => attempts(request, sendForBytes),
    async request(request) {
      const { status, text } = await requestText(request)
      return { status, body: parseAnswer(text, request) }
    },
    async close() {
      closing.abort()
      await client.close()
    },
  }
}

/** Throws when the answer was cut in the middle, or came from something that is no Elasticsearch. */
function parseAnswer(text: string, request: EsRequest): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    // Answers of proxies, and of `_cat`, are no JSON.
    throw unreachable(request, 'its answer is no JSON')
  }
}

function clientOptions(options: ElasticsearchOptions): ClientOptions {
  const { auth, tls = {} } = options
  const secure: Record<string, unknown> = {}
  if (tls.ca !== undefined) secure['ca'] = tls.ca
  // A fingerprint takes the place of a known authority.
  if (tls.rejectUnauthorized === false || tls.caFingerprint !== undefined)
    secure['rejectUnauthorized'] = false
  return {
    ...(options.cloudId === undefined ? { nodes: [...options.nodes] } : { cloud: { id: options.cloudId } }),
    ...(auth === undefined
      ? {}
      : {
          auth: 'apiKey' in auth ? { apiKey: auth.apiKey } : { username: auth.user, password: auth.password },
        }),
    ...(Object.keys(secure).length === 0 ? {} : { tls: secure }),
    ...(tls.caFingerprint === undefined ? {} : { caFingerprint: tls.caFingerprint }),
    // With redaction on, each error walks through the body of its request: a second of CPU and a gigabyte for 5 MB.
    redaction: { type: 'off' },
    maxRetries: 0,
    compression: options.compression ?? false,
    maxResponseSize: ANSWER_BYTES_MAX,
    maxCompressedResponseSize: ANSWER_BYTES_MAX,
    ConnectionPool: ClusterConnectionPool,
    resurrectStrategy: 'optimistic',
    sniffOnStart: false,
    enableMetaHeader: false,
    Serializer: serializerOfTexts(),
  }
}

type Send<T> = (client: Client, request: EsRequest, signal: AbortSignal) => Promise<T>

async function perform<T>(
  request: EsRequest,
  {
    send,
    options,
    closing,
  }: {
    readonly send: (signal: AbortSignal) => Promise<T>
    readonly options: ElasticsearchOptions
    readonly closing: AbortSignal
  },
): Promise<T> {
  if (request.signal?.aborted) throw new DecklogError('aborted', 'a request was given up')
  if (closing.aborted) throw new DecklogError('closed', 'the connection to Elasticsearch is closed')
  const timeoutMs = request.timeoutMs ?? options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
  // The client's own time-out fires an event at the signal it was given, and so ends all requests that share it.
  const timeout = AbortSignal.timeout(timeoutMs)
  const signals = [timeout, closing, ...(request.signal === undefined ? [] : [request.signal])]
  try {
    return await send(AbortSignal.any(signals))
  } catch (error) {
    if (request.signal?.aborted) throw new DecklogError('aborted', 'a request was given up')
    if (closing.aborted) throw new DecklogError('closed', 'the connection to Elasticsearch is closed')
    if (timeout.aborted) throw unreachable(request, `no answer within ${timeoutMs} ms`)
    throw error
  }
}

const EVERY_CLIENT_ERROR = Array.from({ length: 200 }, (_, at) => 400 + at).filter(
  (status) => status !== 502 && status !== 503 && status !== 504,
)

async function sendForText(client: Client, request: EsRequest, signal: AbortSignal): Promise<EsTextAnswer> {
  try {
    const { statusCode, body: text } = await client.transport.request<unknown>(paramsOf(request), {
      ...optionsOf(request, signal),
      meta: true,
    })
    return { status: statusCode, text: typeof text === 'string' ? text : '' }
  } catch (error) {
    if (!(error instanceof errors.ResponseError)) throw error
    const text: unknown = error.body
    return { status: error.statusCode ?? 0, text: typeof text === 'string' ? text : '' }
  }
}

async function sendForBytes(client: Client, request: EsRequest, signal: AbortSignal): Promise<EsBytesAnswer> {
  const options = { ...optionsOf(request, signal), asStream: true, meta: true as const }
  const answer = await client.transport.request<AsyncIterable<Buffer>>(paramsOf(request), options)
  const status = answer.statusCode
  const { connection } = answer.meta
  if (connection !== null && status >= 502 && status <= 504) client.connectionPool.markDead(connection)
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of answer.body) {
      bytes += chunk.length
      if (bytes > ANSWER_BYTES_MAX) throw new Error('its answer is too large')
      chunks.push(chunk)
    }
  } catch (error) {
    throw new errors.ConnectionError((error as Error).message)
  }
  const isPacked = answer.headers['content-encoding'] === 'gzip'
  return { status, chunks: isPacked ? [await unzip(Buffer.concat(chunks))] : chunks }
}

const unzip = promisify(gunzip)

type Params = Parameters<Client['transport']['request']>[0]

function paramsOf({ method, path, query, body }: EsRequest): Params {
  const isPlain = typeof body === 'string' || Buffer.isBuffer(body)
  return {
    method,
    path,
    ...(query === undefined ? {} : { querystring: query }),
    ...(body === undefined ? {} : isPlain ? { bulkBody: body } : { body: JSON.stringify(body) }),
  }
}

function optionsOf({ body, opaqueId }: EsRequest, signal: AbortSignal) {
  const isPlain = typeof body === 'string' || Buffer.isBuffer(body)
  return {
    signal,
    // 502, 503 and 504 are not in it, so that the pool learns of a node that is down.
    ignore: EVERY_CLIENT_ERROR,
    headers: {
      'content-type': isPlain ? 'application/x-ndjson' : 'application/json',
      accept: 'application/json',
      ...(opaqueId === undefined ? {} : { 'x-opaque-id': opaqueId }),
    },
  }
}

const unsent = new WeakSet<DecklogError>()

/** Was no byte of this request sent? Then it has certainly not been carried out. */
export function wasNeverSent(error: unknown): boolean {
  return error instanceof DecklogError && (unsent.has(error) || error.code === 'closed')
}

function neverConnected(error: unknown): boolean {
  return (
    error instanceof errors.ConnectionError &&
    /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|Connect Timeout/.test(error.message)
  )
}

/** The client's errors hold the request with its body and headers: only their message is kept. */
function translate(error: unknown, request: EsRequest): DecklogError {
  if (error instanceof DecklogError) return error
  if (error instanceof errors.ProductNotSupportedError) {
    return unreachable(request, 'what answers is no Elasticsearch; look at the address')
  }
  const message = error instanceof Error ? error.message : 'unknown error'
  const translated = unreachable(request, explain(message))
  if (neverConnected(error)) unsent.add(translated)
  return translated
}

function explain(message: string): string {
  if (/fingerprint does not match/.test(message)) {
    return 'its certificate is signed by another authority than caFingerprint says'
  }
  if (/Invalid or malformed certificate/.test(message)) {
    return 'it shows no certificate of its authority to compare with caFingerprint; name the authority itself with tls.ca'
  }
  if (/self-signed certificate|unable to verify|unable to get local issuer|certificate/i.test(message)) {
    return `its certificate is not trusted (${message}); name its authority with tls.ca or tls.caFingerprint`
  }
  return message
}

function unreachable({ method, path }: EsRequest, why: string): DecklogError {
  const what = path.split('?')[0]!.slice(0, 100)
  return new DecklogError('unreachable', `Elasticsearch: ${method} ${what}: ${why}`, { retryable: true })
}
