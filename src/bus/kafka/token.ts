import { readFile } from 'node:fs/promises'
import { DecklogError } from '../../core/errors.ts'
import type { KafkaTokenEndpoint, KafkaTokenFile } from './options.ts'

const FETCH_TIMEOUT_MS = 10_000
/** A token that ends sooner than this is not used again. */
const FRESH_MS = 30_000

/** Returns a function that gives a token for each login. Nothing of a token or an answer is in an error. */
export function tokenProvider(sasl: KafkaTokenFile | KafkaTokenEndpoint): () => Promise<{ value: string }> {
  return 'tokenFile' in sasl ? () => fromFile(sasl.tokenFile) : fromEndpoint(sasl)
}

async function fromFile(path: string): Promise<{ value: string }> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new DecklogError('unreachable', `the token for Kafka cannot be read from ${path}`, { cause: error })
  }
  return { value: text.trim() }
}

function fromEndpoint(sasl: KafkaTokenEndpoint): () => Promise<{ value: string }> {
  let known: { readonly value: string; readonly untilMs: number } | undefined
  return async () => {
    if (known === undefined || known.untilMs < Date.now() + FRESH_MS) known = await ask(sasl)
    return { value: known.value }
  }
}

async function ask(sasl: KafkaTokenEndpoint): Promise<{ value: string; untilMs: number }> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(sasl.scope === undefined ? {} : { scope: sasl.scope }),
  })
  const basic = Buffer.from(
    `${encodeURIComponent(sasl.clientId)}:${encodeURIComponent(sasl.clientSecret)}`,
  ).toString('base64')
  let response: Response
  try {
    response = await fetch(sasl.tokenUrl, {
      method: 'POST',
      body,
      headers: { authorization: `Basic ${basic}` },
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    })
  } catch (error) {
    throw refusal(sasl, 'it cannot be reached', error)
  }
  if (!response.ok) throw refusal(sasl, `it answered ${response.status}`)
  const answer = (await response.json().catch(() => ({}))) as { access_token?: unknown; expires_in?: unknown }
  if (typeof answer.access_token !== 'string') throw refusal(sasl, 'its answer has no access_token')
  const seconds = typeof answer.expires_in === 'number' ? answer.expires_in : 0
  return { value: answer.access_token, untilMs: Date.now() + seconds * 1000 }
}

function refusal(sasl: KafkaTokenEndpoint, why: string, cause?: unknown): DecklogError {
  const place = URL.canParse(sasl.tokenUrl) ? new URL(sasl.tokenUrl).origin : 'tokenUrl'
  return new DecklogError('unreachable', `no token for Kafka from ${place}: ${why}`, {
    retryable: true,
    cause,
  })
}
