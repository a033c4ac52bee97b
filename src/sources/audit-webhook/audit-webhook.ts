import { DecklogError } from '../../core/errors.ts'
import type { Receiver, ReceiverOptions } from '../../ports/receiver.ts'
import { type Answer, refusal } from '../http/answer.ts'
import { appendAnswer, fullAnswer } from '../http/append-answer.ts'
import {
  healthOf,
  mustPost,
  type PushRequest,
  type ServerTls,
  startPushServer,
  type TakeBody,
} from '../http/push-server.ts'
import { Tokens } from '../http/tokens.ts'
import { cutEvents } from './cut-events.ts'

/** As `config/sources/audit-webhook.ts` gives it. Sizes in bytes. */
export interface AuditWebhookConfig {
  readonly listen: { readonly host: string; readonly port: number }
  readonly tls?: ServerTls | undefined
  readonly tokens: Readonly<Record<string, string>>
  readonly bodyMax: number
  readonly unpackedMax: number
  readonly ratioMax: number
  readonly connectionsMax: number
  readonly memoryMax: number
  readonly answerTimeoutMs: number
}

/** A body comes from a machine nearby: one that takes longer is stuck, and the API server sends it again. */
const HEADER_TIMEOUT_MS = 5_000
const BODY_TIMEOUT_MS = 15_000
/** However late a body was: a flush takes a few milliseconds. */
const ANSWER_MS_MIN = 50

/**
 * Takes what Kubernetes' API servers send to an audit webhook (kubernetes.io/docs/tasks/debug/debug-cluster/audit): an `EventList` of
 * `audit.k8s.io/v1`, of which each item becomes a record of exactly its bytes. 200 means that they are on disk; in blocking mode the API
 * waits for it, so an answer comes in time or is a 503. Names of a stream: `sender`.
 */
export async function startAuditWebhook(options: ReceiverOptions<AuditWebhookConfig>): Promise<Receiver> {
  const { config, telemetry } = options
  refuseOpenDoor(config)
  const tokens = new Tokens(config.tokens)
  const server = await startPushServer({
    ...config,
    kind: 'audit-webhook',
    headerTimeout: HEADER_TIMEOUT_MS,
    bodyTimeout: BODY_TIMEOUT_MS,
    telemetry,
    admit: (request) => admit(request, tokens, options),
  })
  return {
    address: server.address,
    problems: () => [],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** Whoever could write here could write history. @throws {DecklogError} `config-invalid` */
function refuseOpenDoor({ listen, tls, tokens }: AuditWebhookConfig): void {
  const isLoopback = listen.host === 'localhost' || listen.host === '::1' || listen.host.startsWith('127.')
  if (isLoopback) return
  if (tls === undefined) {
    throw new DecklogError(
      'config-invalid',
      `audit-webhook: without tls it listens on loopback only; give it a certificate and a key, or listen on 127.0.0.1`,
    )
  }
  if (tls.clientCa === undefined && Object.keys(tokens).length === 0) {
    throw new DecklogError(
      'config-invalid',
      'audit-webhook: give it tokens, or tls.clientCa: else anybody could write audit events',
    )
  }
}

function admit(
  request: PushRequest,
  tokens: Tokens,
  options: ReceiverOptions<AuditWebhookConfig>,
): Answer | TakeBody {
  const { config, spool } = options
  const early = healthOf(request) ?? mustPost(request)
  if (early !== undefined) return early
  const byToken = tokens.nameOf(request.headers.authorization)
  if (byToken === undefined && !tokens.isEmpty) {
    const headers = { 'www-authenticate': 'Bearer' }
    return refusal(401, 'token', 'this takes a bearer token that its configuration names', { headers })
  }
  const type = (request.headers['content-type'] ?? 'application/json').split(';', 1)[0]!.trim().toLowerCase()
  if (type !== 'application/json') return refusal(415, 'type', 'send application/json')
  const names = { sender: byToken ?? request.clientName ?? 'apiserver' }
  const full = fullAnswer(spool)
  if (full !== undefined) return full
  const deadlineMs = performance.now() + config.answerTimeoutMs
  return async (body) => {
    const cut = cutEvents(body)
    if (typeof cut === 'string') return refusal(400, 'content', cut)
    const leftMs = Math.max(ANSWER_MS_MIN, Math.round(deadlineMs - performance.now()))
    return appendAnswer(spool, names, cut, leftMs)
  }
}
