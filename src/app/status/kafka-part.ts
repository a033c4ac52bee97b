import { AdminClient } from '../../bus/kafka/admin-client.ts'
import type { ClientOptions } from '../../bus/kafka/client.ts'
import { type GroupState, groupStates } from '../../bus/kafka/group-state.ts'
import { type Marks, marksOf } from '../../bus/kafka/start-offsets.ts'
import { oldestAgeMs, type TopicState, topicStates } from '../../bus/kafka/topic-state.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Fact, problemsOf } from './kafka-problems.ts'
import type { Part, StepStatus } from './report.ts'

export interface KafkaPartOptions {
  readonly kafka: ClientOptions
  readonly classes: readonly string[]
  readonly clock: Clock
  /** Between two looks, for rates and to see who moves. */
  readonly apartMs: number
  /** `process` and `index` meet in memory: nobody reads the topics of events. */
  readonly handsOver: boolean
  readonly signal?: AbortSignal
}

/**
 * One role at one topic. `optional`: not every installation runs it. `replaced`: what it reads goes another way, and only what was left
 * there counts.
 */
interface Step {
  readonly role: string
  readonly class: string
  readonly topic: string
  readonly groupId: string
  readonly need: 'always' | 'optional' | 'replaced'
}

type Look = ReadonlyMap<Step, ReadonlyMap<number, Marks>>

/** Who reads which topic, how far behind, how fast: from the brokers alone. @throws {DecklogError} `unreachable` */
export async function kafkaPart(options: KafkaPartOptions): Promise<Part> {
  const { kafka, clock, apartMs, signal } = options
  const client = new AdminClient(kafka)
  const ask: Ask = (what, question) => client.use(what, question)
  try {
    const all = stepsOf(options)
    const names = [...new Set(all.map(({ topic }) => topic))]
    const topics = await ask('look up the topics', (admin) => topicStates(admin, names))
    const steps = all.filter(({ topic }) => topics.has(topic))
    const first = await look(ask, steps)
    const firstNs = clock.monotonicNs()
    await clock.sleep(apartMs, signal)
    const groups = await ask('ask who reads', (admin) =>
      groupStates(admin, new Map(steps.map(({ groupId, topic }) => [groupId, topic]))),
    )
    const second = await look(ask, steps)
    const seconds = Number(clock.monotonicNs() - firstNs) / 1e9
    const facts = await Promise.all(
      steps.map((step) =>
        factOf(ask, step, {
          topic: topics.get(step.topic)!,
          group: groups.get(step.groupId),
          before: first.get(step)!,
          after: second.get(step)!,
          seconds,
          nowMs: clock.now(),
        }),
      ),
    )
    const missing = names.filter((name) => !topics.has(name))
    return { steps: facts.map(({ status }) => status), problems: problemsOf(facts, missing, topics) }
  } finally {
    await client.close()
  }
}

function stepsOf({ classes, handsOver }: KafkaPartOptions): Step[] {
  const step = (role: string, topic: string, need: Step['need']): Step => {
    const name = `decklog.${topic}`
    return {
      role,
      class: topic.split('.')[1] ?? '',
      topic: name,
      groupId: `decklog.${role}.${name}`,
      need,
    }
  }
  return [
    ...classes.map((name) => step('process', `raw.${name}`, 'always')),
    ...classes.map((name) => step('archive', `raw.${name}`, 'optional')),
    ...classes.map((name) => step('index', `events.${name}`, handsOver ? 'replaced' : 'always')),
    step('index', 'dead-letter', 'always'),
  ]
}

type Ask = AdminClient['use']

async function look(ask: Ask, steps: readonly Step[]): Promise<Look> {
  const marks = steps.map(async (step) => {
    const found = await ask(`read the lag of ${step.groupId}`, (admin) =>
      marksOf(admin, step.groupId, step.topic),
    )
    return [step, found] as const
  })
  return new Map(await Promise.all(marks))
}

interface Seen {
  readonly topic: TopicState
  readonly group: GroupState | undefined
  readonly before: ReadonlyMap<number, Marks>
  readonly after: ReadonlyMap<number, Marks>
  readonly seconds: number
  readonly nowMs: number
}

async function factOf(ask: Ask, step: Step, seen: Seen): Promise<Fact> {
  const { topic, group, before, after, seconds, nowMs } = seen
  const wasEverHere = [...after.values()].some(({ committed }) => committed !== undefined)
  const members = group?.members ?? []
  const unread = [...after.values()].filter((mark) => nextOf(mark) < mark.high)
  const isDone = step.need === 'replaced' ? unread.length === 0 : !wasEverHere
  const isIdle = step.need !== 'always' && isDone && members.length === 0
  const behind = isIdle ? [] : unread
  const next = new Map(behind.map((mark) => [mark.partition, nextOf(mark)]))
  const oldestMs = await ask(`read the age of ${step.topic}`, (admin) =>
    oldestAgeMs(admin, step.topic, next, nowMs),
  )
  const status: StepStatus = {
    role: step.role,
    class: step.class,
    topic: step.topic,
    state: isIdle ? 'idle' : members.length === 0 ? 'nobody' : stateOf(group),
    members: members.map(({ host, partitions }) => ({ host, partitions: partitions.length })),
    partitions: topic.partitions,
    lag: {
      messages: behind.reduce((sum, mark) => sum + mark.high - nextOf(mark), 0),
      bytes: undefined,
      oldestMs,
    },
    retentionMs: topic.retentionMs === undefined || topic.retentionMs < 0 ? undefined : topic.retentionMs,
    rate: isIdle
      ? undefined
      : {
          in: moved(before, after, ({ high }) => high) / seconds,
          out: moved(before, after, nextOf) / seconds,
        },
  }
  const assigned = new Set(members.flatMap(({ partitions }) => partitions))
  return {
    status,
    unassigned: behind.map(({ partition }) => partition).filter((partition) => !assigned.has(partition)),
    still: behind
      .filter((mark) => isStill(before.get(mark.partition), mark))
      .map(({ partition }) => partition),
    deletedUnread: [...after.values()].reduce(
      (sum, { low, committed }) => sum + Math.max(0, low - (committed ?? low)),
      0,
    ),
  }
}

function stateOf(group: GroupState | undefined): 'stable' | 'rebalancing' {
  return group?.state === 'stable' ? 'stable' : 'rebalancing'
}

function nextOf({ low, committed }: Marks): number {
  return Math.max(committed ?? low, low)
}

function moved(
  before: ReadonlyMap<number, Marks>,
  after: ReadonlyMap<number, Marks>,
  what: (mark: Marks) => number,
): number {
  let sum = 0
  for (const [partition, mark] of after) {
    const earlier = before.get(partition)
    if (earlier !== undefined) sum += Math.max(0, what(mark) - what(earlier))
  }
  return sum
}

/** Had messages at the first look, and has not come further since. */
function isStill(before: Marks | undefined, after: Marks): boolean {
  return before !== undefined && nextOf(before) < before.high && nextOf(after) <= nextOf(before)
}
