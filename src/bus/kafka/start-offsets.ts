import type { Admin } from 'kafkajs'

/** What a partition has, and how far a group has come. Offsets of messages; `high` is one after the last. */
export interface Marks {
  readonly partition: number
  readonly low: number
  readonly high: number
  /** Undefined when the group has never committed. */
  readonly committed: number | undefined
}

export async function marksOf(admin: Admin, groupId: string, topic: string): Promise<Map<number, Marks>> {
  const [offsets, committed] = await Promise.all([
    admin.fetchTopicOffsets(topic),
    admin.fetchOffsets({ groupId, topics: [topic] }),
  ])
  const known = new Map(
    committed.flatMap(({ partitions }) => partitions).map((one) => [one.partition, Number(one.offset)]),
  )
  return new Map(
    offsets.map(({ partition, low, high }) => {
      const offset = known.get(partition) ?? -1
      const marks = {
        partition,
        low: Number(low),
        high: Number(high),
        committed: offset < 0 ? undefined : offset,
      }
      return [partition, marks]
    }),
  )
}

/**
 * Where a group goes on: where it has stopped; at the beginning when it never was here. What was deleted in between is `lost`. A group
 * that is further than the partition's end has met a topic that was made anew: it begins at its beginning.
 */
export function startOf({ low, high, committed }: Marks): {
  readonly start: number
  readonly lost: { readonly from: number; readonly to: number } | undefined
  readonly isNewTopic: boolean
} {
  if (committed === undefined) return { start: low, lost: undefined, isNewTopic: false }
  if (committed > high) return { start: low, lost: undefined, isNewTopic: true }
  if (committed < low) return { start: low, lost: { from: committed, to: low - 1 }, isNewTopic: false }
  return { start: committed, lost: undefined, isNewTopic: false }
}
