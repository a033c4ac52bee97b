import { AdminClient } from '../../../../src/bus/kafka/admin-client.ts'
import { silentLog } from '../../../support/kafka.ts'

/** Messages that groups have not settled, by group; each is of one topic, and named after it. Groups without any are left out. */
export async function lags(broker: string): Promise<Map<string, number>> {
  const admin = new AdminClient({ brokers: [broker], log: silentLog })
  try {
    return await admin.use('read the lag', async (client) => {
      const { groups } = await client.listGroups()
      const found = new Map<string, number>()
      for (const { groupId } of groups) {
        const topic = /^decklog\.\w+\.(.+)$/.exec(groupId)?.[1]
        if (topic === undefined) continue
        const ends = await client.fetchTopicOffsets(topic)
        const [own] = await client.fetchOffsets({ groupId, topics: [topic] })
        const at = new Map(own?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
        let lag = 0
        for (const { partition, low, high } of ends)
          lag += Number(high) - Math.max(Number(low), at.get(partition) ?? -1)
        if (lag > 0) found.set(groupId, lag)
      }
      return found
    })
  } finally {
    await admin.close()
  }
}
