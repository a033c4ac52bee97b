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
  /** `host:port`, on some errors. */
  readonly broker?: unknown
}

export function judge(error: unknown): Verdict {
  for (const one of chainOf(error)) {
    const { type = '' } = one
    if (TOO_LARGE.has(type)) return 'too-large'
    if (FENCED.has(type)) return 'fenced'
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return 'no-topic'
    if (REFUSED.has(type) || isLoginFault(one) || isTlsFault(one)) return 'refused'
  }
  return 'retry'
}

/** A broker has answered, so the connection is good. */
export function isAnswer(error: unknown): boolean {
  return chainOf(error).some(({ type }) => type !== undefined)
}

/** Another broker is to be asked, or the same in a moment: nothing was done, and what kafkajs knows of the cluster is out of date. */
export function isOutOfDate(error: unknown): boolean {
  return chainOf(error).some(
    ({ type = '', name }) => OUT_OF_DATE.has(type) || name === 'KafkaJSGroupCoordinatorNotFound',
  )
}

const OUT_OF_DATE = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'NOT_CONTROLLER',
])

/**
 * The connection is open and of no use: its other end is silent, or was silent when kafkajs asked what it speaks. kafkajs would keep
 * it. Returns the broker's address, where kafkajs tells it.
 */
export function deadConnection(error: unknown): { readonly broker: string | undefined } | undefined {
  const dead = chainOf(error).find(
    ({ name, message }) => name === 'KafkaJSRequestTimeoutError' || message === NEVER_SPOKE,
  )
  return dead && { broker: typeof dead.broker === 'string' ? dead.broker : undefined }
}

const NEVER_SPOKE = 'Broker not connected'

/** One sentence: what was tried, why it failed, what to do. */
export function translate(error: unknown, what: string, connection: KafkaConnection): DecklogError {
  if (error instanceof DecklogError) return error
  const own = chainOf(error).find((one) => one instanceof DecklogError)
  if (own instanceof DecklogError) return own
  const { sentence, retryable } = explain(error, connection)
  return new DecklogError('unreachable', `cannot ${what}: ${sentence}`, { retryable, cause: error })
}

export function missingTopic(topic: string, cause?: unknown): DecklogError {
  return new DecklogError(
    'unreachable',
    `the topic ${topic} does not exist, or this user may not see it: run \`decklog setup\``,
    {
      retryable: true,
      cause,
    },
  )
}

export function tooLarge(topic: string, bytes: number, cause: unknown): DecklogError {
  return new DecklogError(
    'too-large',
    `a message of ${bytes} bytes is larger than ${topic} takes: raise its max.message.bytes with \`decklog setup\``,
    { cause },
  )
}

interface Explanation {
  readonly sentence: string
  readonly retryable: boolean
}

function explain(error: unknown, connection: KafkaConnection): Explanation {
  const chain = chainOf(error)
  const where = `Kafka at ${connection.brokers.join(', ')}`
  const types = new Set(chain.map(({ type }) => type))
  const mend = (sentence: string): Explanation => ({ sentence, retryable: false })
  const wait = (sentence: string): Explanation => ({ sentence, retryable: true })
  if (chain.some(isTlsFault)) return mend(tlsSentence(chain, where))
  if (
    types.has('UNSUPPORTED_SASL_MECHANISM') ||
    types.has('ILLEGAL_SASL_STATE') ||
    chain.some(({ message = '' }) => message.includes('mechanism is not supported'))
  )
    return mend(`${where} does not take this way to log in on this port`)
  if (types.has('SASL_AUTHENTICATION_FAILED') || chain.some(isLoginFault))
    return mend(`${where} refuses this user or password`)
  for (const [type, subject] of FORBIDDEN) {
    if (types.has(type)) return mend(`${where} does not allow this user to use the ${subject}`)
  }
  if (types.has('UNKNOWN_TOPIC_OR_PARTITION')) return wait('the topic does not exist: run `decklog setup`')
  if (chain.some(({ name }) => name === 'KafkaJSGroupCoordinatorNotFound'))
    return wait(`${where} has no coordinator for the consumer group yet`)
  const answer = chain.find(({ type }) => type !== undefined)
  return wait(answer === undefined ? connectionSentence(chain, where) : `${where} answered ${answer.type}`)
}

const FORBIDDEN = [
  ['TOPIC_AUTHORIZATION_FAILED', 'topic'],
  ['GROUP_AUTHORIZATION_FAILED', 'consumer group'],
  ['CLUSTER_AUTHORIZATION_FAILED', 'cluster'],
] as const

function isLoginFault({ name }: KafkaError): boolean {
  return name === 'KafkaJSSASLAuthenticationError'
}

function connectionSentence(chain: readonly KafkaError[], where: string): string {
  const code = chain.find((one) => typeof one.code === 'string')?.code
  if (
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    chain.some(({ name }) => name === 'KafkaJSConnectionClosedError')
  )
    return `${where} closed the connection: does this port want TLS, or none, or another way to log in?`
  if (code !== undefined) return `${where} cannot be reached (${code})`
  // It knows brokers from before, and none of them answers.
  if (chain.some(({ name }) => name === 'KafkaJSNoBrokerAvailableError')) return `${where} cannot be reached`
  if (chain.some(isTimeout) || deadConnection(chain[0])) return `${where} does not answer`
  return `${where} cannot be used (${chain.at(-1)?.name ?? 'unknown error'})`
}

function isTimeout({ name, message = '' }: KafkaError): boolean {
  return name === 'KafkaJSConnectionError' && /timeout/i.test(message)
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
  if (UNTRUSTED.has(code)) return `the certificate of ${where} is not signed by the given CA (${code})`
  if (code === 'CERT_HAS_EXPIRED') return `the certificate of ${where} has expired`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the certificate of ${where} bears another name (${code})`
  if (/CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE/.test(code))
    return `${where} wants a client certificate that it knows (${code})`
  return `${where} does not speak TLS on this port, or not this kind of it (${code})`
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
