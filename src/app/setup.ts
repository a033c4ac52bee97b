import { applyTopics, planTopics, type TopicPlan } from '../bus/kafka/admin.ts'
import type { ClientOptions } from '../bus/kafka/client.ts'
import type { Pipelines } from '../config/pipelines.ts'
import type { SetupConfig } from '../config/setup.ts'
import { DecklogError } from '../core/errors.ts'
import type { Clock } from '../ports/clock.ts'
import { connect, type ElasticsearchOptions } from '../store/elasticsearch/connection.ts'
import {
  applyStore,
  planStore,
  type StorePlan,
  type StoreSetupOptions,
  type StreamReport,
} from '../store/elasticsearch/manage/plan.ts'
import type { StreamKind } from '../store/elasticsearch/manage/templates.ts'
import { lagWarnings } from './setup/topic-lag.ts'
import { type PlannedTopic, topicsOf } from './setup/topics.ts'

export interface SetupOptions {
  /** Undefined: the bus needs no setup. */
  readonly kafka: ClientOptions | undefined
  /** Undefined: the store needs no setup. */
  readonly elasticsearch: ElasticsearchOptions | undefined
  readonly pipelines: Pick<Pipelines, 'classes' | 'retention'>
  readonly settings: SetupConfig
  readonly clock: Clock
  readonly dryRun: boolean
  readonly rollOver: boolean
  readonly progress: (sentence: string) => void
  readonly signal?: AbortSignal
  /** For tests, which share a cluster: what names of topics, groups and namespaces begin with. */
  readonly prefixes?: { readonly topics: string; readonly groups: string; readonly store: string }
}

export interface SetupReport {
  readonly kafka: { readonly topics: readonly PlannedTopic[]; readonly plan: TopicPlan } | undefined
  readonly elasticsearch: { readonly plan: StorePlan; readonly streams: readonly StreamReport[] } | undefined
  /** A sentence each: nothing was changed because of these. */
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  /** False on a dry run, and when there was a problem. */
  readonly applied: boolean
}

/**
 * Plans everything first, and changes something only when no part of the plan has a problem. Safe to repeat; never deletes data.
 * @throws {DecklogError} `unreachable` when a part cannot be reached, `usage` or `config-invalid` when it refuses
 */
export async function setUp(options: SetupOptions): Promise<SetupReport> {
  const { kafka, elasticsearch, dryRun, progress } = options
  refuseUnknownClasses(options)
  const connection = elasticsearch === undefined ? undefined : connect(elasticsearch)
  try {
    const bus = kafka && (await planBus(options, kafka))
    if (connection) progress('asking Elasticsearch what it has')
    const store = connection && (await planStore(connection, storeOptions(options), options.signal))
    const problems = store?.problems ?? []
    const report = { problems, warnings: [...(bus?.warnings ?? []), ...(store?.remarks ?? [])] }
    const streams: StreamReport[] = []
    const applied = !dryRun && problems.length === 0
    if (applied && kafka && bus) {
      progress('setting up the topics')
      await applyTopics(kafka, bus.topics)
    }
    if (applied && connection && store) {
      progress('installing templates')
      streams.push(...(await applyStore(connection, store, options)))
    }
    return {
      ...report,
      kafka: bus && { topics: bus.topics, plan: bus.plan },
      elasticsearch: store && { plan: store, streams },
      applied,
    }
  } finally {
    await connection?.close()
  }
}

/** Where the pipelines write, each once. */
export function streamKinds({ classes }: Pick<Pipelines, 'classes'>): StreamKind[] {
  const all = classes.flatMap((one) => one.match.map(({ dataset }) => ({ dataset, class: one.class })))
  return [...new Map(all.map((kind) => [`${kind.dataset} ${kind.class}`, kind])).values()]
}

/** A class that no pipeline has is a slip of the pen, whose number would have no effect. */
function refuseUnknownClasses({ pipelines, settings }: SetupOptions): void {
  const known = ['default', 'audit', ...pipelines.classes.map((one) => one.class)]
  for (const [key, given] of [
    ['setup.topics.partitions', settings.topics.partitions],
    ['setup.store.shards', settings.store.shards],
  ] as const) {
    const unknown = Object.keys(given ?? {}).find((name) => !known.includes(name))
    if (unknown === undefined) continue
    throw new DecklogError(
      'config-invalid',
      `${key}: no pipeline has the class ${unknown}; write one of ${known.join(', ')}`,
    )
  }
}

function wantedTopics({ pipelines, settings, prefixes }: SetupOptions, kafka: ClientOptions): PlannedTopic[] {
  const { length: brokers } = kafka.brokers
  return topicsOf(pipelines.classes, settings, {
    brokers,
    ...(prefixes === undefined ? {} : { prefix: prefixes.topics }),
  })
}

interface BusPlan {
  readonly topics: readonly PlannedTopic[]
  readonly plan: TopicPlan
  readonly warnings: readonly string[]
}

async function planBus(options: SetupOptions, kafka: ClientOptions): Promise<BusPlan> {
  const { clock, progress, prefixes } = options
  progress('asking Kafka what it has')
  const topics = wantedTopics(options, kafka)
  const plan = await planTopics(kafka, topics)
  const groups = prefixes === undefined ? {} : { groupPrefix: prefixes.groups }
  const lags = await lagWarnings({ ...kafka, ...groups, clock }, topics)
  return { topics, plan, warnings: [...plan.warnings, ...lags] }
}

function storeOptions({ pipelines, settings, prefixes }: SetupOptions): StoreSetupOptions {
  const { replicas, shards, refresh, codec, logsdb, warmAfter } = settings.store
  return {
    kinds: streamKinds(pipelines),
    rules: pipelines.retention,
    clusters: settings.clusters,
    shards,
    refreshMs: refresh,
    codec,
    logsdb,
    ...(replicas === undefined ? {} : { replicas }),
    ...(warmAfter === undefined ? {} : { warmAfterMs: warmAfter }),
    ...(prefixes === undefined ? {} : { prefix: prefixes.store }),
  }
}
