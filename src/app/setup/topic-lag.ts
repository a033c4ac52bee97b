import { AdminClient } from '../../bus/kafka/admin-client.ts'
import type { ClientOptions } from '../../bus/kafka/client.ts'
import { lagOf } from '../../bus/kafka/lag.ts'
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
  const warnings: string[] = []
  try {
    const present = new Set(await admin.use('list the topics', (client) => client.listTopics()))
    for (const { name: topic, retentionMs, groups } of topics) {
      if (!present.has(topic)) continue
      for (const group of groups) {
        const marks = await admin.use(`read the lag of ${topic}`, (client) =>
          marksOf(client, groupIdOf(options, group, topic), topic),
        )
        // A group that never was here reads from the beginning one day, and misses nothing by then.
        if (![...marks.values()].some((mark) => mark.committed !== undefined)) continue
        const lag = await lagOf(
          { bus: options, admin, meanBytes: () => undefined },
          { topic, group, windows: [] },
        )
        if (lag !== undefined && lag.oldestMs > retentionMs / 2) warnings.push(sentenceOf(lag, retentionMs))
      }
    }
  } finally {
    await admin.close()
  }
  return warnings
}

function sentenceOf(
  { topic, group, oldestMs, messages }: { topic: string; group: string; oldestMs: number; messages: number },
  retentionMs: number,
): string {
  return (
    `${topic}: ${group} is ${hours(oldestMs)} behind (${messages} messages), and the topic keeps ${hours(retentionMs)}: ` +
    'what it has not read by then is a declared loss; add processes, or lengthen its retention under setup.topics'
  )
}

function hours(ms: number): string {
  return ms >= 48 * 36e5 ? `${Math.round(ms / 864e5)} days` : `${Math.round(ms / 36e4) / 10} h`
}
