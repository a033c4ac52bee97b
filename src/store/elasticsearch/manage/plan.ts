import type { RetentionRule } from '../../../ports/store.ts'
import type { EsConnection } from '../connection.ts'
import { faultOf, namesOf, refusal } from '../context.ts'
import { coverageIndex, recordsIndex } from '../own-indices.ts'
import { type DataStream, isOfClass, listDataStreams } from './data-streams.ts'
import { type FoundFlavour, findFlavour } from './flavour.ts'
import { type Change, compareInstalled, install } from './installed.ts'
import {
  type Composed,
  type StreamChange,
  compareStream,
  compose,
  rollOverStream,
  updateStream,
} from './live-mapping.ts'
import { isRuledByOthers, overlapsOf, readClaims } from './overlaps.ts'
import { type ShardPlan, countShards, readCapacity, rolloverOf } from './shards.ts'
import { type Body, type Definition, type StreamKind, namespaceClass, templatesOf } from './templates.ts'

export interface StoreSetupOptions {
  /** Where the pipelines write. decklog's own audit is added. */
  readonly kinds: readonly StreamKind[]
  readonly rules: readonly RetentionRule[]
  /** Clusters that will write here: a kind has so many data streams, or those that there are. @default 1 */
  readonly clusters?: number
  /** Primary shards of one backing index, by class; `default` for the others. @default 1 */
  readonly shards?: Readonly<Record<string, number>>
  /** @default 1, and 0 where there is one data node, which could hold none */
  readonly replicas?: number
  readonly refreshMs?: number
  readonly codec?: 'default' | 'best_compression'
  readonly logsdb?: boolean
  /** Move to warm nodes at this age; undefined: never. Needs lifecycle management. */
  readonly warmAfterMs?: number
  /** As of the store: for tests, which share a cluster. @default '' */
  readonly prefix?: string
}

export interface StorePlan {
  readonly flavour: FoundFlavour
  readonly templates: readonly Change[]
  readonly streams: readonly StreamChange[]
  /** Indices of decklog's own that are missing: what is covered, and records. */
  readonly missingIndices: readonly OwnIndex[]
  readonly shards: ShardPlan
  readonly replicas: number
  /** A sentence each: what must be mended first. Nothing is applied while there is one. */
  readonly problems: readonly string[]
  readonly remarks: readonly string[]
  /** What the data streams' indices would be, for `applyStore`. */
  readonly composed: ReadonlyMap<string, Composed>
}

interface OwnIndex {
  readonly name: string
  readonly body: Body
}

export const AUDIT_KIND: StreamKind = { dataset: 'decklog.audit', class: 'audit' }

/**
 * What would have to change in the cluster. Reads only.
 * @throws {DecklogError} `unreachable`, or `usage` where rights are missing
 */
export async function planStore(
  connection: EsConnection,
  options: StoreSetupOptions,
  signal?: AbortSignal,
): Promise<StorePlan> {
  const flavour = await findFlavour(connection, signal)
  const capacity = await readCapacity(connection, signal)
  const kinds = uniqueKinds([...options.kinds, AUDIT_KIND])
  const replicas = options.replicas ?? (capacity.dataNodes > 1 ? 1 : 0)
  const definitions = definitionsOf(options, { flavour, kinds, replicas })
  const names = namesOf(options.prefix)
  const claims = await readClaims(connection, signal)
  const own = (await listDataStreams(connection, names, signal)).filter(
    (stream) =>
      kinds.some((kind) => kind.dataset === stream.dataset && isOfClass(stream, kind.class)) &&
      !isRuledByOthers(stream.name, claims, definitions),
  )
  const templates = await compareInstalled(connection, definitions, signal)
  const composed = await composeAll(connection, own, { definitions, prefix: options.prefix, signal })
  const streams: StreamChange[] = []
  for (const stream of own)
    streams.push(await compareStream(connection, stream, composed.get(stream.name)!, signal))
  const shards = shardsOf(options, { kinds, replicas, own, capacity })
  return {
    flavour,
    templates,
    streams,
    missingIndices: await missingOf(connection, [coverageIndex(names), recordsIndex(names)], signal),
    shards,
    replicas,
    composed,
    problems: [
      ...templates.flatMap((one) => (one.action === 'blocked' && one.remark !== undefined ? one.remark : [])),
      ...overlapsOf(claims, definitions),
      ...(shards.refusal === undefined ? [] : [shards.refusal]),
    ],
    remarks: [
      ...templates.flatMap((one) => (one.action !== 'blocked' && one.remark !== undefined ? one.remark : [])),
      ...(options.logsdb === true && !flavour.logsdb
        ? ['the cluster has no index mode logsdb: left out']
        : []),
    ],
  }
}

/** What was done about one data stream. */
export interface StreamReport {
  readonly stream: string
  readonly rolledOver: boolean
  /** Why a rollover is needed and was not done; undefined when none is. */
  readonly advice: string | undefined
}

/**
 * Carries a plan out: policies, components, templates, then what exists. Repeating it is harmless; data is never deleted.
 * @throws {DecklogError} when the cluster refuses; what was done before stays, and the next run goes on from there
 */
export async function applyStore(
  connection: EsConnection,
  plan: StorePlan,
  options: { readonly rollOver?: boolean; readonly signal?: AbortSignal } = {},
): Promise<StreamReport[]> {
  const { signal } = options
  for (const change of plan.templates) await install(connection, change, signal)
  for (const { name, body } of plan.missingIndices) await createIndex(connection, { name, body }, signal)
  const reports: StreamReport[] = []
  for (const change of plan.streams) {
    const refused = await updateStream(connection, change, plan.composed.get(change.stream)!, signal)
    const why = refused ?? reasonToRollOver(change)
    const rolledOver = why !== undefined && options.rollOver === true
    if (rolledOver) await rollOverStream(connection, change.stream, signal)
    reports.push({ stream: change.stream, rolledOver, advice: rolledOver ? undefined : why })
  }
  return reports
}

