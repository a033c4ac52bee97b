import type { Moment } from '../moment.ts'
import type { Random } from '../random.ts'

/** What a line is written from. One object a container; a style reads it and may set the flags. */
export interface App {
  readonly random: Random
  readonly moment: Moment
  readonly namespace: string
  readonly pod: string
  readonly container: string
  /** Unique in the cluster: stream's number and the line's. Most lines carry it, as request id or trace id. */
  token: string
  /** Set by a style whose text has several lines or may be longer than 16 KiB; the caller clears it. */
  special: boolean
  /** Set by a style that writes this text to stderr; the caller clears it. */
  stderr: boolean
}

/** Makes the text of the next log line(s), without the runtime's prefix. */
export type Style = (app: App) => string

export const USERS = ['dana', 'lin', 'omar', 'petra', 'sofia', 'tomasz', 'yusuf', 'zoe'] as const
export const PATHS = [
  '/',
  '/api/v1/orders',
  '/api/v1/orders/8841',
  '/api/v1/cart',
  '/api/v1/users/me',
  '/assets/app.9f2c.js',
  '/healthz',
  '/checkout',
  '/search?q=lamp',
  '/api/v1/payments',
  '/login',
  '/static/logo.svg',
] as const
export const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
  'kube-probe/1.34',
  'curl/8.9.1',
  'Go-http-client/2.0',
  'okhttp/4.12.0',
] as const

const WORDS = [
  'cache',
  'worker',
  'queue',
  'shard',
  'replica',
  'lease',
  'session',
  'token',
  'index',
  'snapshot',
  'bucket',
  'tenant',
  'upstream',
  'retry',
  'batch',
  'cursor',
  'watch',
  'quota',
  'invoice',
  'basket',
  'refund',
  'stock',
  'label',
  'route',
] as const
const DEEDS = [
  'refreshed',
  'expired',
  'accepted',
  'scheduled',
  'committed',
  'skipped',
  'opened',
  'closed',
  'synced',
  'rejected',
  'flushed',
  'resolved',
  'renewed',
  'evicted',
  'loaded',
] as const

/** A sentence such as `queue committed after 18 ms, shard 4`. */
export function sentence(random: Random): string {
  return `${random.pick(WORDS)} ${random.pick(DEEDS)} after ${random.below(900)} ms, ${random.pick(WORDS)} ${random.below(64)}`
}

export function clientAddress(random: Random): string {
  return `10.${random.between(20, 23)}.${random.below(256)}.${random.between(1, 254)}`
}

export function status(random: Random): number {
  const dice = random.below(100)
  if (dice < 86) return 200
  if (dice < 90) return 304
  if (dice < 95) return 404
  return dice < 98 ? 403 : 502
}
