import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { health, metrics, ready } from '../api/routes-machine.ts'
import { SECURITY_HEADERS } from '../api/security.ts'
import type { Telemetry } from '../core/telemetry.ts'
import { closeServer, listen, type ListenAt } from './http-server.ts'

export interface HealthOptions {
  readonly telemetry: Telemetry
  readonly listen: ListenAt
  /** Undefined when ready, else why not. */
  readonly ready: () => string | undefined
}

/**
 * What every role tells a cluster and its monitoring, and nothing else: `/health` (alive), `/ready` (with the reason when not),
 * `/metrics`. Counts and sentences only, so it asks nobody who they are.
 * @throws {DecklogError} `unreachable` when it cannot listen at the address
 */
export async function startHealth(
  options: HealthOptions,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) c.res.headers.set(name, value)
  })
  app.get('/health', () => health())
  app.get('/ready', () => ready(options))
  app.get('/metrics', () => metrics(options))
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server
  const url = await listen(server, options.listen)
  return { url, close: () => closeServer(server) }
}
