import type { ClientOptions } from '../bus/kafka/client.ts'
import { DecklogError } from '../core/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { RetentionRule } from '../ports/store.ts'
import type { ElasticsearchOptions } from '../store/elasticsearch/connection.ts'
import { kafkaPart } from './status/kafka-part.ts'
import type { Part, StatusReport } from './status/report.ts'
import { type AskRunning, runningPart } from './status/running-part.ts'
import { storePart } from './status/store-part.ts'
import { counted } from './status/words.ts'

export interface StatusOptions {
  readonly cluster: string
  /** Undefined: no brokers are asked. */
  readonly kafka: ClientOptions | undefined
  /** Undefined: no cluster is asked. */
  readonly elasticsearch: ElasticsearchOptions | undefined
  /** A running decklog, for what the two above do not tell; undefined where they tell all. */
  readonly running: { readonly url: string; readonly ask: AskRunning } | undefined
  readonly classes: readonly string[]
  readonly rules: readonly RetentionRule[] | undefined
  readonly handsOver: boolean
  readonly clock: Clock
  /** Between two looks. */
  readonly apartMs: number
  readonly signal?: AbortSignal
  /** For tests, which share a cluster. */
  readonly storePrefix?: string
}

/** The whole pipeline in one answer. A part that does not answer is said; the others are told all the same. Changes nothing. */
export async function pipelineStatus(options: StatusOptions): Promise<StatusReport> {
  const { kafka, elasticsearch, running, rules, storePrefix, clock } = options
  const looks: Promise<Part & { readonly cluster?: string }>[] = []
  if (kafka) looks.push(kafkaPart({ ...options, kafka }))
  if (elasticsearch) {
    const prefix = storePrefix === undefined ? {} : { prefix: storePrefix }
    looks.push(storePart({ ...options, elasticsearch, rules: rules ?? [], ...prefix }))
  }
  if (running) looks.push(runningPart({ ...options, ask: running.ask }))
  const settled = await Promise.allSettled(looks)
  const parts = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = settled.flatMap((one) => (one.status === 'rejected' ? [sentenceOf(one.reason)] : []))
  const deadLetters = parts.flatMap((part) => part.deadLetters ?? [])
  return {
    atMs: clock.now(),
    place: [
      ...(kafka ? [`Kafka ${kafka.brokers.join(', ')}`] : []),
      ...(elasticsearch ? [`Elasticsearch ${elasticsearch.nodes.join(', ') || 'in the cloud'}`] : []),
      ...(running ? [running.url] : []),
    ].join(', '),
    cluster: parts.find((part) => part.cluster !== undefined)?.cluster ?? options.cluster,
    // Where brokers are asked, they know better than the process that serves.
    steps: parts.find((part) => part.steps !== undefined)?.steps ?? [],
    nodes: parts.flatMap((part) => part.nodes ?? []),
    store: parts.flatMap((part) => part.store ?? []),
    deadLetters,
    deadLettersMore: parts.some((part) => part.deadLettersMore === true),
    problems: [...parts.flatMap(({ problems }) => problems), ...letterProblems(deadLetters)],
    unreachable: failed,
  }
}

/** 0 healthy, 1 something is wrong, 3 a part cannot be reached. */
export function exitStatusOf({ problems, unreachable }: StatusReport): 0 | 1 | 3 {
  if (unreachable.length > 0) return 3
  return problems.length > 0 ? 1 : 0
}

function letterProblems(causes: StatusReport['deadLetters']): string[] {
  const count = causes.reduce((sum, one) => sum + one.count, 0)
  if (count === 0) return []
  const why = counted(causes.length, 'cause')
  return [
    `${counted(count, 'dead letter')} of ${why}: decklog dead-letter list, mend, then decklog dead-letter replay`,
  ]
}

/** Only what is expected of surroundings is a sentence; the rest is ours. */
function sentenceOf(reason: unknown): string {
  if (reason instanceof DecklogError && reason.code !== 'aborted') return reason.message
  throw reason
}
