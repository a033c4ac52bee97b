import type { Clock } from '../../ports/clock.ts'
import type { TopicLag } from '../../ports/bus.ts'
import type { RetentionRule } from '../../ports/store.ts'
import { byCause, type Letter } from './dead-letter-causes.ts'
import type { ClassUsage, Part, StepStatus } from './report.ts'
import { fullProblems, newestByNode, withRates } from './store-part.ts'
import { counted } from './words.ts'

/** Asks a running decklog; answers its JSON. @throws {DecklogError} `unreachable` */
export type AskRunning = (
  path: string,
  parameters: Readonly<Record<string, string | number | undefined>>,
) => Promise<unknown>

export interface RunningPartOptions {
  readonly ask: AskRunning
  /** Undefined: those of the decklog that is asked are not known here. */
  readonly rules: readonly RetentionRule[] | undefined
  readonly clock: Clock
  readonly apartMs: number
  readonly signal?: AbortSignal
}

interface RunningStatus {
  readonly cluster: string
  readonly node: string
  readonly usage: readonly Omit<ClassUsage, 'rate'>[]
  readonly lag: readonly TopicLag[]
  readonly ship?: { readonly troubles: readonly { readonly what: string; readonly message: string }[] }
}

const LETTERS_MAX = 2_000

/** What one process knows: all of an embedded decklog, or the store and all lag where it serves a distributed one. */
export async function runningPart(options: RunningPartOptions): Promise<Part & { readonly cluster: string }> {
  const { ask, rules, clock, apartMs, signal } = options
  const before = (await ask('/api/status', {})) as RunningStatus
  const beforeNs = clock.monotonicNs()
  const { letters, more } = await lettersOf(ask)
  const { completeness } = (await ask('/api/search', { query: '', limit: 0, completeness: 'true' })) as {
    completeness: { classes: Parameters<typeof newestByNode>[0] }
  }
  const ready = (await ask('/ready', {})) as { readonly reason?: string }
  const passedMs = Number(clock.monotonicNs() - beforeNs) / 1e6
  await clock.sleep(Math.max(0, apartMs - passedMs), signal)
  const after = (await ask('/api/status', {})) as RunningStatus
  const store = withRates(before.usage, after.usage, Number(clock.monotonicNs() - beforeNs) / 1e9)
  return {
    cluster: after.cluster,
    steps: after.lag.map((lag) => stepOf(lag, after)).sort((a, b) => orderOf(a) - orderOf(b)),
    nodes: newestByNode(completeness.classes),
    store,
    deadLetters: byCause(letters),
    deadLettersMore: more,
    problems: [
      ...(ready.reason === undefined ? [] : [`it is not ready: ${ready.reason}`]),
      ...troublesOf(after, ready.reason ?? ''),
      ...fullProblems(store, rules ?? []),
    ],
  }
}

function stepOf({ topic, group, messages, bytes, oldestMs }: TopicLag, status: RunningStatus): StepStatus {
  const isHere = status.ship !== undefined
  return {
    role: group,
    class: topic.split('.').at(-1) ?? '',
    topic,
    state: 'here',
    members: isHere ? [{ host: status.node, partitions: 1 }] : [],
    partitions: 1,
    lag: { messages, bytes, oldestMs },
    retentionMs: undefined,
    rate: undefined,
  }
}

/** In the order of a line's way. */
function orderOf({ role }: StepStatus): number {
  return ['process', 'archive', 'index'].indexOf(role)
}

/** What /ready says already is not said twice. */
function troublesOf({ ship }: RunningStatus, said: string): string[] {
  const all = (ship?.troubles ?? []).filter(({ message }) => !said.includes(message))
  const first = all.slice(0, 5).map(({ what, message }) => `${what}: ${message}`)
  return all.length > 5 ? [...first, `and ${counted(all.length - 5, 'more trouble')} of the shipper`] : first
}

async function lettersOf(ask: AskRunning): Promise<{ letters: Letter[]; more: boolean }> {
  const letters: Letter[] = []
  for (let cursor: string | undefined; ; ) {
    const page = (await ask('/api/dead-letters', { limit: 100, cursor })) as {
      readonly records: readonly Letter[]
      readonly cursor?: string
    }
    for (const { body, updatedMs } of page.records) {
      const { reason, detail, class: className, atMs } = body
      letters.push({ body: { reason, detail, class: className, atMs }, updatedMs })
    }
    if (page.cursor === undefined) return { letters, more: false }
    if (letters.length >= LETTERS_MAX) return { letters, more: true }
    cursor = page.cursor
  }
}
