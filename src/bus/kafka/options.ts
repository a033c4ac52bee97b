import type { Telemetry } from '../../core/telemetry.ts'
import type { Clock } from '../../ports/clock.ts'

/** How to reach the brokers: plain data, as the configuration has it. Certificates and keys are PEM text, never paths. */
export interface KafkaConnection {
  /** `host:port`; any of them is enough to find the others. */
  readonly brokers: readonly string[]
  /** What the brokers' logs and quotas call this process. @default 'decklog' */
  readonly clientId?: string
  /** Encrypts the connection; `{}` trusts the system's authorities. */
  readonly tls?: KafkaTls
  readonly sasl?: KafkaSasl
  /** @default 5000 */
  readonly connectTimeoutMs?: number
  /** A request without an answer for so long is sent again over a new connection. @default 30000 */
  readonly requestTimeoutMs?: number
}

export interface KafkaTls {
  /** The authority that signed the brokers' certificates; the system's when absent. */
  readonly ca?: string
  /** For brokers that ask for a client certificate (mTLS); needs `key`. */
  readonly certificate?: string
  readonly key?: string
  readonly passphrase?: string
  /** The name that the brokers' certificate must bear, where it is not the name they are reached by. */
  readonly serverName?: string
}

export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  | KafkaTokenFile
  | KafkaTokenEndpoint

/** A token that something else keeps fresh in a file; read at every login. */
export interface KafkaTokenFile {
  readonly mechanism: 'oauthbearer'
  readonly tokenFile: string
}

/** OAuth 2.0 client credentials (RFC 6749, section 4.4). */
export interface KafkaTokenEndpoint {
  readonly mechanism: 'oauthbearer'
  readonly tokenUrl: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope?: string
}

/** pino's shape. No payload and no secret is ever given to it. */
export interface BusLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Messages that the brokers deleted before a group had read them. Offsets are inclusive. */
export interface BusLoss {
  readonly topic: string
  readonly group: string
  readonly partition: number
  readonly from: number
  readonly to: number
}

export interface KafkaBusOptions extends KafkaConnection {
  readonly clock: Clock
  readonly log: BusLog
  readonly telemetry?: Telemetry
  /** The consumer group of `group` on `topic` is `<prefix><group>.<topic>`. @default 'decklog.' */
  readonly groupPrefix?: string
  /** Bytes of one send to a partition at most; a larger message goes alone. Below the brokers' limit (1 MiB). @default 900 kB */
  readonly sendBytesMax?: number
  /** Bytes that one broker may give at a time, beside what is delivered. @default a quarter of `bytesMax`, 256 KiB to 8 MiB */
  readonly fetchBytesMax?: number
  /** First pause before a nacked message comes again; doubles up to 5 s. @default 100 */
  readonly nackPauseMs?: number
  /**
   * Deliveries of one message at most; then it goes to the dead letters, and its partition goes on. A `nack` whose cause is a
   * retryable DecklogError does not count: a store that is away is not the message's fault. @default 20 (a minute and a half)
   */
  readonly attemptsMax?: number
  /** @default 'decklog.dead-letter' */
  readonly deadLetterTopic?: string
  /** How often what is acknowledged is committed, at most. @default 500 */
  readonly commitIntervalMs?: number
  /** A member that is silent for so long loses its partitions. @default 10000 */
  readonly sessionTimeoutMs?: number
  /** How long a rebalance waits for members. @default 20000 */
  readonly rebalanceTimeoutMs?: number
  /** A partition with messages and without progress for so long is reported, with the reason. @default 60000 */
  readonly stallMs?: number
  /** Told besides the log: offsets that are gone are a declared loss. */
  readonly onLoss?: (loss: BusLoss) => void
  /**
   * Told when something does not work and is tried again, each time, and once that it works again (`message` undefined). `subject`
   * is e.g. `publishing to decklog.raw.ssh`. For readiness.
   */
  readonly onTrouble?: (subject: string, message: string | undefined) => void
  /** What `lag` reports besides this bus's own subscriptions. */
  readonly watch?: readonly { readonly topic: string; readonly group: string }[]
  /** For tests: where a broker's address really is. */
  readonly reroute?: (address: Address) => Address
}

export interface Address {
  readonly host: string
  readonly port: number
}

export function groupIdOf(options: KafkaBusOptions, group: string, topic: string): string {
  return `${options.groupPrefix ?? 'decklog.'}${group}.${topic}`
}
