import type { SeqRange } from '../../core/event-batch.ts'
import { Outcome } from '../../ports/store.ts'
import { generationOf, type BackingIndices } from './write/backing-indices.ts'
import type { OpenBatch } from './write/open-batch.ts'

/**
 * What one event batch covers: written once all of its events are stored, and not before. It says what the store has of a
 * stream, and that a batch which comes again need not be written.
 */
export interface CoverageDocument {
  readonly stream: string
  readonly class: string
  readonly tenant: string
  readonly node: string
  readonly lineage: string
  readonly first: number
  readonly last: number
  /** Of the batch, by the bus: milliseconds since the epoch. */
  readonly received: number
  /** Records by what became of them. The numbers are sums for aggregations, the ranges are exact. */
  readonly stored: number
  readonly joined: number
  readonly skipped: number
  readonly lost: number
  readonly dead: number
  readonly ranges: {
    /** First records of events. */
    readonly stored: readonly SeqRange[]
    readonly joined?: readonly SeqRange[]
    readonly skipped?: readonly SeqRange[]
    readonly lost?: readonly SeqRange[]
    readonly dead?: readonly SeqRange[]
  }
  /** `<seq> <bytes> <reason>` of losses without a number of records. */
  readonly losses: readonly string[]
  readonly lossCount: number
  /** Ids of events that the index refuses: they are written again when the batch comes again. */
  readonly refused: readonly string[]
  /** Backing indices that hold its events, with the moment the newest of them began. */
  readonly landed: readonly string[]
  readonly landedCreatedMs: number
}

/** Undefined when the batch says nothing about its stream. */
export function coverageDocument(open: OpenBatch): CoverageDocument | undefined {
  const { batch, outline } = open
  const { span } = outline
  if (span === undefined && batch.losses.length === 0) return undefined
  const sets = setsOf(open)
  const { stored, joined, skipped, lost, dead, refused } = sets
  const losses = batch.losses.map(({ atSeq, bytes, reason }) => `${atSeq} ${bytes} ${reason}`)
  return {
    stream: batch.stream,
    class: batch.class,
    tenant: batch.tenant,
    node: batch.node,
    lineage: batch.lineage,
    first: span?.first ?? batch.losses[0]!.atSeq,
    last: span?.last ?? -1,
    received: batch.receivedMs,
    stored: stored.size,
    joined: joined.size,
    skipped: skipped.size,
    lost: lost.size,
    dead: dead.size,
    ranges: rangesOf(sets),
    losses,
    lossCount: losses.length,
    refused,
    landed: [...open.landed].sort((a, b) => generationOf(a) - generationOf(b)),
    landedCreatedMs: open.target.backing?.createdMs ?? 0,
  }
}

/** Records of a batch by what became of them. */
export function recordSetsOf(open: OpenBatch): CoverageDocument['ranges'] {
  return rangesOf(setsOf(open))
}

function rangesOf({ stored, joined, skipped, lost, dead }: Sets): CoverageDocument['ranges'] {
  return {
    stored: stored.runs,
    ...(joined.size > 0 ? { joined: joined.runs } : {}),
    ...(skipped.size > 0 ? { skipped: skipped.runs } : {}),
    ...(lost.size > 0 ? { lost: lost.runs } : {}),
    ...(dead.size > 0 ? { dead: dead.runs } : {}),
  }
}

interface Sets {
  readonly stored: Runs
  readonly joined: Runs
  readonly skipped: Runs
  readonly lost: Runs
  readonly dead: Runs
  readonly refused: string[]
}

function setsOf(open: OpenBatch): Sets {
  const { batch, index, outcomes, outline } = open
  const sets: Sets = {
    stored: new Runs(),
    joined: new Runs(),
    skipped: new Runs(),
    lost: new Runs(),
    dead: new Runs(),
    refused: [],
  }
  const isWhole = open.within.size === 0 && !outcomes.includes(Outcome.reject)
  if (outline.isPlain && outline.span !== undefined && isWhole) {
    sets.stored.add(outline.span.first, outline.span.last)
    return sets
  }
  for (let row = 0; row < index.count; row++) {
    if (open.within.has(row)) continue
    const isRefused = outcomes[row] === Outcome.reject
    if (isRefused) sets.refused.push(index.id(row))
    const first = index.firstSeq(row)
    const [own, others] = isRefused ? [sets.dead, sets.dead] : [sets.stored, sets.joined]
    own.add(first, first)
    for (const [from, to] of index.ranges(row)) others.addWithout(from, to, first)
  }
  for (const { first, last, reason } of batch.covers) {
    if (reason === 'dead-letter') sets.dead.add(first, last)
    else if (reason === 'lost') sets.lost.add(first, last)
    else if (reason === 'joined-into') sets.joined.add(first, last)
    else sets.skipped.add(first, last)
  }
  return sets
}

/**
 * Are its events still where they were put, or were they deleted because they had expired? If an index was taken away by hand,
 * or the data stream was made anew, they are written again.
 */
export function isInPlace(
  { landed, landedCreatedMs }: Pick<CoverageDocument, 'landed' | 'landedCreatedMs'>,
  backing: BackingIndices | undefined,
): boolean {
  if (backing?.write === undefined) return false
  const present = [...backing.older.map(({ name }) => name), backing.write]
  const oldest = generationOf(present[0]!)
  if (generationOf(backing.write) === oldest && backing.createdMs > landedCreatedMs) {
    // Only one index, younger than ours was: expired, or made anew?
    return oldest > 1 && landed.every((index) => generationOf(index) < oldest)
  }
  return landed.every((index) => generationOf(index) < oldest || present.some((name) => name.endsWith(index)))
}

/** Ascending runs of numbers; most batches are one run. */
class Runs {
  readonly runs: [number, number][] = []
  size = 0

  add(first: number, last: number): void {
    if (last < first) return
    const before = this.runs.at(-1)
    if (before !== undefined && first >= before[0] && last <= before[1]) return
    this.size += last - first + 1
    if (before !== undefined && before[1] === first - 1) before[1] = last
    else this.runs.push([first, last])
  }

  addWithout(first: number, last: number, without: number): void {
    if (without < first || without > last) return this.add(first, last)
    this.add(first, without - 1)
    this.add(without + 1, last)
  }
}
