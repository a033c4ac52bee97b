import type { TopicState } from '../../bus/kafka/topic-state.ts'
import type { StepStatus } from './report.ts'
import { ageOf, counted, countOf } from './words.ts'

/** A step with what only judging it needs. */
export interface Fact {
  readonly status: StepStatus
  /** Partitions with messages that no member has. */
  readonly unassigned: readonly number[]
  /** Partitions with messages that did not move between two looks. */
  readonly still: readonly number[]
  /** Messages that the brokers deleted before they were read, and that the group has not passed yet. */
  readonly deletedUnread: number
}

/** A partition that stands still for so long is not merely slow: a store that answers within a minute settles something. */
const STILL_MS = 60_000
/** From here on what waits is in danger: half of what a topic keeps is left to mend the cause. */
const RETENTION_SHARE_MAX = 0.5

/** A sentence each: what is wrong, and what to do. */
export function problemsOf(
  facts: readonly Fact[],
  missing: readonly string[],
  topics: ReadonlyMap<string, TopicState>,
): string[] {
  return [
    ...(missing.length === 0
      ? []
      : [`Kafka has no topic ${missing.join(', ')}, or this user may not see it: run decklog setup`]),
    ...[...topics].flatMap(([name, topic]) => topicProblems(name, topic)),
    ...absent(facts),
    ...facts.flatMap(stepProblems),
  ]
}

function topicProblems(name: string, { leaderless, underReplicated }: TopicState): string[] {
  return [
    ...(leaderless === 0
      ? []
      : [`${name}: ${counted(leaderless, 'partition')} without a leader: a broker is away; start it`]),
    ...(underReplicated === 0
      ? []
      : [
          `${name}: a copy of ${counted(underReplicated, 'partition')} is missing: a broker is away or behind`,
        ]),
  ]
}

/** Where a role runs nowhere, it is one sentence, not one for each topic. */
function absent(facts: readonly Fact[]): string[] {
  const nobody = facts.map(({ status }) => status).filter(({ state }) => state === 'nobody')
  return [...Map.groupBy(nobody, ({ role }) => role)].map(([role, steps]) => {
    const waiting = steps.reduce((sum, { lag }) => sum + lag.messages, 0)
    const what = waiting === 0 ? 'nothing waits yet' : `${counted(waiting, 'message')} wait`
    return `nobody runs ${role} for ${steps.map(nameOf).join(', ')}; ${what}: start decklog run ${role}`
  })
}

function stepProblems({ status, unassigned, still, deletedUnread }: Fact): string[] {
  const { role, lag, retentionMs, state } = status
  const where = `${role} of ${nameOf(status)}`
  const problems: string[] = []
  if (deletedUnread > 0)
    problems.push(
      `${where}: Kafka deleted ${counted(deletedUnread, 'message')} before they were read; the loss is declared: ` +
        'add processes, or lengthen setup.topics.retention',
    )
  if (retentionMs !== undefined && lag.oldestMs > retentionMs * RETENTION_SHARE_MAX)
    problems.push(
      `${where}: the oldest of ${counted(lag.messages, 'message')} waits for ${ageOf(lag.oldestMs)}, and the topic keeps ` +
        `${ageOf(retentionMs)}: what is not read by then is lost; add processes, or lengthen setup.topics.retention`,
    )
  if (state === 'stable' && unassigned.length > 0)
    problems.push(`${where}: nobody reads ${partitions(unassigned)}: restart the processes that run ${role}`)
  else if (state === 'stable' && still.length > 0 && lag.oldestMs > STILL_MS)
    problems.push(
      `${where}: ${partitions(still)} did not move, and the oldest message waits for ${ageOf(lag.oldestMs)}: ` +
        `ask /ready of the processes that run ${role}`,
    )
  if (state === 'rebalancing' && lag.oldestMs > STILL_MS)
    problems.push(`${where}: its processes are still sharing out the partitions; look at their logs`)
  return problems
}

function nameOf({ class: className, topic }: StepStatus): string {
  return className === 'dead-letter' ? 'dead letters' : className === '' ? topic : className
}

function partitions(numbers: readonly number[]): string {
  const some = numbers.slice(0, 8).join(', ')
  const rest = numbers.length > 8 ? ` and ${countOf(numbers.length - 8)} more` : ''
  return numbers.length === 1 ? `partition ${some}` : `partitions ${some}${rest}`
}
