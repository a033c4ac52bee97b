import type { EachBatchPayload, IHeaders, KafkaMessage } from 'kafkajs'
import type { Account } from './account.ts'
import type { AdminClient } from './admin-client.ts'
import type { Deliveries } from './deliveries.ts'
import type { Losses } from './losses.ts'
import type { Item, PartitionWindow } from './partition-window.ts'

export const HEARTBEAT_MS = 1_000

export interface ReadBatchOptions {
  readonly topic: string
  readonly account: Account
  readonly deliveries: Deliveries
  readonly admin: AdminClient
  readonly losses: Losses
  /** The partition is not ours any more, or the consumer ends. */
  readonly isOver: () => boolean
  /** It waits, and is alive. */
  readonly onActivity: () => void
}

/**
 * Delivers what kafkajs has fetched of one partition. While there is no room it waits here, with heartbeats, and kafkajs fetches
 * nothing more: so what is in memory is bounded by the subscription and one fetch.
 *
 * @throws what a heartbeat throws, so that kafkajs joins its group again at once.
 */
export async function readBatch(
  window: PartitionWindow,
  { batch, ...kafka }: EachBatchPayload,
  options: ReadBatchOptions,
): Promise<void> {
  const { account, deliveries } = options
  const isOver = (): boolean => window.isLost || options.isOver() || !kafka.isRunning() || kafka.isStale()
  window.high = Number(batch.highWatermark)
  for (const message of batch.messages) {
    if (isOver() || window.next === undefined) return
    const offset = Number(message.offset)
    if (offset >= window.next) {
      if (offset > window.next) await explainGap(window, offset, options)
      const bytes = message.value?.byteLength ?? 0
      while (!isOver() && !deliveries.hasRoom(window, bytes)) {
        await account.change(HEARTBEAT_MS)
        options.onActivity()
        await kafka.heartbeat()
      }
      if (isOver()) return
      deliveries.deliver(window, itemOf(message, offset, bytes))
    }
    kafka.resolveOffset(message.offset)
  }
}

/** Offsets that hold nothing for us: deleted before they were read (a loss), or never meant for readers (harmless). */
async function explainGap(
  window: PartitionWindow,
  offset: number,
  { admin, topic, losses }: ReadBatchOptions,
): Promise<void> {
  const from = window.next!
  const offsets = await admin.use(`read the offsets of ${topic}`, (client) => client.fetchTopicOffsets(topic))
  const low = Number(offsets.find(({ partition }) => partition === window.partition)?.low ?? 0)
  if (low > from) losses.declare(window.partition, from, Math.min(low, offset) - 1)
  window.skipTo(offset)
}

function itemOf(message: KafkaMessage, offset: number, bytes: number): Item {
  return {
    offset,
    bytes,
    key: message.key?.toString() ?? '',
    // A copy: kafkajs' value is a view that would keep all of a fetch in memory until this message is settled.
    value: Buffer.from(message.value ?? ''),
    headers: headersOf(message.headers),
    receivedMs: Number(message.timestamp),
    attempt: 0,
    failures: 0,
    state: 'open',
  }
}

function headersOf(headers: IHeaders | undefined): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers ?? {})) {
    const last = Array.isArray(value) ? value.at(-1) : value
    if (last !== undefined) texts[name] = last.toString()
  }
  return texts
}
