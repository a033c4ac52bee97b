import type { Admin } from 'kafkajs'
import { ConfigResourceTypes } from './kafkajs.ts'
import { topicsOf } from './topics.ts'

export interface TopicState {
  readonly partitions: number
  /** Partitions that nobody can write to or read from just now. */
  readonly leaderless: number
  /** Partitions of which a copy is missing. */
  readonly underReplicated: number
  /** -1: for ever. Undefined: this user may not ask. */
  readonly retentionMs: number | undefined
}

/** The topics among `names` that exist, or that this user may see. */
export async function topicStates(admin: Admin, names: readonly string[]): Promise<Map<string, TopicState>> {
  const topics = await topicsOf(admin, names)
  const retentions = await retentionsOf(
    admin,
    topics.map(({ name }) => name),
  )
  return new Map(
    topics.map(({ name, partitions }) => [
      name,
      {
        partitions: partitions.length,
        leaderless: partitions.filter(({ leader }) => leader < 0).length,
        underReplicated: partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length,
        retentionMs: retentions.get(name),
      },
    ]),
  )
}

async function retentionsOf(admin: Admin, names: readonly string[]): Promise<Map<string, number>> {
  if (names.length === 0) return new Map()
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({
        type: ConfigResourceTypes.TOPIC,
        name,
        configNames: ['retention.ms'],
      })),
    })
    return new Map(
      resources.flatMap(({ resourceName, configEntries }) =>
        configEntries.map(({ configValue }) => [resourceName, Number(configValue)] as const),
      ),
    )
  } catch {
    // The right to describe settings is another one than that to read; without it the rest is still worth knowing.
    return new Map()
  }
}

/**
 * Age of the oldest of these messages (by partition, the offset of the next one to read), to within a tenth. Kafka tells the first
 * message since a moment, not the moment of a message, so it is asked in halves. 0 when none is older than a second.
 */
export async function oldestAgeMs(
  admin: Admin,
  topic: string,
  next: ReadonlyMap<number, number>,
  nowMs: number,
): Promise<number> {
  if (next.size === 0) return 0
  const isOlder = async (ageMs: number): Promise<boolean> => {
    const since = await admin.fetchTopicOffsetsByTimestamp(topic, Math.round(nowMs - ageMs))
    return since.some(({ partition, offset }) => (next.get(partition) ?? Infinity) < Number(offset))
  }
  let [young, old] = [1_000, AGE_MS_MAX]
  if (!(await isOlder(young))) return 0
  while (old / young > 1.1) {
    const middle = Math.sqrt(young * old)
    if (await isOlder(middle)) young = middle
    else old = middle
  }
  return Math.round(young)
}

const AGE_MS_MAX = 90 * 864e5
