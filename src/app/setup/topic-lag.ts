import { AdminClient } from '../../bus/kafka/admin-client.ts'
import type { ClientOptions } from '../../bus/kafka/client.ts'
import { groupIdOf } from '../../bus/kafka/options.ts'
import { marksOf } from '../../bus/kafka/start-offsets.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PlannedTopic } from './topics.ts'

/** A sentence for each group whose lag has eaten more than half of what its topic keeps: soon messages are deleted unread. */
export async function lagWarnings(
  options: ClientOptions & { readonly clock: Clock; readonly groupPrefix?: string },
  topics: readonly PlannedTopic[],
): Promise<string[]> {
  const admin = new AdminClient(options)
  const groupPrefix = options.groupPrefix ?? 'decklog.'
  const warnings: string[] = []
  try {
    const present = new Set(await admin.use('list the topics', (client) => client.listTopics()))
    for (const topic of topics) {
      if (!present.has(topic.name)) continue
      const halfMs = topic.retentionMs / 2
      const firstYoung = await firstSince(admin, topic.name, options.clock.now() - halfMs)
      for (const group of topic.groups) {
        const groupId = groupIdOf({ ...options, groupPrefix }, group, topic.name)
        const behind = await messagesBehind(admin, { groupId, topic: topic.name, firstYoung })
        if (behind > 0) warnings.push(sentenceOf(topic, group, behind))
      }
    }
  } finally {
    await admin.close()
  }
  return warnings
}

/** Offset of the first message that came in since then, by partition. */
async function firstSince(admin: AdminClient, topic: string, sinceMs: number): Promise<Map<number, number>> {
  const offsets = await admin.use(`read the age of ${topic}`, (client) =>
    client.fetchTopicOffsetsByTimestamp(topic, sinceMs),
  )
  return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]))
}

/** Messages that a group has not read, in the partitions where the next one is older than the first young one; else 0. */
async function messagesBehind(
  admin: AdminClient,
  asked: {
    readonly groupId: string
    readonly topic: string
    readonly firstYoung: ReadonlyMap<number, number>
  },
): Promise<number> {
  const { groupId, topic, firstYoung } = asked
  const marks = await admin.use(`read the lag of ${topic}`, (client) => marksOf(client, groupId, topic))
  // A group that never was here is no part of this installation, or has not begun.
  if (![...marks.values()].some((mark) => mark.committed !== undefined)) return 0
  let behind = 0
  for (const { partition, low, high, committed } of marks.values()) {
    const next = Math.max(committed ?? low, low)
    if (next < high && next < (firstYoung.get(partition) ?? 0)) behind += high - next
  }
  return behind
}

function sentenceOf({ name, retentionMs }: PlannedTopic, group: string, behind: number): string {
  return (
    `${name}: ${group} has ${behind} messages to read, of which the oldest has used more than half of the ` +
    `${hours(retentionMs)} that the topic keeps: what is not read by then is a declared loss; ` +
    'add processes, or lengthen its retention under setup.topics'
  )
}

function hours(ms: number): string {
  return ms >= 48 * 36e5 ? `${Math.round(ms / 864e5)} days` : `${Math.round(ms / 36e4) / 10} h`
}