/** Does the plan change anything? */
export function hasChanges(plan: StorePlan): boolean {
  return (
    plan.templates.some((one) => one.action === 'create' || one.action === 'update') ||
    plan.missingIndices.length > 0 ||
    plan.streams.some((one) => one.additions.length > 0 || one.settings.length > 0)
  )
}

export function reasonToRollOver({ needsRollover }: StreamChange): string | undefined {
  if (needsRollover.length === 0) return undefined
  const [first] = needsRollover
  const rest = needsRollover.length === 1 ? '' : ` and ${needsRollover.length - 1} more`
  return `${first!.path} is ${first!.before ?? 'not there'} and will be ${first!.after}${rest}`
}

/** Installs the templates without asking anything else: for tests and for a first start. */
export async function installStore(
  connection: EsConnection,
  options: StoreSetupOptions,
  signal?: AbortSignal,
): Promise<StorePlan> {
  const plan = await planStore(connection, options, signal)
  await applyStore(connection, plan, signal === undefined ? {} : { signal })
  return plan
}

function definitionsOf(
  options: StoreSetupOptions,
  found: {
    readonly flavour: FoundFlavour
    readonly kinds: readonly StreamKind[]
    readonly replicas: number
  },
): Definition[] {
  const { rules, warmAfterMs, refreshMs, codec, logsdb, prefix } = options
  return templatesOf({
    ...found,
    rollover: (className) =>
      rolloverOf(
        rules.find((rule) => rule.class === className),
        warmAfterMs,
      ),
    shards: shardsBy(options),
    ...(refreshMs === undefined ? {} : { refreshMs }),
    ...(codec === undefined ? {} : { codec }),
    ...(logsdb === undefined ? {} : { logsdb }),
    ...(prefix === undefined ? {} : { prefix }),
  })
}

function shardsBy({ shards = {} }: StoreSetupOptions): (className: string) => number {
  return (className) => shards[className] ?? shards['default'] ?? 1
}

async function missingOf(
  connection: EsConnection,
  wanted: readonly OwnIndex[],
  signal: AbortSignal | undefined,
): Promise<OwnIndex[]> {
  const missing: OwnIndex[] = []
  for (const index of wanted) {
    const { status } = await connection.request({
      method: 'HEAD',
      path: `/${encodeURIComponent(index.name)}`,
      ...(signal === undefined ? {} : { signal }),
    })
    if (status === 404) missing.push(index)
    else if (status !== 200) throw refusal(`looking for the index ${index.name}`, status, undefined)
  }
  return missing
}

async function createIndex(
  connection: EsConnection,
  { name, body: wanted }: OwnIndex,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { status, body } = await connection.request({
    method: 'PUT',
    path: `/${encodeURIComponent(name)}`,
    body: wanted,
    ...(signal === undefined ? {} : { signal }),
  })
  if (status === 200 || faultOf(body).type === 'resource_already_exists_exception') return
  throw refusal(`making the index ${name}`, status, body)
}

async function composeAll(
  connection: EsConnection,
  own: readonly DataStream[],
  given: {
    readonly definitions: readonly Definition[]
    readonly prefix: string | undefined
    readonly signal: AbortSignal | undefined
  },
): Promise<Map<string, Composed>> {
  const composed = new Map<string, Composed>()
  if (own.length === 0) return composed
  const { definitions, prefix, signal } = given
  const names = namesOf(prefix)
  const custom = await customComponent(connection, names.installed('custom'), signal)
  for (const stream of own) {
    const index = definitions.find(
      ({ kind, name }) =>
        kind === 'index' &&
        namespaceClass(name) ===
          namespaceClass(names.installed(`${stream.dataset}-${stream.namespaceClass}`)),
    )
    composed.set(stream.name, compose(index!, definitions, custom))
  }
  return composed
}

async function customComponent(
  connection: EsConnection,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Body | undefined> {
  const { status, body } = await connection.request({
    method: 'GET',
    path: `/_component_template/${encodeURIComponent(name)}`,
    ...(signal === undefined ? {} : { signal }),
  })
  if (status === 404) return undefined
  if (status !== 200) throw refusal(`reading component ${name}`, status, body)
  const [found] = (body as { component_templates?: readonly { component_template?: Body }[] })
    .component_templates!
  return found?.component_template
}

function shardsOf(
  options: StoreSetupOptions,
  found: {
    readonly kinds: readonly StreamKind[]
    readonly replicas: number
    readonly own: readonly DataStream[]
    readonly capacity: ShardPlan['capacity']
  },
): ShardPlan {
  const { kinds, replicas, own, capacity } = found
  const indices = own.reduce((sum, stream) => sum + stream.indices.length, 0)
  return countShards({
    kinds,
    rules: options.rules,
    rollover: (className) => rolloverOf(options.rules.find((rule) => rule.class === className)),
    shards: shardsBy(options),
    replicas,
    clusters: options.clusters ?? 1,
    streamsOf: ({ dataset, class: className }) =>
      own.filter((stream) => stream.dataset === dataset && isOfClass(stream, className)).length,
    ownNow: indices * (1 + replicas),
    capacity,
  })
}

function uniqueKinds(kinds: readonly StreamKind[]): StreamKind[] {
  return [...new Map(kinds.map((kind) => [`${kind.dataset} ${kind.class}`, kind])).values()]
}
