import type { TopicLag } from '../../ports/bus.ts'
import type { AdminClient } from './admin-client.ts'
import { judge } from './errors.ts'
import { groupIdOf, type KafkaBusOptions } from './options.ts'
import type { PartitionWindow } from './partition-window.ts'
import { type Marks, marksOf } from './start-offsets.ts'

/** Ages at which the brokers are asked what was already there, in milliseconds; an age is rounded up to the next of these. */
const AGES_MS = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 259_200, 604_800].map((s) => s * 1000)

export interface LagOptions {
  readonly bus: KafkaBusOptions
  readonly admin: AdminClient
  /** The mean size of the topic's messages as this process has seen them; undefined when it has seen none. */
  readonly meanBytes: (topic: string) => number | undefined
}

export interface Watched {
  readonly topic: string
  readonly group: string
  /** What this process itself has of the topic, by partition. */
  readonly windows: readonly ReadonlyMap<number, PartitionWindow>[]
}

/**
 * How far a group is behind. Messages are exact as of the last commit (within half a second), for this process' own partitions
 * exact. Bytes are exact for what is delivered, beyond that messages × the mean size seen here; Kafka does not tell. The age is exact
 * where the oldest message is in this process' hands, else rounded up to a step of `AGES_MS`.
 */
export async function lagOf(options: LagOptions, watched: Watched): Promise<TopicLag | undefined> {
  const { topic, group } = watched
  const groupId = groupIdOf(options.bus, group, topic)
  let marks: Map<number, Marks>
  try {
    marks = await options.admin.use(`read the lag of ${groupId}`, (admin) => marksOf(admin, groupId, topic))
  } catch (error) {
    if (judge(error) === 'no-topic') return undefined
    throw error
  }
  let [messages, bytes, oldestMs] = [0, 0, 0]
  const nowMs = options.bus.clock.now()
  const unknownAges = new Map<number, number>()
  for (const mark of marks.values()) {
    const window = watched.windows
      .map((one) => one.get(mark.partition))
      .find((one) => one?.next !== undefined)
    const own = window === undefined ? NOTHING : unsettledOf(window, nowMs)
    const from = window?.next ?? Math.max(mark.committed ?? mark.low, mark.low)
    const beyond = Math.max(0, mark.high - from)
    messages += own.messages + beyond
    bytes += own.bytes + beyond * (options.meanBytes(topic) ?? 0)
    oldestMs = Math.max(oldestMs, own.oldestMs)
    if (own.messages === 0 && beyond > 0) unknownAges.set(mark.partition, from)
  }
  if (unknownAges.size > 0) oldestMs = Math.max(oldestMs, await ageOf(options, topic, unknownAges, nowMs))
  return { topic, group, messages, bytes: Math.round(bytes), oldestMs }
}

const NOTHING = { messages: 0, bytes: 0, oldestMs: 0 }

function unsettledOf(window: PartitionWindow, nowMs: number): typeof NOTHING {
  const sum = { ...NOTHING }
  for (const item of window.unsettled()) {
    sum.messages++
    sum.bytes += item.bytes
    sum.oldestMs = Math.max(sum.oldestMs, nowMs - item.receivedMs)
  }
  return sum
}

/** The first age of the steps at which none of `offsets` (by partition) was there yet. */
async function ageOf(
  { admin }: LagOptions,
  topic: string,
  offsets: ReadonlyMap<number, number>,
  nowMs: number,
): Promise<number> {
  for (const ageMs of AGES_MS) {
    const firstSince = await admin.use(`read the age of ${topic}`, (client) =>
      client.fetchTopicOffsetsByTimestamp(topic, nowMs - ageMs),
    )
    const isOlder = firstSince.some(({ partition, offset }) => {
      const own = offsets.get(partition)
      return own !== undefined && own < Number(offset)
    })
    if (!isOlder) return ageMs
  }
  return AGES_MS.at(-1)!
}
