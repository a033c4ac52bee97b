import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, ITopicConfig } from 'kafkajs'
import { DecklogError } from '../../core/errors.ts'
import { AdminClient } from './admin-client.ts'
import type { ClientOptions } from './client.ts'
import { judge } from './errors.ts'
import { ConfigResourceTypes } from './kafkajs.ts'
import { topicsOf } from './topics.ts'

const LEADER_WAIT_MS = 10_000
const LEADER_CHECK_MS = 100

/** A topic as it is to be. What is left out is the brokers' own default, and is not touched where it was set by hand. */
export interface WantedTopic {
  readonly name: string
  readonly partitions: number
  readonly replication: number
  readonly minInsyncReplicas?: number
  readonly retentionMs?: number
  /** For each partition; -1 for no bound. */
  readonly retentionBytes?: number
  /** One record batch at most: what `sendBytesMax` must stay below. */
  readonly messageBytesMax?: number
}

export interface TopicChange {
  readonly topic: string
  /** `create`, or the name of what differs: `partitions`, or a setting of the topic. */
  readonly what: string
  readonly from: string
  readonly to: string
}

export interface TopicPlan {
  readonly changes: readonly TopicChange[]
  /** What a person should know before the changes are made, or what cannot be made. */
  readonly warnings: readonly string[]
}

interface Existing {
  readonly partitions: number
  readonly replication: number
  /** All settings with their effective values. */
  readonly settings: ReadonlyMap<string, string>
  /** Those that were set on the topic itself. */
  readonly own: ReadonlyMap<string, string>
}

/** Compares what is wanted with what is there, and changes nothing. */
export function planTopics(options: ClientOptions, wanted: readonly WantedTopic[]): Promise<TopicPlan> {
  return withAdmin(options, async (admin) => planOf(wanted, await existingTopics(admin, wanted)))
}

/**
 * Makes topics as wanted, and returns what was changed; a second time that is nothing. Partitions only grow, replication is left as it
 * is, settings that are not decklog's stay, and nothing is ever deleted.
 */
export function applyTopics(options: ClientOptions, wanted: readonly WantedTopic[]): Promise<TopicPlan> {
  return withAdmin(options, async (admin) => {
    const existing = await existingTopics(admin, wanted)
    const plan = planOf(wanted, existing)
    const changed = new Set(plan.changes.map(({ topic }) => topic))
    for (const topic of wanted)
      if (changed.has(topic.name)) await apply(admin, topic, existing.get(topic.name))
    return plan
  })
}

/** For tests and experiments: decklog itself never deletes a topic. */
export function deleteTopics(options: ClientOptions, names: readonly string[]): Promise<void> {
  return withAdmin(options, (admin) => admin.deleteTopics({ topics: [...names] }))
}

async function withAdmin<T>(options: ClientOptions, ask: (admin: Admin) => Promise<T>): Promise<T> {
  const client = new AdminClient(options)
  try {
    return await client.use('set up the topics', ask)
  } finally {
    await client.close()
  }
}

async function existingTopics(admin: Admin, wanted: readonly WantedTopic[]): Promise<Map<string, Existing>> {
  const topics = await topicsOf(
    admin,
    wanted.map(({ name }) => name),
  )
  if (topics.length === 0) return new Map()
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map(({ name }) => ({ type: ConfigResourceTypes.TOPIC, name })),
  })
  const entries = new Map(resources.map((one) => [one.resourceName, one.configEntries]))
  return new Map(
    topics.map(({ name, partitions }) => {
      const known = entries.get(name) ?? []
      const existing: Existing = {
        partitions: partitions.length,
        replication: partitions[0]?.replicas.length ?? 0,
        settings: new Map(known.map(({ configName, configValue }) => [configName, configValue])),
        own: new Map(known.filter(isOwn).map(({ configName, configValue }) => [configName, configValue])),
      }
      return [name, existing]
    }),
  )
}

/** 1: DYNAMIC_TOPIC_CONFIG, which is what somebody has set on this topic. */
function isOwn(entry: { configSource?: unknown; isDefault?: unknown }): boolean {
  return Number(entry.configSource) === 1
}

function settingsOf(topic: WantedTopic): Map<string, string> {
  const settings = new Map([
    ['cleanup.policy', 'delete'],
    // The brokers' clock, not that of a node: retention and `event.ingested` follow from it.
    ['message.timestamp.type', 'LogAppendTime'],
    // decklog packs what it sends.
    ['compression.type', 'producer'],
  ])
  const set = (name: string, value: number | undefined): void => {
    if (value !== undefined) settings.set(name, String(value))
  }
  set('min.insync.replicas', topic.minInsyncReplicas)
  set('retention.ms', topic.retentionMs)
  set('retention.bytes', topic.retentionBytes)
  set('max.message.bytes', topic.messageBytesMax)
  return settings
}

