import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { createApi } from '../api/app.ts'
import { servedHosts } from '../api/security.ts'
import { SERVICE_LIMITS, type Service, type ServiceLimits } from '../api/service.ts'
import { DecklogError } from '../core/errors.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { closeServer, listen, type ListenAt } from './http-server.ts'
import type { Log } from './log.ts'

export interface ServeOptions {
  readonly store: Store
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly log: Log
  readonly listen: ListenAt & {
    /** Host names, besides those of this machine, under which it is asked. */
    readonly names?: readonly string[]
  }
  /** The report of `/api/status`. */
  readonly status: () => unknown
  readonly replayDeadLetters?: Service['replayDeadLetters']
  /** Undefined when ready, else why not. */
  readonly ready: () => string | undefined
  /** Where the page's files lie; undefined: no page. */
  readonly webDirectory: string | undefined
  readonly limits?: Partial<ServiceLimits>
}

export interface ServeRole {
  /** `http://127.0.0.1:7700`, with the port that it really has. */
  readonly url: string
  /** Answers in flight have a moment to end, streams are ended. */
  close(): Promise<void>
}

/** A query of 10,000 characters may take 90,000 bytes in a URL. */
const HEADER_BYTES_MAX = 128 * 1024

/**
 * Serves the API and the page until it is closed.
 * @throws {DecklogError} `unreachable` when it cannot listen at the address
 */
export async function startServeRole(options: ServeOptions): Promise<ServeRole> {
  const closing = new AbortController()
  const api = createApi({
    store: options.store,
    telemetry: options.telemetry,
    clock: options.clock,
    status: options.status,
    replayDeadLetters: options.replayDeadLetters,
    ready: options.ready,
    hosts: servedHosts(options.listen.host, options.listen.names ?? []),
    webDirectory: options.webDirectory,
    closing: closing.signal,
    onFault: (error, route) =>
      options.log.error({ err: error, route }, 'a request failed because of a fault in decklog'),
    limits: { ...SERVICE_LIMITS, ...options.limits },
  })
  const server = createAdaptorServer({
    fetch: api.fetch,
    overrideGlobalObjects: false,
    serverOptions: { maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: 30_000 },
  }) as Server
  const url = await listen(server, options.listen)
  const end = (): void => closing.abort(new DecklogError('closed', 'decklog is closing'))
  return { url, close: () => closeServer(server, end) }
}
