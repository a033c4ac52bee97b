import type { SeqRange } from '../../../core/event-batch.ts'
import { RangeSet } from '../../../core/ranges.ts'
import { Outcome } from '../../../ports/store.ts'
import { type EsContext, refusal } from '../context.ts'
import type { CoverageDocument } from '../coverage-document.ts'
import { addInner, type KnownStreams } from './known-streams.ts'
import { OPEN, type OpenBatch } from './open-batch.ts'

/**
 * A reader that begins in the middle, at a batch that a shipper has sent twice, makes an event of the rest of a stack trace
 * that is stored as a whole. Its id is new, so no lookup of ids tells. Such an event begins with a record that lies within
 * another event, or was skipped: it is a duplicate when all of its records are covered, and is refused when only some are.
 */
export async function settleOverlaps(
  context: EsContext,
  opens: readonly OpenBatch[],
  {
    known,
    nowMs,
    signal,
  }: { readonly known: KnownStreams; readonly nowMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const doubtful = opens.filter((open) => open.openRows > 0 && !known.isNewGround(open, nowMs))
  for (let from = 0; from < doubtful.length; from += BATCHES_MAX) {
    const some = doubtful.slice(from, from + BATCHES_MAX)
    const covered = await coveredAround(context, some, signal)
    for (const open of some) settle(open, covered.get(open.batch.stream), known.innerOf(open.batch.stream))
  }
}

const BATCHES_MAX = 100
const DOCUMENTS_MAX = 10_000

interface Covered {
  readonly inner: RangeSet
  readonly all: RangeSet
}

function settle(open: OpenBatch, covered: Covered | undefined, own: RangeSet): void {
  if (covered === undefined && own.size === 0) return
  const { index, outcomes } = open
  const isInner = (seq: number): boolean => covered?.inner.has(seq, seq) === true || own.has(seq, seq)
  const isCovered = ([first, last]: SeqRange): boolean =>
    covered?.all.has(first, last) === true || own.has(first, last)
  for (let row = 0; row < index.count; row++) {
    if (outcomes[row] !== OPEN || !isInner(index.firstSeq(row))) continue
    if (index.ranges(row).every(isCovered)) {
      open.settle(row, Outcome.duplicate)
      open.within.add(row)
    } else open.settle(row, Outcome.reject, 'overlaps: some of its records are stored with another event')
  }
}

interface Hit {
  readonly _source: Pick<CoverageDocument, 'stream' | 'ranges'>
}

/** What the streams of these batches have covered around them, up to a second ago. */
async function coveredAround(
  { connection, names }: EsContext,
  opens: readonly OpenBatch[],
  signal: AbortSignal,
): Promise<Map<string, Covered>> {
  const { status, body } = await connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(names.coverage)}/_search`,
    query: { filter_path: 'hits.hits._source,error', ignore_unavailable: true },
    body: {
      size: DOCUMENTS_MAX,
      _source: ['stream', 'ranges'],
      query: { bool: { should: opens.map(aroundOf), minimum_should_match: 1 } },
      sort: ['_doc'],
      track_total_hits: false,
    },
    signal,
  })
  if (status === 404) return new Map()
  if (status !== 200) throw refusal('reading what is covered', status, body)
  const covered = new Map<string, Covered>()
  for (const { _source } of (body as { hits?: { hits?: readonly Hit[] } } | undefined)?.hits?.hits ?? []) {
    let of = covered.get(_source.stream)
    if (of === undefined) covered.set(_source.stream, (of = { inner: new RangeSet(), all: new RangeSet() }))
    addInner(of.inner, _source.ranges)
    addInner(of.all, _source.ranges)
    for (const [first, last] of _source.ranges.stored) of.all.add(first, last)
  }
  return covered
}

/** Documents that have any record of the batch. */
function aroundOf({ batch, outline }: OpenBatch): object {
  const { first, last } = outline.span ?? { first: 0, last: -1 }
  return {
    bool: {
      filter: [
        { term: { stream: batch.stream } },
        { range: { first: { lte: last } } },
        { range: { last: { gte: first } } },
      ],
    },
  }
}
