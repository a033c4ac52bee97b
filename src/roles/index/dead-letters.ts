import { zstdDecompressSync } from 'node:zlib'
import { encodeEventBatch } from '../../codec/event-batch.ts'
import type { JsonObject } from '../../core/document.ts'
import { type EventBatch, EventIndex, EventIndexWriter } from '../../core/event-batch.ts'
import type { Bus, Delivery, Message, Subscription } from '../../ports/bus.ts'
import type { Store, WriteResult } from '../../ports/store.ts'
import type { Log } from '../log.ts'

/** On a raw batch that is published again from the dead letters. */
export const REPLAY_HEADER = 'decklog-replay'

/** What is on `decklog.dead-letter`, as JSON: why, where from, and the bytes. */
export interface DeadLetter {
  /** Deterministic, so that the same letter is kept once. */
  readonly id: string
  readonly reason: string
  readonly detail: string
  readonly class: string
  readonly stream: string
  readonly firstSeq: number
  readonly count: number
  readonly atMs: number
  /** `raw`: an encoded raw batch, `event-batch`: an encoded event batch, `unknown`: neither, so it cannot be replayed. */
  readonly kind: 'raw' | 'event-batch' | 'unknown'
  /** Base64. */
  readonly bytes: string
}

/** A message whose bytes are no envelope of ours. */
export function deadLetterOf(className: string, delivery: Delivery, error: unknown, atMs: number): Message {
  return messageOf({
    id: `position:${delivery.position}`,
    reason: 'unreadable-envelope',
    detail: error instanceof Error ? error.message : 'unknown',
    class: className,
    stream: delivery.key,
    firstSeq: 0,
    count: 0,
    atMs,
    kind: 'unknown',
    bytes: Buffer.from(delivery.value).toString('base64'),
  })
}

/** Events that the store will never accept: each as an event batch of one, so that it can be written again. */
export async function publishDeadLetters(
  options: { readonly bus: Bus; readonly clock: { now(): number } },
  batch: EventBatch,
  result: WriteResult,
  signal: AbortSignal,
): Promise<void> {
  const index = new EventIndex(batch)
  const documents = batch.codec === 'none' ? batch.documents : zstdDecompressSync(batch.documents)
  const letters = [...result.reasons].map(([row, reason]) =>
    messageOf({
      id: `event:${index.id(row)}`,
      reason: 'rejected-by-store',
      detail: reason,
      class: batch.class,
      stream: batch.stream,
      firstSeq: index.firstSeq(row),
      count: index.lastSeq(row) - index.firstSeq(row) + 1,
      atMs: options.clock.now(),
      kind: 'event-batch',
      bytes: Buffer.from(
        encodeEventBatch(onlyRow({ ...batch, codec: 'none', documents }, index, row)),
      ).toString('base64'),
    }),
  )
  await options.bus.publish('decklog.dead-letter', letters, { signal })
}

/** `batch` is unpacked. */
function onlyRow(batch: EventBatch, index: EventIndex, row: number): EventBatch {
  const [offset, length] = [index.offset(row), index.length(row)]
  const writer = new EventIndexWriter()
  const rules = index.rules(row)
  writer.add({
    firstSeq: index.firstSeq(row),
    lastSeq: index.lastSeq(row),
    timeNs: index.timeNs(row),
    offset: 0,
    length,
    n: index.n(row),
    flags: index.flags(row),
    rules: rules.length === 0 ? 0 : 1,
    ranges: 1,
  })
  return {
    ...batch,
    covers: [],
    losses: [],
    index: writer.bytes(),
    ruleSets: rules.length === 0 ? [] : [rules],
    moreRanges: [index.ranges(row)],
    documentBytes: length + 1,
    documents: batch.documents.subarray(offset, offset + length + 1),
  }
}

export function messageOf(letter: DeadLetter): Message {
  return { key: letter.stream, value: Buffer.from(JSON.stringify(letter)) }
}

/** Keeps what comes on the dead-letter topic in the store, once by id, until a person has looked at it. */
export function keepDeadLetters(options: {
  readonly bus: Bus
  readonly store: Store
  readonly log: Log
}): Promise<Subscription> {
  const { bus, store, log } = options
  return bus.subscribe({
    group: 'index',
    topics: ['decklog.dead-letter'],
    bytesMax: 16 * 1024 * 1024,
    handle(delivery) {
      keep(store, delivery).then(
        () => delivery.ack(),
        (error: unknown) => {
          log.warn({ reason: (error as Error).message }, 'a dead letter could not be kept; trying again')
          delivery.nack(error)
        },
      )
    },
  })
}

async function keep(store: Store, delivery: Delivery): Promise<void> {
  const body = JSON.parse(Buffer.from(delivery.value).toString()) as JsonObject & { id: string }
  const { id } = body
  const known = await store.getRecord('dead-letter', id, {
    principal: { id: 'index' },
    scope: { clusters: '*', classes: '*' },
  })
  // A redelivery is the same letter. One that was published anew came back from a replay: who replays it must see that.
  if (known && known.updatedMs >= delivery.receivedMs) return
  const version = (known?.version ?? 0) + 1
  await store.putRecord({ kind: 'dead-letter', id, version, updatedMs: delivery.receivedMs, body })
}
