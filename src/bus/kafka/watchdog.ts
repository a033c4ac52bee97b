import type { Account } from './account.ts'
import type { AdminClient } from './admin-client.ts'
import type { GroupConsumer } from './group-consumer.ts'
import type { KafkaBusOptions } from './options.ts'
import type { PartitionWindow } from './partition-window.ts'

const CHECK_MS = 5_000
const STALL_MS = 60_000

export interface WatchdogOptions {
  readonly bus: KafkaBusOptions
  readonly admin: AdminClient
  readonly consumer: GroupConsumer
  readonly account: Account
  readonly signal: AbortSignal
}

/**
 * Sees to it that no partition stands still unnoticed. Where the subscriber is the reason it says so, once every `stallMs`; where
 * kafkajs is (it asks for nothing any more, or does not fetch what is there), the consumer is made anew.
 */
export async function watch(options: WatchdogOptions): Promise<void> {
  const { bus, consumer, signal } = options
  const stallMs = bus.stallMs ?? STALL_MS
  const saidMs = new Map<number, number>()
  for (;;) {
    try {
      await bus.clock.sleep(Math.min(CHECK_MS, stallMs / 2), signal)
    } catch {
      return
    }
    const now = bus.clock.now()
    const { topic, group } = consumer
    if (now - consumer.activeMs > Math.max(stallMs, 2 * (bus.requestTimeoutMs ?? 30_000))) {
      bus.log.warn({ topic, group }, 'the consumer has asked for nothing for long: it is made anew')
      consumer.restart()
      continue
    }
    const still = [...consumer.windows.values()].filter(({ movedMs }) => now - movedMs >= stallMs)
    let stalled = 0
    for (const window of still) {
      const reason = await reasonOf(options, window)
      if (reason === undefined) {
        window.movedMs = now
        continue
      }
      stalled++
      if (now - (saidMs.get(window.partition) ?? 0) < stallMs) continue
      saidMs.set(window.partition, now)
      bus.log.warn(
        {
          topic,
          group,
          partition: window.partition,
          low: window.low,
          high: window.high,
          reason: reason.text,
        },
        'a partition has messages and makes no progress',
      )
      if (reason.isOurs) consumer.restart()
    }
    bus.telemetry?.set('decklog_bus_stalled_partitions', stalled, { topic, group })
  }
}

interface Reason {
  readonly text: string
  /** The subscriber is not to blame. */
  readonly isOurs: boolean
}

/** Undefined when there is nothing to do in the partition. */
async function reasonOf(options: WatchdogOptions, window: PartitionWindow): Promise<Reason | undefined> {
  const { account, bus } = options
  const { oldest } = window
  if (oldest !== undefined) {
    const seconds = Math.round((bus.clock.now() - oldest.receivedMs) / 1000)
    const state = oldest.state === 'resting' ? 'was refused and waits' : 'was delivered and not settled'
    return {
      text: `offset ${oldest.offset} ${state} (attempt ${oldest.attempt}, ${seconds} s old)`,
      isOurs: false,
    }
  }
  const { next } = window
  if (next === undefined) return { text: 'it is not known where to start', isOurs: true }
  if ((await highOf(options, window)) <= next) return undefined
  if (account.isPaused) return { text: 'the subscription is paused', isOurs: false }
  if (!account.hasRoom(1))
    return {
      text: `no room: ${account.openBytes + account.restingBytes} of ${account.bytesMax} bytes are held in other partitions`,
      isOurs: false,
    }
  return window.next === next ? { text: 'it is not fetched', isOurs: true } : undefined
}

async function highOf({ admin, consumer, bus }: WatchdogOptions, window: PartitionWindow): Promise<number> {
  try {
    const offsets = await admin.use(`read the offsets of ${consumer.topic}`, (client) =>
      client.fetchTopicOffsets(consumer.topic),
    )
    const found = offsets.find(({ partition }) => partition === window.partition)
    window.high = Number(found?.high ?? window.high)
  } catch (error) {
    bus.log.debug({ topic: consumer.topic, reason: (error as Error).message }, 'the watchdog could not look')
  }
  return window.high
}
