import type { TimeRange, Scope } from '../../ports/store.ts'
import type { Query } from '../../core/query.ts'
import { isPartlyInScope } from './catalog.ts'
import { mayHold, type Pruner } from './prune.ts'
import type { Segment } from './segments.ts'
import type { Block } from './sidecar.ts'
import { literal } from './sql-text.ts'

/** A block of a pinned segment that a question may have to read. */
export interface BlockRef {
  readonly segment: Segment
  readonly block: Block
  /** Of the block in its segment; blocks of a segment are disjoint and rise in arrival. */
  readonly at: number
}

/** Blocks that overlap the time range. */
export function blocksWithin(segments: readonly Segment[], { fromNs, toNs }: TimeRange): BlockRef[] {
  const refs: BlockRef[] = []
  for (const segment of segments) {
    const { entry } = segment
    if (fromNs !== undefined && BigInt(entry.timeMax) < fromNs) continue
    if (toNs !== undefined && BigInt(entry.timeMin) >= toNs) continue
    for (const [at, block] of segment.sidecar.blocks.entries()) {
      if (fromNs !== undefined && block.timeMax < fromNs) continue
      if (toNs !== undefined && block.timeMin >= toNs) continue
      refs.push({ segment, block, at })
    }
  }
  return refs
}

/** Those whose filters do not rule the query out. */
export function prune(refs: readonly BlockRef[], prunerFor: (segment: Segment) => Pruner): BlockRef[] {
  const pruners = new Map<Segment, Pruner>()
  return refs.filter(({ segment, block }) => {
    let pruner = pruners.get(segment)
    if (pruner === undefined) {
      pruner = prunerFor(segment)
      pruners.set(segment, pruner)
    }
    return mayHold(pruner, segment.filters, block)
  })
}

/** Does every event of the block lie in the range? */
export function isWithin(block: Block, { fromNs, toNs }: TimeRange): boolean {
  return (fromNs === undefined || block.timeMin >= fromNs) && (toNs === undefined || block.timeMax < toNs)
}

/** Events of blocks that match as a whole, and the blocks that have to be read. */
export function wholeRows(
  refs: readonly BlockRef[],
  request: TimeRange & { readonly query: Query; readonly scope: Scope },
): readonly [number, readonly BlockRef[]] {
  if (request.query.kind !== 'all') return [0, refs]
  const rest: BlockRef[] = []
  let rows = 0
  for (const ref of refs) {
    if (isWithin(ref.block, request) && !isPartlyInScope(ref.segment.entry, request.scope))
      rows += ref.block.rows
    else rest.push(ref)
  }
  return [rows, rest]
}

/** The bounds of a request that were given. */
export function rangeOf({ fromNs, toNs }: TimeRange): TimeRange {
  return { ...(fromNs === undefined ? {} : { fromNs }), ...(toNs === undefined ? {} : { toNs }) }
}

export function rowsOf(refs: readonly BlockRef[]): number {
  return refs.reduce((rows, { block }) => rows + block.rows, 0)
}

export interface ReadOptions extends TimeRange {
  /** What is selected, from one kind of segments. */
  readonly select: (segment: Segment) => string
  /** The query as SQL, for one kind of segments. */
  readonly where: (segment: Segment) => string
  readonly scope: Scope
  /** Of each part of the union. */
  readonly groupBy?: string
  /** The columns `filename` and `file_row_number` are wanted. */
  readonly withPlaces?: boolean
}

/**
 * `SELECT … UNION ALL SELECT …` over these blocks; undefined when there are none. Segments for which the SQL is the same are
 * read together. Blocks that are left out are skipped by their arrival numbers: DuckDB compares them with the statistics
 * of its row groups.
 */
export function readSql(refs: readonly BlockRef[], options: ReadOptions): string | undefined {
  const reads = new Map<string, { head: string; tail: string; paths: string[] }>()
  for (const [segment, blocks] of Map.groupBy(refs, (ref) => ref.segment)) {
    const query = options.where(segment)
    if (query === 'false') continue
    const tests = [query, ...timeTests(segment, options), ...scopeTests(segment, options.scope)]
    if (blocks.length < segment.sidecar.blocks.length) tests.unshift(arrivalTest(blocks))
    const where = tests.filter((test) => test !== 'true').join(' AND ')
    const head = `SELECT ${options.select(segment)} FROM `
    const tail = `${where === '' ? '' : ` WHERE ${where}`}${options.groupBy === undefined ? '' : ` GROUP BY ${options.groupBy}`}`
    const key = `${head}\0${tail}`
    const same = reads.get(key)
    if (same) same.paths.push(literal(segment.path))
    else reads.set(key, { head, tail, paths: [literal(segment.path)] })
  }
  if (reads.size === 0) return undefined
  const parts = [...reads.values()].map(
    ({ head, tail, paths }) =>
      `${head}read_parquet([${paths.join(', ')}]${options.withPlaces ? PLACES : ''})${tail}`,
  )
  return parts.join(' UNION ALL ')
}

const PLACES = ', filename = true, file_row_number = true'

function timeTests({ entry }: Segment, { fromNs, toNs }: TimeRange): string[] {
  const tests: string[] = []
  if (fromNs !== undefined && BigInt(entry.timeMin) < fromNs) tests.push(`_time >= ${fromNs}`)
  if (toNs !== undefined && BigInt(entry.timeMax) >= toNs) tests.push(`_time < ${toNs}`)
  return tests
}

function scopeTests({ entry }: Segment, scope: Scope): string[] {
  if (!isPartlyInScope(entry, scope)) return []
  return [`_tenant IN (${(scope.clusters as readonly string[]).map(literal).join(', ')})`]
}

/** Neighbouring blocks are one range. */
function arrivalTest(refs: readonly BlockRef[]): string {
  const ranges: { first: number; last: number; at: number }[] = []
  for (const { block, at } of refs.toSorted((a, b) => a.at - b.at)) {
    const last = ranges.at(-1)
    if (last !== undefined && at === last.at + 1) {
      last.last = block.arrivalLast
      last.at = at
    } else ranges.push({ first: block.arrivalFirst, last: block.arrivalLast, at })
  }
  return `(${ranges.map(({ first, last }) => `_arrival BETWEEN ${first} AND ${last}`).join(' OR ')})`
}
