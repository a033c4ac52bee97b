import { DecklogError, isAbort } from '../../core/errors.ts'
import type { Client } from './client.ts'

const RETRY_MS = 2_000
/** Ids kept to tell hits that come again after a reconnect. */
const KNOWN_MAX = 1_000

export interface FollowOptions {
  readonly query: string
  readonly signal: AbortSignal
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly onHit: (json: string) => Promise<void>
  readonly warn: (line: string) => void
}

/** Prints what arrives until the signal fires. A decklog that goes away and comes back is asked again from where it was. */
export async function follow(client: Client, options: FollowOptions): Promise<void> {
  const { signal } = options
  const known = new KnownIds()
  let lastId: string | undefined
  let reached = false
  for (;;) {
    try {
      const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId }
      const response = await client.ask(
        '/api/tail',
        { query: options.query || undefined },
        { headers, signal },
      )
      reached = true
      for await (const event of serverSentEvents(response, signal)) {
        lastId = event.id ?? lastId
        await handle(event, known, options)
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof DecklogError && error.code !== 'unreachable') throw error
      if (!reached) throw error
    }
    if (signal.aborted) return
    options.warn(`${client.place} has ended the stream: asking again`)
    await options.sleep(RETRY_MS, signal).catch(() => {})
    if (signal.aborted) return
  }
}

interface ServerSentEvent {
  readonly event: string
  readonly id: string | undefined
  readonly data: string
}

async function handle(event: ServerSentEvent, known: KnownIds, options: FollowOptions): Promise<void> {
  if (event.event === 'hit') {
    const { id } = JSON.parse(event.data) as { id: string }
    if (known.add(id)) await options.onHit(event.data)
  } else if (event.event === 'dropped') {
    const { count } = JSON.parse(event.data) as { count: number }
    options.warn(
      `${count} events are not shown: they came faster than they were read; "decklog search" finds them`,
    )
  } else if (event.event === 'failed') {
    const { detail } = JSON.parse(event.data) as { detail: string }
    options.warn(detail)
  }
}

class KnownIds {
  readonly #ids = new Set<string>()

  /** False when it was known. */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false
    this.#ids.add(id)
    if (this.#ids.size > KNOWN_MAX) this.#ids.delete(this.#ids.values().next().value!)
    return true
  }
}

async function* serverSentEvents(response: Response, signal: AbortSignal): AsyncIterable<ServerSentEvent> {
  for await (const block of blocksOf(response, '\n\n')) {
    if (signal.aborted) return
    const fields = new Map<string, string>()
    for (const line of block.split('\n')) {
      const colon = line.indexOf(': ')
      if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2))
    }
    const event = fields.get('event')
    if (event !== undefined) yield { event, id: fields.get('id'), data: fields.get('data') ?? '' }
  }
}

/**
 * What separators end. Anything behind the last one is no whole block.
 * @throws {DecklogError} `unreachable` when the answer breaks off
 */
export async function* blocksOf(response: Response, separator: string): AsyncIterable<string> {
  let rest = ''
  for await (const chunk of chunksOf(response)) {
    const blocks = (rest + chunk).split(separator)
    rest = blocks.pop()!
    yield* blocks
  }
  if (rest !== '') throw brokenOff()
}

async function* chunksOf(response: Response): AsyncIterable<string> {
  if (response.body === null) return
  try {
    yield* response.body.pipeThrough(new TextDecoderStream())
  } catch (error) {
    if (error instanceof DecklogError || isAbort(error)) throw error
    throw brokenOff(error)
  }
}

function brokenOff(cause?: unknown): DecklogError {
  const message = 'the answer broke off: what was printed is not all of it'
  return new DecklogError('unreachable', message, { cause, retryable: true })
}
