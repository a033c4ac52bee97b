import { Telemetry } from '../../core/telemetry.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Asking, RetentionRule, Store } from '../../ports/store.ts'
import {
  connect,
  type EsConnection,
  type ElasticsearchOptions,
} from '../../store/elasticsearch/connection.ts'
import { namesOf } from '../../store/elasticsearch/context.ts'
import { openElasticsearchStore } from '../../store/elasticsearch/elasticsearch-store.ts'
import { listDataStreams } from '../../store/elasticsearch/manage/data-streams.ts'
import { byCause, type Letter } from './dead-letter-causes.ts'
import type { ClassUsage, Part } from './report.ts'
import { sizeOf } from './words.ts'

export interface StorePartOptions {
  readonly elasticsearch: ElasticsearchOptions
  readonly rules: readonly RetentionRule[]
  readonly clock: Clock
  readonly apartMs: number
  readonly signal?: AbortSignal
  /** For tests, which share a cluster. */
  readonly prefix?: string
}

const EVERYTHING = { principal: { id: 'status' }, scope: { clusters: '*', classes: '*' } } as const
const PAGE = 100
const LETTERS_MAX = 2_000

/** What Elasticsearch has, and whether it takes more. Reads only. @throws {DecklogError} `unreachable` */
export async function storePart(options: StorePartOptions): Promise<Part> {
  const { elasticsearch, clock, apartMs, signal, rules, prefix } = options
  const connection = connect(elasticsearch)
  const store = await openElasticsearchStore({
    ...elasticsearch,
    clock,
    telemetry: new Telemetry(),
    ...(prefix === undefined ? {} : { prefix }),
  })
  try {
    const asking: Asking = { ...EVERYTHING, ...(signal === undefined ? {} : { signal }) }
    const cluster = [
      ...(await healthProblems(connection, signal)),
      ...(await blockProblems(connection, prefix, signal)),
    ]
    const before = await store.usage()
    const beforeNs = clock.monotonicNs()
    const letters = await lettersOf(store, asking)
    const nodes = await nodesOf(store, asking)
    const passedMs = Number(clock.monotonicNs() - beforeNs) / 1e6
    await clock.sleep(Math.max(0, apartMs - passedMs), signal)
    const seconds = Number(clock.monotonicNs() - beforeNs) / 1e9
    const usage = withRates(before, await store.usage(), seconds)
    return {
      store: usage,
      nodes,
      deadLetters: byCause(letters.letters),
      deadLettersMore: letters.more,
      problems: [...cluster, ...fullProblems(usage, rules)],
    }
  } finally {
    await store.close()
    await connection.close()
  }
}

export function withRates(
  before: readonly Omit<ClassUsage, 'rate'>[],
  after: readonly Omit<ClassUsage, 'rate'>[],
  seconds: number,
): ClassUsage[] {
  const earlier = new Map(before.map((one) => [one.class, one.events]))
  return after.map((one) => ({
    ...one,
    rate: seconds === 0 ? 0 : Math.max(0, one.events - (earlier.get(one.class) ?? 0)) / seconds,
  }))
}

/** A class that is near its bound is refused or loses its oldest soon. */
export function fullProblems(usage: readonly ClassUsage[], rules: readonly RetentionRule[]): string[] {
  return usage.flatMap(({ class: name, bytes }) => {
    const rule = rules.find((one) => one.class === name)
    if (rule?.maxBytes === undefined || bytes < 0.9 * rule.maxBytes) return []
    const then = rule.whenFull === 'refuse' ? 'then it is refused' : 'then its oldest events are deleted'
    return [
      `the store has ${sizeOf(bytes)} of ${name}, of ${sizeOf(rule.maxBytes)} that retention.yaml allows; ${then}: ` +
        'shorten hot, or raise maxBytes',
    ]
  })
}

async function lettersOf(store: Store, asking: Asking): Promise<{ letters: Letter[]; more: boolean }> {
  const letters: Letter[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await store.listRecords('dead-letter', {
      ...asking,
      limit: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    })
    // Without their bytes, which may be a quarter of a MB each.
    letters.push(...page.records.map(({ body, updatedMs }) => ({ body: withoutBytes(body), updatedMs })))
    if (page.cursor === undefined) return { letters, more: false }
    if (letters.length >= LETTERS_MAX) return { letters, more: true }
    cursor = page.cursor
  }
}

function withoutBytes({ reason, detail, class: className, atMs }: Letter['body']): Letter['body'] {
  return { reason, detail, class: className, atMs }
}

async function nodesOf(store: Store, asking: Asking): Promise<{ node: string; newestMs: number }[]> {
  const { classes } = await store.completeness(asking)
  return newestByNode(classes)
}

export function newestByNode(
  classes: readonly { readonly newestIngestByNode: Readonly<Record<string, number>> }[],
): { node: string; newestMs: number }[] {
  const newest = new Map<string, number>()
  for (const { newestIngestByNode } of classes) {
    for (const [node, ms] of Object.entries(newestIngestByNode))
      newest.set(node, Math.max(ms, newest.get(node) ?? 0))
  }
  return [...newest]
    .map(([node, newestMs]) => ({ node, newestMs }))
    .sort((a, b) => a.newestMs - b.newestMs || (a.node < b.node ? -1 : 1))
}

async function healthProblems(connection: EsConnection, signal: AbortSignal | undefined): Promise<string[]> {
  const { status, body } = await connection.request({
    method: 'GET',
    path: '/_cluster/health',
    ...(signal === undefined ? {} : { signal }),
  })
  if (status === 401 || status === 403)
    return [`Elasticsearch refuses this user or key (${status}): look at store.auth`]
  if ((body as { status?: unknown } | undefined)?.status !== 'red') return []
  return [
    'Elasticsearch is red: some of what is stored cannot be read or written; GET _cluster/allocation/explain says why',
  ]
}

/** Blocks on what is written to: older indices may well be read-only. */
async function blockProblems(
  connection: EsConnection,
  prefix: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const streams = await listDataStreams(connection, namesOf(prefix), signal)
  const written = new Set(streams.map(({ indices }) => indices.at(-1)?.name))
  const { body } = await connection.request({
    method: 'GET',
    path: `/${encodeURIComponent(`${namesOf(prefix).events},decklog-${prefix ?? ''}*`)}/_settings/index.blocks.*`,
    query: { flat_settings: true, expand_wildcards: 'all', allow_no_indices: true, ignore_unavailable: true },
    ...(signal === undefined ? {} : { signal }),
  })
  const indices = (body ?? {}) as Readonly<Record<string, { settings?: Readonly<Record<string, string>> }>>
  const blocked = Object.entries(indices)
    .filter(([index]) => written.has(index) || index.startsWith('decklog-'))
    .flatMap(([index, { settings = {} }]) =>
      Object.entries(settings)
        .filter(([name, value]) => value === 'true' && name.startsWith('index.blocks.'))
        .map(([name]) => ({ index, block: name.slice('index.blocks.'.length) })),
    )
  return [...Map.groupBy(blocked, ({ block }) => block)].map(([block, found]) => {
    const why =
      block === 'read_only_allow_delete'
        ? 'a disk was nearly full: free space, and Elasticsearch lifts it by itself'
        : `somebody set index.blocks.${block}: set it to null`
    const more = found.length === 1 ? '' : ` and ${found.length - 1} more`
    return `Elasticsearch does not take writes into ${found[0]!.index}${more}: ${why}`
  })
}
