import type { SeqRange } from '../../core/event-batch.ts'
import { RangeSet } from '../../core/ranges.ts'
import type { Asking, Completeness, Coverage, TimeRange } from '../../ports/store.ts'
import { type EsContext, refusal } from './context.ts'
import type { CoverageDocument } from './coverage-document.ts'
import { type StreamSums, streamSums } from './coverage-sums.ts'
import { refreshIfChanged } from './own-indices.ts'
import { isSeen, scopeFilters } from './records.ts'

/** A hole is ordinary while it is young: longer than a carry may stay open, with room for a store that is behind. */
const SETTLING_MS = 60_000
/** Streams whose sums do not add up are read batch by batch, so many of them; of the others the sums are said. */
const EXACT_STREAMS_MAX = 200
const PAGE = 1_000

/** What the store has of a stream, from all that its batches covered. */
export async function coverageOf(
  context: EsContext,
  stream: string,
  { scope, signal }: Asking,
): Promise<Coverage | undefined> {
  await refreshIfChanged(context, context.names.coverage)
  const merged = await mergeStream(context, stream, { filters: scopeFilters(scope), signal })
  return merged?.coverage
}

/** By class: what is expected of the streams that were written to in the range, and what is there. */
export async function completenessOf(context: EsContext, request: Asking & TimeRange): Promise<Completeness> {
  await refreshIfChanged(context, context.names.coverage)
  const all = await streamSums(context, request.signal)
  const streams = all.filter((sums) => isSeen(sums, request.scope) && isActive(sums, request))
  const nowMs = context.clock.now()
  const odd = streams.filter((sums) => isOdd(sums, nowMs)).slice(0, EXACT_STREAMS_MAX)
  const exact = new Map<string, Exact>()
  for (const sums of odd) {
    const found = await exactOf(context, sums, request.signal)
    if (found !== undefined) exact.set(sums.stream, found)
  }
  return { classes: classesOf(streams, exact, nowMs) }
}

/** Sums that count a record twice, or have a hole that is not young any more. */
function isOdd({ covered, last, holeSinceMs }: StreamSums, nowMs: number): boolean {
  if (covered > last + 1) return true
  return covered <= last && nowMs - (holeSinceMs ?? 0) >= SETTLING_MS
}

interface Kept {
  readonly last: number
  readonly covered: number
  readonly exact: Exact | undefined
}

/** What was read of odd streams; it holds until their sums change. */
const kept = new WeakMap<StreamSums, Kept>()

async function exactOf(
  context: EsContext,
  sums: StreamSums,
  signal: AbortSignal | undefined,
): Promise<Exact | undefined> {
  const before = kept.get(sums)
  if (before?.last === sums.last && before.covered === sums.covered) return before.exact
  const exact = await mergeStream(context, sums.stream, { filters: [], signal })
  if (exact !== undefined) correct(sums, exact)
  kept.set(sums, { last: sums.last, covered: sums.covered, exact })
  return exact
}

function correct(sums: StreamSums, { counts, holeSinceMs }: Exact): void {
  Object.assign(sums, counts)
  sums.covered = counts.stored + counts.joined + counts.skipped + counts.lost + counts.dead
  if (sums.covered <= sums.last) sums.holeSinceMs = holeSinceMs
}

/** Events come in shortly after they happen, so a stream belongs to a range when it was written to from its start on. */
function isActive({ newestMs, oldestMs }: StreamSums, { fromNs, toNs }: TimeRange): boolean {
  const fromMs = fromNs === undefined ? Number.NEGATIVE_INFINITY : Number(fromNs / 1_000_000n)
  const toMs = toNs === undefined ? Number.POSITIVE_INFINITY : Number(toNs / 1_000_000n)
  return newestMs >= fromMs && oldestMs - LATE_MS <= toMs
}

const LATE_MS = 60 * 60 * 1000

type ClassSums = Completeness['classes'][number]

function classesOf(
  streams: readonly StreamSums[],
  exact: ReadonlyMap<string, Exact>,
  nowMs: number,
): ClassSums[] {
  const byClass = new Map<string, ClassSums>()
  for (const sums of streams) {
    const before = byClass.get(sums.class) ?? newSums(sums.class)
    byClass.set(sums.class, addStream(before, sums, { exact: exact.get(sums.stream), nowMs }))
  }
  return [...byClass.values()].sort((a, b) => (a.class < b.class ? -1 : 1))
}

function newSums(className: string): ClassSums {
  return {
    class: className,
    streams: 0,
    expected: 0,
    stored: 0,
    joined: 0,
    skipped: 0,
    declaredLost: 0,
    lossesWithoutSeq: 0,
    undeclaredGaps: 0,
    newestIngestByNode: {},
  }
}

