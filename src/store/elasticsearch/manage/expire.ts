import { DecklogError } from '../../../core/errors.ts'
import { passStep } from '../../../core/faults.ts'
import type { DeletionRange, ExpiryReport, RetentionRule } from '../../../ports/store.ts'
import { type EsContext, faultOf } from '../context.ts'
import { type Deletion, writeAudit } from './audit.ts'
import { type BackingIndex, type DataStream, isOfClass, listDataStreams } from './data-streams.ts'
import { expireClaims } from './expire-claims.ts'
import { refuseFullClasses } from './full-classes.ts'
import { type IndexFacts, newestIngestOf } from './judge.ts'
import { lastLook } from './last-look.ts'
import { type Lease, takeLease } from './lease.ts'
import { rollOver, rollOverDue } from './rollover.ts'
import { type IndexStats, readStats, sumOf } from './stats.ts'

export interface ExpireOptions {
  /** Says what would be deleted, and changes nothing. @default false */
  readonly dryRun?: boolean
}

const HOW_TO_ALLOW =
  'give the process that runs the retention the role of decklog setup --print-role retention'

type Why = 'age' | 'maxBytes'
type MayDelete = (range: DeletionRange) => Promise<boolean>

/** One run: what it knows and what it has done. */
interface Run {
  readonly context: EsContext
  readonly nowMs: number
  readonly mayDelete: MayDelete
  readonly dryRun: boolean
  readonly lease: Lease | undefined
  readonly deleted: ExpiryReport['deleted'][number][]
  readonly kept: ExpiryReport['kept'][number][]
}

interface Candidate {
  readonly stream: DataStream
  readonly index: BackingIndex
  readonly rule: RetentionRule
  readonly stats: IndexStats
}

/**
 * Deletes backing indices of which every event has expired: it came in longer ago than `hot`, by the clock of the bus, as the
 * embedded store has it. Never the index that is written to, never one with a document that is not of its class, and never
 * without an audit record. Ends old write indices first. One process does it at a time; the others only learn which classes are
 * full and refuse.
 * @throws {DecklogError} retryable when the cluster does not answer
 */
export async function expire(
  context: EsContext,
  rules: readonly RetentionRule[],
  nowMs: number,
  mayDelete: MayDelete,
  { dryRun = false }: ExpireOptions = {},
): Promise<ExpiryReport> {
  const streams = await listDataStreams(context.connection, context.names)
  const stats = await readStats(context)
  refuseFullClasses(context, rules, { streams, stats })
  const nothing = { deleted: [], kept: [] }
  const lease = dryRun ? undefined : await leaseOf(context)
  if (!dryRun && lease === undefined) return nothing
  const run: Run = { context, nowMs, mayDelete, dryRun, lease, deleted: [], kept: [] }
  try {
    for (const rule of rules) await expireClass(run, rule)
    if (!dryRun) await expireClaims(context, nowMs)
    context.mended('retention')
  } catch (error) {
    if (!isForbidden(error)) throw error
    context.complain('retention', `${(error as Error).message}: nothing expires; ${HOW_TO_ALLOW}`)
  } finally {
    await lease?.release()
  }
  if (run.deleted.length > 0 && !dryRun) refuseFullClasses(context, rules, await lookAgain(context))
  return { deleted: run.deleted, kept: run.kept }
}

async function leaseOf(context: EsContext): Promise<Lease | undefined> {
  try {
    return await takeLease(context, 'retention')
  } catch (error) {
    if (!isForbidden(error)) throw error
    context.complain('retention', `${(error as Error).message}: nothing expires; ${HOW_TO_ALLOW}`)
    return undefined
  }
}

/** As `refusal` writes it. */
function isForbidden(error: unknown): boolean {
  return error instanceof DecklogError && /: 40[13] not allowed: /.test(error.message)
}

async function expireClass(run: Run, rule: RetentionRule): Promise<void> {
  const { context, nowMs, dryRun } = run
  const stats = await readStats(context)
  const ofClass = async (): Promise<DataStream[]> =>
    (await listDataStreams(context.connection, context.names)).filter((one) => isOfClass(one, rule.class))
  let streams = await ofClass()
  if (!dryRun && (await rollOverDue(context, streams, { rule, nowMs, stats })).length > 0)
    streams = await ofClass()
  let { bytes } = sumOf(streams, stats)
  /** Data streams whose next index is too young: those after it are younger still. */
  const young = new Set<DataStream>()
  for (const candidate of candidatesOf(streams, rule, stats)) {
    const { stream } = candidate
    const isOld = !young.has(stream) && (await looksExpired(run, candidate))
    if (!isOld) young.add(stream)
    const isOver = rule.maxBytes !== undefined && rule.whenFull === 'expire-oldest' && bytes > rule.maxBytes
    if (!isOld && !isOver) continue
    if (await expireIndex(run, candidate, isOld ? 'age' : 'maxBytes')) bytes -= candidate.stats.bytes
  }
  const isStillOver =
    rule.maxBytes !== undefined && rule.whenFull === 'expire-oldest' && bytes > rule.maxBytes
  if (isStillOver && !dryRun) await endLargest(context, streams, stats)
}

