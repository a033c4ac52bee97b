import type { EsConnection } from '../connection.ts'
import { refusal } from '../context.ts'
import type { RetentionRule } from '../../../ports/store.ts'
import type { RolloverRule, StreamKind } from './templates.ts'

const HOUR_MS = 36e5
const DAY_MS = 864e5
/** Elastic's own advice for a shard that is still quick to move: 50 GB. */
const SHARD_BYTES_MAX = 50 * 2 ** 30
const AGE_MAX_MS = 30 * DAY_MS
/** How many backing indices a retention is cut into: data lives at most a tenth longer than its rule says. */
const PIECES = 10

/**
 * When a class's write index is ended: a tenth of its retention and of its `maxBytes`, for only whole indices are deleted.
 * Between an hour and 30 days, and 50 GiB at most.
 */
export function rolloverOf(rule: RetentionRule | undefined, warmAfterMs?: number): RolloverRule {
  const { hotMs, maxBytes } = rule ?? {}
  const tenth = Math.ceil((hotMs ?? AGE_MAX_MS * PIECES) / PIECES / HOUR_MS) * HOUR_MS
  return {
    maxAgeMs: Math.min(Math.max(tenth, HOUR_MS), AGE_MAX_MS),
    maxBytes: Math.min(Math.ceil((maxBytes ?? Infinity) / PIECES), SHARD_BYTES_MAX),
    warmAfterMs,
  }
}

/** Shards that a dataset of a class makes, when all its data streams are as old as the retention. */
export interface ShardCount {
  readonly class: string
  readonly dataset: string
  /** Data streams: one for each cluster. */
  readonly streams: number
  /** Backing indices of one at the end of the retention, by age; a year's for what is kept for ever. */
  readonly indices: number
  /** Primaries and replicas of all these. */
  readonly shards: number
  readonly keptForEver: boolean
}

export interface Capacity {
  readonly dataNodes: number
  readonly perNode: number
  /** Shards that there are, of anybody. */
  readonly open: number
}

export interface ShardPlan {
  readonly counts: readonly ShardCount[]
  /** Of all classes and clusters. */
  readonly wanted: number
  /** Of these there are already. */
  readonly ownNow: number
  readonly capacity: Capacity
  /** A sentence: why the cluster cannot carry it; undefined when it can. */
  readonly refusal: string | undefined
}

export function countShards(options: {
  readonly kinds: readonly StreamKind[]
  readonly rules: readonly RetentionRule[]
  readonly rollover: (className: string) => RolloverRule
  readonly shards: (className: string) => number
  readonly replicas: number
  readonly clusters: number
  /** How many data streams there are of a kind. @default 0 */
  readonly streamsOf?: (kind: StreamKind) => number
  readonly ownNow: number
  readonly capacity: Capacity
}): ShardPlan {
  const { kinds, rules, rollover, shards, replicas, ownNow, capacity } = options
  const counts = kinds.map((kind): ShardCount => {
    const hotMs = rules.find((rule) => rule.class === kind.class)?.hotMs
    const { maxAgeMs } = rollover(kind.class)
    // One is written to, one has just ended and waits until its last event expires.
    const indices = Math.ceil((hotMs ?? 365 * DAY_MS) / maxAgeMs) + 2
    const streams = Math.max(options.clusters, options.streamsOf?.(kind) ?? 0)
    const all = streams * indices * shards(kind.class) * (1 + replicas)
    return { ...kind, streams, indices, shards: all, keptForEver: hotMs === undefined }
  })
  const wanted = counts.reduce((sum, one) => sum + one.shards, 0)
  return { counts, wanted, ownNow, capacity, refusal: refuse(wanted, ownNow, capacity) }
}

function refuse(wanted: number, ownNow: number, { dataNodes, perNode, open }: Capacity): string | undefined {
  const others = Math.max(0, open - ownNow)
  const room = dataNodes * perNode - others
  if (wanted <= room) return undefined
  return (
    `the classes and clusters make ${wanted} shards, and the cluster has room for ${Math.max(0, room)} ` +
    `(${dataNodes} data ${dataNodes === 1 ? 'node' : 'nodes'} × ${perNode}, less ${others} of others): ` +
    'add nodes, shorten hot in retention.yaml, take fewer replicas or shards, or raise cluster.max_shards_per_node'
  )
}

/** What the cluster can carry, and carries. */
export async function readCapacity(connection: EsConnection, signal?: AbortSignal): Promise<Capacity> {
  const health = await read(connection, '/_cluster/health', {}, signal)
  const settings = await read(
    connection,
    '/_cluster/settings',
    { include_defaults: true, flat_settings: true, filter_path: '*.cluster.max_shards_per_node' },
    signal,
  )
  const count = (name: string): number => Number(health[name] ?? 0)
  const perNode = ['transient', 'persistent', 'defaults']
    .map((level) => (settings[level] as Record<string, unknown> | undefined)?.['cluster.max_shards_per_node'])
    .find((value) => value !== undefined)
  return {
    dataNodes: Math.max(1, count('number_of_data_nodes')),
    perNode: Number(perNode ?? 1000),
    open: count('active_shards') + count('initializing_shards') + count('unassigned_shards'),
  }
}

async function read(
  connection: EsConnection,
  path: string,
  query: Readonly<Record<string, string | boolean>>,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await connection.request({
    method: 'GET',
    path,
    query,
    ...(signal === undefined ? {} : { signal }),
  })
  if (answer.status !== 200) throw refusal(`reading ${path}`, answer.status, answer.body)
  return answer.body as Readonly<Record<string, unknown>>
}
