import { z } from 'zod'
import { durationSchema, sizeSchema } from './pipelines.ts'

const count = z.number().int().min(1)

/** By class, or for all: a number, or `{ default: 6, pod: 24 }`. */
const countByClass = z.union([
  count.transform((all): Readonly<Record<string, number>> => ({ default: all })),
  z.record(z.string(), count),
])

const topicsSchema = z.strictObject({
  /** Partitions of the raw and the events topic, by class. Undefined: 12 for a loud class, 6, and 3 for one that weighs much. */
  partitions: countByClass.optional(),
  /** Copies of each partition. Undefined: 3, or as many as brokers are named where those are fewer. */
  replication: z.number().int().min(1).max(9).optional(),
  /** Copies that must have a message before it counts as safe. Undefined: one less than `replication`, and 1 at least. */
  minInsyncReplicas: count.optional(),
  /** How long a topic keeps a message. Undefined: 7 days, and 3 for a loud class. */
  retention: z
    .strictObject({
      raw: durationSchema.optional(),
      events: durationSchema.optional(),
      facts: durationSchema.optional(),
      signals: durationSchema.optional(),
      alerts: durationSchema.optional(),
      deadLetter: durationSchema.optional(),
    })
    .prefault({}),
  /** Bytes of a partition of a raw or events topic at most, whatever its age. Undefined: no bound. */
  maxBytes: sizeSchema.optional(),
  /** One message at most; a batch that holds one huge record may be so large. */
  maxMessage: sizeSchema.prefault('4MiB'),
})

/** `setup:` of decklog.yaml: what `decklog setup` makes of Kafka and Elasticsearch. */
export const setupSchema = z.strictObject({
  /** How many clusters will write here, when more than there are now: counts for the number of shards. */
  clusters: count.default(1),
  topics: topicsSchema.prefault({}),
  store: z
    .strictObject({
      /** Copies beside the first one. Undefined: 1, and 0 on a single node, which could hold none. */
      replicas: z.number().int().min(0).max(9).optional(),
      /** Primary shards of one index, by class. */
      shards: countByClass.prefault(1),
      /** How soon an event is found. */
      refresh: durationSchema.prefault('1s'),
      /** `best_compression` takes less disk; `default` is read faster. */
      codec: z.enum(['default', 'best_compression']).default('best_compression'),
      /** The index mode for logs, where Elasticsearch has it: saves disk, sorts by host. */
      logsdb: z.boolean().default(false),
      /** Move to warm nodes at this age; needs lifecycle management. Undefined: never. */
      warmAfter: durationSchema.optional(),
    })
    .prefault({}),
})

export type SetupConfig = z.output<typeof setupSchema>
