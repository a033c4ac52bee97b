import type { WantedTopic } from '../../bus/kafka/admin.ts'
import type { Pipeline } from '../../config/pipelines.ts'
import type { SetupConfig } from '../../config/setup.ts'

const DAY_MS = 864e5

/** A topic, with who reads it: their lag is compared with how long it keeps its messages. */
export interface PlannedTopic extends WantedTopic {
  readonly retentionMs: number
  readonly groups: readonly string[]
}

/**
 * The topics of a set of pipelines. A class that weighs little is loud, and has the most partitions and the shortest retention; one
 * that weighs much is quiet. Facts, signals and alerts are small and must outlive the longest window of a rule, its lateness and
 * the longest SSH session.
 */
export function topicsOf(
  classes: readonly Pick<Pipeline, 'class' | 'weight'>[],
  { topics: settings }: SetupConfig,
  given: { readonly brokers: number; readonly prefix?: string },
): PlannedTopic[] {
  const replication = settings.replication ?? Math.min(3, Math.max(1, given.brokers))
  const common = {
    replication,
    minInsyncReplicas: settings.minInsyncReplicas ?? Math.max(1, replication - 1),
    messageBytesMax: settings.maxMessage,
  }
  const { retention, maxBytes } = settings
  const bounded = maxBytes === undefined ? {} : { retentionBytes: maxBytes }
  const named = (name: string): string => `${given.prefix ?? 'decklog.'}${name}`
  const ofClass = classes.flatMap(({ class: className, weight }): PlannedTopic[] => {
    const partitions =
      settings.partitions?.[className] ?? settings.partitions?.['default'] ?? partitionsOf(weight)
    const defaultMs = weight <= LOUD_WEIGHT_MAX ? 3 * DAY_MS : 7 * DAY_MS
    return [
      {
        ...common,
        ...bounded,
        name: named(`raw.${className}`),
        partitions,
        retentionMs: retention.raw ?? defaultMs,
        groups: ['process', 'archive'],
      },
      {
        ...common,
        ...bounded,
        name: named(`events.${className}`),
        partitions,
        retentionMs: retention.events ?? defaultMs,
        groups: ['index', 'detect'],
      },
    ]
  })
  const shared: readonly (readonly [string, number, number | undefined, number, readonly string[]])[] = [
    ['facts', 6, retention.facts, 7, ['detect']],
    ['signals', 6, retention.signals, 7, ['detect']],
    ['alerts', 3, retention.alerts, 30, ['serve']],
    ['dead-letter', 3, retention.deadLetter, 30, ['index']],
  ]
  return [
    ...ofClass,
    ...shared.map(([name, partitions, retentionMs, days, groups]) => ({
      ...common,
      name: named(name),
      partitions,
      retentionMs: retentionMs ?? days * DAY_MS,
      groups,
    })),
  ]
}

/** Up to this a class is loud: `pod` has 1. */
const LOUD_WEIGHT_MAX = 2

function partitionsOf(weight: number): number {
  if (weight <= LOUD_WEIGHT_MAX) return 12
  return weight <= 5 ? 6 : 3
}
