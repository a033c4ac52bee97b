import type { ConnectionOptions } from 'node:tls'
import type { Kafka as KafkaClient, LogEntry, RetryOptions, SASLOptions } from 'kafkajs'
import { Kafka, logLevel } from './kafkajs.ts'
import type { Address, BusLog, KafkaConnection, KafkaSasl, KafkaTls } from './options.ts'
import { mendEncoder } from './mend-encoder.ts'
import { mendRequestQueue } from './mend-kafkajs.ts'
import { Sockets } from './sockets.ts'
import { tokenProvider } from './token.ts'

export interface Client {
  readonly kafka: KafkaClient
  readonly sockets: Sockets
}

/**
 * Few and short: what goes on for longer is tried again by the adapter, which can be stopped and says what it waits for. All
 * values are given, for kafkajs' own defaults depend on `NODE_ENV`.
 */
export const RETRY: RetryOptions = {
  retries: 2,
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  factor: 0.2,
  multiplier: 2,
}

/** What of kafkajs' log entries is passed on: never a payload, a header or a credential. */
const LOGGED = ['broker', 'groupId', 'topic', 'partition', 'error', 'retryCount'] as const

export interface ClientOptions extends KafkaConnection {
  readonly log: BusLog
  readonly reroute?: (address: Address) => Address
}

/** One client for each producer, consumer and admin: kafkajs lets consumers of one client share committed offsets. */
export function openClient(options: ClientOptions): Client {
  mendRequestQueue()
  mendEncoder()
  const sockets = new Sockets(options.reroute)
  const kafka = new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId ?? 'decklog',
    connectionTimeout: options.connectTimeoutMs ?? 5_000,
    authenticationTimeout: options.connectTimeoutMs ?? 5_000,
    requestTimeout: options.requestTimeoutMs ?? 30_000,
    ...(options.tls === undefined ? {} : { ssl: tlsOf(options.tls) }),
    ...(options.sasl === undefined ? {} : { sasl: saslOf(options.sasl) }),
    retry: RETRY,
    socketFactory: sockets.factory,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => passOn(options.log, entry),
  })
  return { kafka, sockets }
}

function tlsOf(tls: KafkaTls): ConnectionOptions {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  }
}

function saslOf(sasl: KafkaSasl): SASLOptions {
  if (sasl.mechanism === 'oauthbearer') {
    return { mechanism: 'oauthbearer', oauthBearerProvider: tokenProvider(sasl) }
  }
  const { mechanism, username, password } = sasl
  return { mechanism, username, password }
}

/** kafkajs calls an error what it is about to try again, so all of it is detail; the adapter says what matters. */
function passOn(log: BusLog, { namespace, label, log: entry }: LogEntry): void {
  const fields: Record<string, unknown> = { part: `kafkajs ${namespace}`, level: label }
  for (const name of LOGGED) {
    const value: unknown = entry[name]
    if (typeof value === 'string' || typeof value === 'number') fields[name] = value
  }
  log.debug(fields, entry.message)
}