function addStream(
  before: ClassSums,
  sums: StreamSums,
  { exact, nowMs }: { readonly exact: Exact | undefined; readonly nowMs: number },
): ClassSums {
  const { stored, joined, skipped, lost, dead, losses } = exact?.counts ?? sums
  const expected = sums.last + 1
  const missing = Math.max(0, expected - (stored + joined + skipped + lost + dead))
  const holeSinceMs = exact?.holeSinceMs ?? sums.holeSinceMs ?? nowMs
  const newest = before.newestIngestByNode[sums.node] ?? 0
  return {
    class: before.class,
    streams: before.streams + 1,
    expected: before.expected + expected,
    stored: before.stored + stored,
    joined: before.joined + joined,
    skipped: before.skipped + skipped,
    // Dead letters are declared too: their reason is kept, and they can be replayed.
    declaredLost: before.declaredLost + lost + dead,
    lossesWithoutSeq: before.lossesWithoutSeq + losses,
    undeclaredGaps: before.undeclaredGaps + (nowMs - holeSinceMs >= SETTLING_MS ? missing : 0),
    newestIngestByNode: { ...before.newestIngestByNode, [sums.node]: Math.max(newest, sums.newestMs) },
  }
}

interface Counts {
  readonly stored: number
  readonly joined: number
  readonly skipped: number
  readonly lost: number
  readonly dead: number
  readonly losses: number
}

interface Exact {
  readonly coverage: Coverage
  readonly counts: Counts
  /** When the first batch came that lies behind a hole. */
  readonly holeSinceMs: number
}

/** Reads all batches of a stream and merges them. */
async function mergeStream(
  context: EsContext,
  stream: string,
  { filters, signal }: { readonly filters: readonly object[]; readonly signal: AbortSignal | undefined },
): Promise<Exact | undefined> {
  const merge = new Merge()
  for await (const document of documentsOf(context, stream, { filters, signal })) merge.add(document)
  return merge.result()
}

async function* documentsOf(
  { connection, names }: EsContext,
  stream: string,
  { filters, signal }: { readonly filters: readonly object[]; readonly signal: AbortSignal | undefined },
): AsyncGenerator<CoverageDocument> {
  for (let after: readonly unknown[] | undefined; ; ) {
    const { status, body } = await connection.request({
      method: 'POST',
      path: `/${encodeURIComponent(names.coverage)}/_search`,
      query: { filter_path: 'hits.hits._source,hits.hits.sort,error', ignore_unavailable: true },
      body: {
        size: PAGE,
        query: { bool: { filter: [{ term: { stream } }, ...filters] } },
        sort: [{ first: 'asc' }, { last: 'asc' }, { received: 'asc' }, '_doc'],
        ...(after === undefined ? {} : { search_after: after }),
      },
      ...(signal === undefined ? {} : { signal }),
    })
    if (status !== 200) throw refusal('reading what is covered', status, body)
    const hits = (body as { hits?: { hits?: readonly Hit[] } }).hits?.hits ?? []
    for (const { _source } of hits) yield _source
    if (hits.length < PAGE) return
    after = hits.at(-1)!.sort
  }
}

interface Hit {
  readonly _source: CoverageDocument
  readonly sort: readonly unknown[]
}

type Kind = keyof CoverageDocument['ranges']
/** An event says more than a reason, and a reason that is final more than one that is not. */
const KINDS: readonly Kind[] = ['stored', 'joined', 'skipped', 'lost', 'dead']

class Merge {
  readonly #sets: Readonly<Record<Kind, RangeSet>> = {
    stored: new RangeSet(),
    joined: new RangeSet(),
    skipped: new RangeSet(),
    lost: new RangeSet(),
    dead: new RangeSet(),
  }
  readonly #losses = new Set<string>()
  readonly #seen: { readonly last: number; readonly received: number }[] = []
  #newest: CoverageDocument | undefined

  add(document: CoverageDocument): void {
    for (const kind of KINDS) add(this.#sets[kind], document.ranges[kind] ?? [])
    for (const loss of document.losses) this.#losses.add(loss)
    this.#seen.push({ last: document.last, received: document.received })
    if (document.received >= (this.#newest?.received ?? 0)) this.#newest = document
  }

  result(): Exact | undefined {
    const newest = this.#newest
    if (newest === undefined) return undefined
    const { covered, sizes } = this.#union()
    const { stream, class: className, tenant, node } = newest
    const behindHole = this.#seen
      .filter(({ last }) => last > covered.lowWater)
      .map(({ received }) => received)
    const { stored, joined, skipped, lost, dead } = sizes
    const losses = this.#losses.size
    return {
      coverage: {
        stream,
        class: className,
        tenant,
        node,
        lowWater: covered.lowWater,
        above: covered.above.map(([first, last]) => [first, last] as const),
        stored,
        joined,
        skipped,
        lost,
        deadLettered: dead,
        lossesWithoutSeq: losses,
        newestIngestMs: newest.received,
      },
      counts: { stored, joined, skipped, lost, dead, losses },
      holeSinceMs: behindHole.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    }
  }

  #union(): { readonly covered: RangeSet; readonly sizes: Record<Kind, number> } {
    const covered = new RangeSet()
    const sizes: Record<Kind, number> = { stored: 0, joined: 0, skipped: 0, lost: 0, dead: 0 }
    for (const kind of KINDS) {
      const before = covered.size
      const set = this.#sets[kind]
      if (set.lowWater > 0) covered.add(0, set.lowWater - 1)
      add(covered, set.above)
      sizes[kind] = covered.size - before
    }
    return { covered, sizes }
  }
}

function add(set: RangeSet, ranges: readonly SeqRange[]): void {
  for (const [first, last] of ranges) set.add(first, last)
}
