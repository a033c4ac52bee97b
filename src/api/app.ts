import { type Context, Hono } from 'hono'
import { exportEvents } from './export.ts'
import { ProblemError, problemFrom, problemOf, problemResponse } from './problems.ts'
import { fields, values } from './routes-catalogue.ts'
import { deadLetters, health, metrics, ready, replay, REPLAY_PATH, status } from './routes-machine.ts'
import { context, event, histogram, search, top } from './routes-search.ts'
import { hostName, SECURITY_HEADERS } from './security.ts'
import type { Connection, Service } from './service.ts'
import { StaticFiles } from './static.ts'
import { tail, type Tails } from './tail.ts'

type Route = (service: Service, request: Request, connection: Connection) => Response | Promise<Response>
type Bindings = { readonly outgoing?: { destroy(): unknown } } | undefined

/** The HTTP API of `docs/api.md`, and the page, as one function from request to answer. */
export function createApi(service: Service): Hono {
  const app = new Hono()
  const tails: Tails = { open: 0 }
  const routes: Readonly<Record<string, Route>> = {
    '/api/search': search,
    '/api/histogram': histogram,
    '/api/top': top,
    '/api/context': context,
    '/api/event': event,
    '/api/tail': (own, request) => tail(own, request, tails),
    '/api/fields': fields,
    '/api/values': values,
    '/api/export': exportEvents,
    '/api/status': status,
    '/api/dead-letters': deadLetters,
    '/health': health,
    '/ready': ready,
    '/metrics': metrics,
  }
  app.use(async (c, next) => {
    await next()
    finish(service, c, Object.hasOwn(routes, c.req.path) ? c.req.path : 'other')
  })
  app.use(async (c, next) => {
    guard(service, c.req.raw)
    await next()
  })
  for (const [path, route] of Object.entries(routes))
    app.get(path, (c) => route(service, c.req.raw, connectionOf(c)))
  app.post(REPLAY_PATH, (c) => replay(service, c.req.raw))
  app.get('*', pageOf(service))
  app.notFound((c) =>
    problemResponse(problemOf('not-found', `there is nothing at ${c.req.path.slice(0, 200)}`)),
  )
  app.onError((error, c) => failed(service, error, c))
  return app
}

function connectionOf(c: Context): Connection {
  const outgoing = (c.env as Bindings)?.outgoing
  return { cut: outgoing === undefined ? undefined : () => outgoing.destroy() }
}

function guard(service: Service, request: Request): void {
  if (request.method === 'POST' && new URL(request.url).pathname === REPLAY_PATH) refuseForeign(request)
  else if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new ProblemError(
      'method-refused',
      'every call is a GET and changes nothing, except POST /api/dead-letters/replay',
    )
  }
  const host = hostName(request.headers.get('host') ?? '')
  if (service.hosts !== undefined && !service.hosts.has(host)) {
    throw new ProblemError(
      'host-refused',
      'decklog is not served under this host name; ask for localhost, or configure the name',
    )
  }
}

/** A page of another site can send a simple form, but neither this content type nor our origin. */
function refuseForeign(request: Request): void {
  const origin = request.headers.get('origin')
  const isForeign = origin !== null && URL.parse(origin)?.host !== request.headers.get('host')
  if (isForeign || !(request.headers.get('content-type') ?? '').startsWith('application/json')) {
    throw new ProblemError('method-refused', 'send JSON, from decklog itself and not from another site')
  }
}

function finish(service: Service, c: Context, route: string): void {
  const { headers } = c.res
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers.set(name, value)
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store')
  service.telemetry.add('decklog_http_requests_total', 1, { route, status: String(c.res.status) })
}

function failed(service: Service, error: unknown, c: Context): Response {
  const problem = problemFrom(error)
  if (problem.status === 500) service.onFault(error, c.req.path)
  return problemResponse(problem, problem.status === 405 ? { allow: 'GET, HEAD' } : {})
}

function pageOf(service: Service): (c: Context, next: () => Promise<void>) => Promise<Response | void> {
  if (service.webDirectory === undefined) return (_c, next) => next()
  const files = new StaticFiles(service.webDirectory)
  return async (c, next) => (await files.answer(c.req.raw)) ?? next()
}
