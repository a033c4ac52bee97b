import { DecklogError } from '../../core/errors.ts'
import type { KafkaConnection } from './options.ts'

/** What an error means for what was tried. */
export type Verdict =
  /** It passes: try again. */
  | 'retry'
  /** The brokers will never take this message. */
  | 'too-large'
  /** The brokers no longer know this producer's sequence: it needs a new identity. */
  | 'fenced'
  /** There is no such topic, or not yet. */
  | 'no-topic'
  /** Wrong credentials, certificates or rights: somebody must do something. */
  | 'refused'

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
const FENCED = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
])
const REFUSED = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
  'SECURITY_DISABLED',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_TIMESTAMP',
  'INVALID_RECORD',
  'POLICY_VIOLATION',
])

interface KafkaError {
  readonly name?: string
  readonly message?: string
  /** The broker's error, e.g. `MESSAGE_TOO_LARGE`. */
  readonly type?: string
  /** Node's error, e.g. `ECONNREFUSED`. */
  readonly code?: string | number
  readonly cause?: unknown
}

export function judge(error: unknown): Verdict {
  for (const one of chainOf(error)) {
    const { type = '' } = one
    if (TOO_LARGE.has(type)) return 'too-large'
    if (FENCED.has(type)) return 'fenced'
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return 'no-topic'
    if (REFUSED.has(type) || one.name === 'KafkaJSSASLAuthenticationError') return 'refused'
    if (isTlsFault(one)) return 'refused'
  }
  return 'retry'
}

export function isTimeout(error: unknown): boolean {
  return chainOf(error).some(({ name }) => name === 'KafkaJSRequestTimeoutError')
}

/** One sentence: what was tried, why it failed, what to do. */
export function translate(error: unknown, what: string, connection: KafkaConnection): DecklogError {
  if (error instanceof DecklogError) return error
  const own = chainOf(error).find((one) => one instanceof DecklogError)
  if (own instanceof DecklogError) return own
  const { sentence, retryable } = explain(error, connection)
  return new DecklogError('unreachable', `cannot ${what}: ${sentence}`, { retryable, cause: error })
}

export function missingTopic(topic: string, cause?: unknown): DecklogError {
  return new DecklogError('unreachable', `the topic ${topic} does not exist: run \`decklog setup\``, {
    retryable: true,
    cause,
  })
}

export function tooLarge(topic: string, bytes: number, cause: unknown): DecklogError {
  return new DecklogError(
    'too-large',
    `a message of ${bytes} bytes is larger than ${topic} takes: raise its max.message.bytes with \`decklog setup\``,
    { cause },
  )
}

function explain(error: unknown, connection: KafkaConnection): { sentence: string; retryable: boolean } {
  const chain = chainOf(error)
  const where = connection.brokers.join(', ')
  const types = new Set(chain.map(({ type }) => type))
  if (chain.some(isTlsFault)) return { sentence: tlsSentence(chain, where), retryable: false }
  if (
    chain.some(({ name }) => name === 'KafkaJSSASLAuthenticationError') ||
    types.has('SASL_AUTHENTICATION_FAILED')
  ) {
    return { sentence: `Kafka at ${where} refuses this user or password`, retryable: false }
  }
  if (types.has('UNSUPPORTED_SASL_MECHANISM') || types.has('ILLEGAL_SASL_STATE')) {
    return { sentence: `Kafka at ${where} does not take this SASL mechanism on this port`, retryable: false }
  }
  for (const [type, subject] of [
    ['TOPIC_AUTHORIZATION_FAILED', 'topic'],
    ['GROUP_AUTHORIZATION_FAILED', 'consumer group'],
    ['CLUSTER_AUTHORIZATION_FAILED', 'cluster'],
  ] as const) {
    if (types.has(type))
      return { sentence: `Kafka does not allow this user to use the ${subject}`, retryable: false }
  }
  if (types.has('UNKNOWN_TOPIC_OR_PARTITION'))
    return { sentence: 'the topic does not exist: run `decklog setup`', retryable: true }
  const protocol = chain.find(({ type }) => type !== undefined)
  if (protocol !== undefined) return { sentence: `Kafka answered ${protocol.type}`, retryable: true }
  return { sentence: connectionSentence(chain, where), retryable: true }
}

function connectionSentence(chain: readonly KafkaError[], where: string): string {
  const code = chain.find((one) => typeof one.code === 'string')?.code
  if (code !== undefined) return `Kafka at ${where} cannot be reached (${code})`
  if (isTimeout(chain[0])) return `Kafka at ${where} does not answer`
  if (chain.some(({ name, message = '' }) => name === 'KafkaJSConnectionError' && /timeout/i.test(message)))
    return `Kafka at ${where} cannot be reached (it does not answer)`
  if (chain.some(({ name }) => name === 'KafkaJSConnectionClosedError'))
    return `Kafka at ${where} closed the connection: does this port want TLS, or other credentials?`
  return `Kafka at ${where} cannot be used (${chain.at(-1)?.name ?? 'unknown error'})`
}

const UNTRUSTED = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
])

function isTlsFault({ code }: KafkaError): boolean {
  if (typeof code !== 'string') return false
  return UNTRUSTED.has(code) || /^(CERT_|ERR_TLS|ERR_SSL|ERR_OSSL)/.test(code) || code === 'EPROTO'
}

function tlsSentence(chain: readonly KafkaError[], where: string): string {
  const code = String(chain.find(isTlsFault)?.code)
  if (UNTRUSTED.has(code))
    return `the certificate of Kafka at ${where} is not signed by the given CA (${code})`
  if (code === 'CERT_HAS_EXPIRED') return `the certificate of Kafka at ${where} has expired`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the certificate of Kafka at ${where} bears another name (${code})`
  if (/CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE/.test(code))
    return `Kafka at ${where} wants a client certificate that it knows (${code})`
  return `Kafka at ${where} does not speak TLS on this port, or not this kind of it (${code})`
}

/** The error and its causes, outermost first. */
function chainOf(error: unknown): KafkaError[] {
  const chain: KafkaError[] = []
  for (let one = error; typeof one === 'object' && one !== null && chain.length < 10; ) {
    chain.push(one)
    one = (one as KafkaError).cause
  }
  return chain
}
