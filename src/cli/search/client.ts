import { existsSync } from 'node:fs'
import { createApi } from '../../api/app.ts'
import { SERVICE_LIMITS } from '../../api/service.ts'
import { systemClock } from '../../app/system-clock.ts'
import type { Config } from '../../config/config.ts'
import { DecklogError, isAbort } from '../../core/errors.ts'
import { Telemetry } from '../../core/telemetry.ts'
import type { Store } from '../../ports/store.ts'

export const DEFAULT_URL = 'http://127.0.0.1:7700'
export const DEFAULT_DATA = './decklog-data'

/** Opens the store of a data directory for reading. */
export type OpenStore = (dataDir: string) => Promise<Store>

export type AskParameters = Readonly<Record<string, string | number | undefined>>

/** Something that answers the HTTP API: a running decklog, or the API over a data directory in this process. */
export interface Client extends AsyncDisposable {
  /** Where the answers come from, for a person. */
  readonly place: string
  readonly running: boolean
  /** @throws {DecklogError} what the API says is wrong, or `unreachable` */
  ask(
    path: string,
    parameters: AskParameters,
    options?: { headers?: Record<string, string>; signal?: AbortSignal; method?: string; body?: string },
  ): Promise<Response>
}

export interface ConnectOptions {
  readonly url: string | undefined
  readonly data: string | undefined
  readonly openStore: OpenStore
  readonly warn: (line: string) => void
}

/**
 * A named directory is opened, a named address asked. Where neither is named, the decklog that runs here is asked, and the
 * default directory opened when none runs.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  if (options.url === undefined && options.data !== undefined) return await openNamed(options, options.data)
  const url = baseUrl(options.url ?? DEFAULT_URL)
  const fault = await faultAt(url)
  if (fault === undefined) return remote(url)
  if (options.url !== undefined || !existsSync(DEFAULT_DATA)) {
    throw unreachable(url, fault, options.url !== undefined)
  }
  return await local(DEFAULT_DATA, options.openStore)
}

async function openNamed(options: ConnectOptions, data: string): Promise<Client> {
  if (!existsSync(data))
    throw new DecklogError('unreachable', `there is no data directory ${data}; name another with --data`)
  try {
    return await local(data, options.openStore)
  } catch (error) {
    if (!(error instanceof DecklogError) || error.code !== 'data-dir-held') throw error
    const url = baseUrl(DEFAULT_URL)
    const fault = await faultAt(url)
    if (fault !== undefined) throw error
    options.warn(`${data} is held by a running decklog: asking ${url.origin}`)
    return remote(url)
  }
}

/** Where the decklog of a configuration is asked from its own machine. */
export function addressOf({ http }: Pick<Config, 'http'>): string {
  const { host, port } = http.listen
  if (port === 0) return DEFAULT_URL
  const reached = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`
}

function remote(url: URL): Client {
  return {
    place: url.origin,
    running: true,
    ask: async (path, parameters, options = {}) => {
      const target = address(url, path, parameters)
      return await checked(await reached(url, () => fetch(target, options)))
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function local(data: string, openStore: OpenStore): Promise<Client> {
  const store = await openStore(data)
  const closing = new AbortController()
  const api = createApi({
    store,
    telemetry: new Telemetry(),
    clock: systemClock,
    status: () => ({}),
    ready: () => undefined,
    hosts: undefined,
    webDirectory: undefined,
    closing: closing.signal,
    onFault: (error) => {
      throw error
    },
    limits: { ...SERVICE_LIMITS, queryMsMax: 600_000 },
  })
  return {
    place: data,
    running: false,
    ask: async (path, parameters, options = {}) =>
      await checked(await api.request(address(new URL('http://local'), path, parameters), options)),
    [Symbol.asyncDispose]: async () => {
      closing.abort(new DecklogError('closed', 'the search has ended'))
      await store.close()
    },
  }
}

function address(base: URL, path: string, parameters: AskParameters): string {
  const url = new URL(base.pathname.replace(/\/$/, '') + path, base)
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
  return url.href
}

function baseUrl(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new DecklogError('usage', `--url ${JSON.stringify(text)} is no address; write it as ${DEFAULT_URL}`)
}

/** Why no decklog answers there, or undefined when one does. */
async function faultAt(url: URL): Promise<string | undefined> {
  try {
    const response = await fetch(address(url, '/health', {}), { signal: AbortSignal.timeout(5_000) })
    const body = (await response.json()) as { status?: unknown } | null
    return response.ok && body?.status === 'ok' ? undefined : 'what answers there is no decklog'
  } catch (error) {
    return error instanceof SyntaxError ? 'what answers there is no decklog' : 'nothing answers there'
  }
}

function unreachable(url: URL, fault: string, named: boolean): DecklogError {
  const hint = named
    ? 'correct --url, or start it with "decklog up"'
    : `and there is no data directory ${DEFAULT_DATA}: start it with "decklog up", or say where with --url or --data`
  return new DecklogError('unreachable', `no decklog at ${url.origin}: ${fault}; ${hint}`)
}

async function reached(url: URL, ask: () => Promise<Response>): Promise<Response> {
  try {
    return await ask()
  } catch (error) {
    if (isAbort(error)) throw error
    throw new DecklogError('unreachable', `decklog at ${url.origin} does not answer any more`, {
      cause: error,
      retryable: true,
    })
  }
}

/** Turns a problem of the API back into the error that it was. */
async function checked(response: Response): Promise<Response> {
  if (response.ok) return response
  const problem = (await response.json().catch(() => ({}))) as {
    type?: unknown
    detail?: unknown
    position?: unknown
  }
  const detail =
    typeof problem.detail === 'string' ? problem.detail : `decklog answered with HTTP ${response.status}`
  if (problem.type === 'urn:decklog:problem:query-invalid') {
    throw new DecklogError(
      'query-invalid',
      detail,
      typeof problem.position === 'number' ? { position: problem.position } : {},
    )
  }
  if (response.status >= 500) throw new DecklogError('unreachable', detail, { retryable: true })
  throw new DecklogError('usage', detail)
}
