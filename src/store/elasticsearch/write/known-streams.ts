import { RangeSet } from '../../../core/ranges.ts'
import { type CoverageDocument, recordSetsOf } from '../coverage-document.ts'
import type { OpenBatch } from './open-batch.ts'

/** As many streams are remembered; of the others it is asked what is covered. */
const STREAMS_MAX = 50_000
/** Ranges within events that are remembered of one stream. */
const RANGES_MAX = 200
/** In a longer pause than this somebody else may have taken the stream over, and given it back. */
const VALID_MS = 10_000

interface Known {
  /** One more than the highest record that was covered. */
  next: number
  /** Records that are covered and begin no event: joined ones and skipped ones. */
  inner: RangeSet
  atMs: number
}

/** What this process has covered lately, by stream. The one that was quiet longest is forgotten first. */
export class KnownStreams {
  readonly #streams = new Map<string, Known>()

  /** Is everything that the batch holds behind what is covered of its stream? Then it overlaps with nothing. */
  isNewGround({ batch, outline: { span } }: OpenBatch, nowMs: number): boolean {
    const known = this.#streams.get(batch.stream)
    if (known === undefined || span === undefined) return span === undefined
    return nowMs - known.atMs <= VALID_MS && span.first >= known.next
  }

  innerOf(stream: string): RangeSet {
    return this.#streams.get(stream)?.inner ?? NONE
  }

  add(open: OpenBatch, nowMs: number): void {
    const { span } = open.outline
    if (span === undefined) return
    const { stream } = open.batch
    const known = this.#streams.get(stream) ?? { next: 0, inner: new RangeSet(), atMs: 0 }
    known.next = Math.max(known.next, span.last + 1)
    known.atMs = nowMs
    addInner(known.inner, recordSetsOf(open))
    if (known.inner.above.length > RANGES_MAX)
      known.inner = new RangeSet(0, known.inner.above.slice(-RANGES_MAX))
    this.#streams.delete(stream)
    this.#streams.set(stream, known)
    if (this.#streams.size > STREAMS_MAX) this.#streams.delete(this.#streams.keys().next().value!)
  }
}

const NONE = new RangeSet()

/** Records of a batch that begin no event and may never begin one. */
export function addInner(inner: RangeSet, { joined = [], skipped = [] }: CoverageDocument['ranges']): void {
  for (const ranges of [joined, skipped]) for (const [first, last] of ranges) inner.add(first, last)
}