/** What is no longer written to, oldest first. */
function candidatesOf(
  streams: readonly DataStream[],
  rule: RetentionRule,
  stats: (index: BackingIndex) => IndexStats,
): Candidate[] {
  return streams
    .flatMap((stream) =>
      stream.indices.slice(0, -1).map((index) => ({ stream, index, rule, stats: stats(index) })),
    )
    .sort((a, b) => (a.index.rolledOverMs ?? 0) - (b.index.rolledOverMs ?? 0))
}

/** One cheap look: the index knows its largest value. What it says is checked once writes are ended. */
async function looksExpired(run: Run, { rule, index }: Candidate): Promise<boolean> {
  if (rule.hotMs === undefined) return false
  const newestMs = (await newestIngestOf(run.context, index.name)) ?? index.rolledOverMs
  return newestMs !== undefined && newestMs < run.nowMs - rule.hotMs
}

/** True when it was deleted. */
async function expireIndex(run: Run, candidate: Candidate, why: Why): Promise<boolean> {
  const { rule } = candidate
  const { context, dryRun } = run
  const place = { class: rule.class, cluster: candidate.stream.cluster, dryRun }
  const facts = await lastLook(context, candidate.index, place)
  if (facts === undefined) return false
  if (why === 'age' && facts.newestIngestMs >= run.nowMs - rule.hotMs!) return false
  const ranges = rangesOf(facts, rule.class)
  const refused = await reasonToKeep(run, candidate, { facts, ranges, why })
  if (refused !== undefined) {
    run.kept.push(...ranges.map((range) => ({ ...range, why: refused })))
    return false
  }
  return deleteIndex(run, candidate, { ranges, why })
}

async function reasonToKeep(
  run: Run,
  { rule, index }: Candidate,
  found: { readonly facts: IndexFacts; readonly ranges: readonly DeletionRange[]; readonly why: Why },
): Promise<string | undefined> {
  const { facts, ranges, why } = found
  if (facts.eventsOfClass !== facts.events) {
    return `${index.name} holds ${facts.events - facts.eventsOfClass} documents that are not of class ${rule.class}, though expired by ${why}`
  }
  for (const range of ranges) {
    if (!(await run.mayDelete(range))) return `refused: not to be deleted yet, though expired by ${why}`
  }
  return undefined
}

async function deleteIndex(
  run: Run,
  candidate: Candidate,
  found: { readonly ranges: readonly DeletionRange[]; readonly why: Why },
): Promise<boolean> {
  const { ranges, why } = found
  const { stream, index, rule, stats } = candidate
  const keep = (reason: string): false => {
    run.kept.push(...ranges.map((range) => ({ ...range, why: reason })))
    return false
  }
  const deletion: Deletion = {
    stream,
    index,
    class: rule.class,
    ranges,
    bytes: stats.bytes,
    why,
    rule: sentenceOf(rule, why),
  }
  if (!run.dryRun) {
    if (!(await run.lease!.renew())) return keep('another process has taken over the retention')
    const unwritten = await writeAudit(run.context, deletion, 'decided')
    if (unwritten !== undefined) return keep(`its audit record could not be written: ${unwritten}`)
    passStep('retention-inside')
    const refused = await remove(run.context, index)
    if (refused !== undefined) return keep(refused)
    await writeAudit(run.context, deletion, 'done')
  }
  const events = ranges.reduce((sum, range) => sum + range.events, 0)
  run.deleted.push(
    ...ranges.map((range) => ({ ...range, why, bytes: Math.round((stats.bytes * range.events) / events) })),
  )
  return true
}

/** Returns why it was refused. What is gone already is as good as deleted. */
async function remove({ connection }: EsContext, index: BackingIndex): Promise<string | undefined> {
  const { status, body } = await connection.request({
    method: 'DELETE',
    path: `/${encodeURIComponent(index.name)}`,
  })
  if (status === 200 || status === 404) return undefined
  return `Elasticsearch refuses to delete ${index.name}: ${faultOf(body).reason}`
}

/** A class whose data is all in write indices: the largest is ended, and deleted by the next run. */
async function endLargest(
  context: EsContext,
  streams: readonly DataStream[],
  stats: (index: BackingIndex) => IndexStats,
): Promise<void> {
  const sized = streams.map((stream) => ({ stream, bytes: stats(stream.indices.at(-1)!).bytes }))
  const [largest] = sized.sort((a, b) => b.bytes - a.bytes)
  if (largest !== undefined) await rollOver(context, largest.stream.name)
}

function rangesOf({ tenants, fromMs, toMs }: IndexFacts, className: string): DeletionRange[] {
  return tenants.map(([tenant, events]) => ({ class: className, tenant, fromMs, toMs, events }))
}

function sentenceOf(rule: RetentionRule, why: Why): string {
  return why === 'age'
    ? `class ${rule.class} is kept for ${Math.round((rule.hotMs ?? 0) / 36e5)} h`
    : `class ${rule.class} is over its ${rule.maxBytes} bytes`
}

async function lookAgain(
  context: EsContext,
): Promise<{ streams: readonly DataStream[]; stats: (index: BackingIndex) => IndexStats }> {
  return {
    streams: await listDataStreams(context.connection, context.names),
    stats: await readStats(context),
  }
}
