import { readParameters, wholeNumber } from './parameters.ts'
import { ProblemError } from './problems.ts'
import { bounded, inTime } from './question.ts'
import { json } from './routes-search.ts'
import type { Service } from './service.ts'

export function health(): Response {
  return json('{"status":"ok"}')
}

export function ready(service: Pick<Service, 'ready'>): Response {
  const reason = service.ready()
  if (reason === undefined) return json('{"ready":true}')
  const headers = { 'content-type': 'application/json' }
  return new Response(JSON.stringify({ ready: false, reason }), { status: 503, headers })
}

export function metrics(service: Pick<Service, 'telemetry'>): Response {
  const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
  return new Response(service.telemetry.expose(), { headers })
}

export async function status(service: Service, request: Request): Promise<Response> {
  readParameters(request, [])
  const asking = bounded(service, request)
  return json(JSON.stringify(await inTime(Promise.resolve(service.status()), asking)))
}

export async function deadLetters(service: Service, request: Request): Promise<Response> {
  const values = readParameters(request, ['limit', 'cursor'])
  const limit = wholeNumber(values, 'limit', { min: 1, max: 1_000, fallback: 50 })
  const asking = bounded(service, request)
  const cursor = values.get('cursor')
  const asked = { ...asking, limit, ...(cursor ? { cursor } : {}) }
  return json(JSON.stringify(await inTime(service.store.listRecords('dead-letter', asked), asking)))
}

/** The one call that changes something. */
export const REPLAY_PATH = '/api/dead-letters/replay'
const REPLAY_BYTES_MAX = 1024 * 1024

/** Body: `{"ids":["…"]}`. Answers when the replayed letters are safe. */
export async function replay(service: Service, request: Request): Promise<Response> {
  if (service.replayDeadLetters === undefined)
    throw new ProblemError('unavailable', 'this process does not ship: ask the one that does')
  const text = await boundedText(request, REPLAY_BYTES_MAX)
  const ids = text === undefined ? undefined : idsOf(text)
  if (ids === undefined)
    throw new ProblemError('parameter-invalid', 'send {"ids":["…"]} with the ids of dead letters')
  return json(JSON.stringify(await service.replayDeadLetters(ids)))
}

/** The body; undefined when it is larger: then no more of it is read. */
async function boundedText(request: Request, bytesMax: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > bytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function idsOf(text: string): string[] | undefined {
  try {
    const { ids } = JSON.parse(text) as { ids?: unknown }
    return Array.isArray(ids) && ids.every((id) => typeof id === 'string') ? ids : undefined
  } catch {
    return undefined
  }
}