function planOf(wanted: readonly WantedTopic[], existing: ReadonlyMap<string, Existing>): TopicPlan {
  const changes: TopicChange[] = []
  const warnings: string[] = []
  for (const topic of wanted) {
    const known = existing.get(topic.name)
    warnings.push(...warningsOf(topic, known))
    if (known === undefined) {
      const settings = [...settingsOf(topic)].map(([name, value]) => `${name}=${value}`).join(' ')
      const to = `${topic.partitions} partitions × ${topic.replication} ${settings}`
      changes.push({ topic: topic.name, what: 'create', from: '', to })
      continue
    }
    if (topic.partitions > known.partitions) {
      const [from, to] = [String(known.partitions), String(topic.partitions)]
      changes.push({ topic: topic.name, what: 'partitions', from, to })
    }
    for (const [what, to] of settingsOf(topic)) {
      const from = known.settings.get(what) ?? ''
      if (from !== to) changes.push({ topic: topic.name, what, from, to })
    }
  }
  return { changes, warnings }
}

function warningsOf(topic: WantedTopic, known: Existing | undefined): string[] {
  const { name, partitions, replication, minInsyncReplicas = 1 } = topic
  const warnings: string[] = []
  if (minInsyncReplicas > replication)
    warnings.push(
      `${name}: min.insync.replicas ${minInsyncReplicas} is above the replication ${replication}: nothing could be published`,
    )
  if (known === undefined) return warnings
  if (partitions > known.partitions)
    warnings.push(
      `${name}: with ${partitions} instead of ${known.partitions} partitions streams move to other partitions: ` +
        'let the backlog drain first, then restart the roles that publish to it; in between the order within a stream is not kept',
    )
  if (partitions < known.partitions)
    warnings.push(
      `${name}: has ${known.partitions} partitions, and Kafka cannot reduce them to ${partitions}`,
    )
  if (replication !== known.replication)
    warnings.push(
      `${name}: has replication ${known.replication} instead of ${replication}: change it with kafka-reassign-partitions`,
    )
  return warnings
}

async function apply(admin: Admin, topic: WantedTopic, known: Existing | undefined): Promise<void> {
  if (known === undefined) return create(admin, topic)
  if (topic.partitions > known.partitions) {
    await admin.createPartitions({
      topicPartitions: [{ topic: topic.name, count: topic.partitions }],
    })
  }
  const wanted = settingsOf(topic)
  if ([...wanted].every(([name, value]) => known.settings.get(name) === value)) return
  // This request replaces all that was set on the topic, so what others have set goes along.
  const configEntries = [...new Map([...known.own, ...wanted])].map(([name, value]) => ({ name, value }))
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic.name, configEntries }],
  })
}

async function create(admin: Admin, topic: WantedTopic): Promise<void> {
  const config: ITopicConfig = {
    topic: topic.name,
    numPartitions: topic.partitions,
    replicationFactor: topic.replication,
    configEntries: [...settingsOf(topic)].map(([name, value]) => ({ name, value })),
  }
  try {
    await admin.createTopics({ topics: [config], waitForLeaders: false })
  } catch (error) {
    throw explainCreate(error, topic)
  }
  await untilLed(admin, topic)
}

/** A topic can be used once each of its partitions has a leader, and the brokers have told each other. */
async function untilLed(admin: Admin, { name, partitions }: WantedTopic): Promise<void> {
  for (let left = LEADER_WAIT_MS / LEADER_CHECK_MS; left > 0; left--) {
    const [found] = await topicsOf(admin, [name])
    if (found?.partitions.length === partitions && found.partitions.every(({ leader }) => leader >= 0)) return
    await sleep(LEADER_CHECK_MS)
  }
}

/** kafkajs gives one error for each topic, inside another. */
function explainCreate(error: unknown, topic: WantedTopic): unknown {
  const inner = (error as { errors?: readonly unknown[] }).errors?.[0] ?? error
  const type = (inner as { type?: string }).type
  if (type === 'INVALID_REPLICATION_FACTOR')
    return new DecklogError(
      'config-invalid',
      `cannot create ${topic.name}: there are fewer brokers than its replication of ${topic.replication}`,
      { cause: error },
    )
  if (judge(inner) === 'refused')
    return new DecklogError(
      'unreachable',
      `cannot create ${topic.name}: Kafka does not allow this user to create topics; let an administrator run \`decklog setup\``,
      { cause: error },
    )
  return inner
}
