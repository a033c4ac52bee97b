import { lastSeqOf, type RawBatch } from '../../core/batch.ts'
import { chainHead } from '../../core/identity.ts'
import { RangeSet } from '../../core/ranges.ts'
import type { ArchivedBatch, SegmentManifest } from '../../ports/archive.ts'

interface StreamSummary {
  readonly ranges: RangeSet
  firstSeq: number
  endSeq: number
  headBefore: string
  headAfter: string
}

/**
 * What a segment holds, kept while it grows. A batch is known by its chain's head: that covers stream, `firstSeq`, fragment,
 * digest, marks and losses, and neither clocks nor the codec, so a batch that is sent again is recognised.
 */
export class SegmentSummary {
  batches = 0
  records = 0
  #minTimeMs = Number.POSITIVE_INFINITY
  #maxTimeMs = Number.NEGATIVE_INFINITY
  readonly #streams = new Map<string, StreamSummary>()
  /** First 128 bits of each batch's head, a byte a character: 100,000 of them are a few MiB. */
  readonly #known = new Set<string>()

  knows(head: Uint8Array): boolean {
    return this.#known.has(keyOf(head))
  }

  add({ batch }: ArchivedBatch, head: Uint8Array = chainHead(batch)): void {
    this.#known.add(keyOf(head))
    this.batches++
    this.records += batch.count
    this.#minTimeMs = Math.min(this.#minTimeMs, batch.wallTimeMs)
    this.#maxTimeMs = Math.max(this.#maxTimeMs, batch.wallTimeMs)
    this.#link(batch, hex(head))
  }

  manifest(): Pick<SegmentManifest, 'batches' | 'records' | 'minTimeMs' | 'maxTimeMs' | 'streams'> {
    const streams = [...this.#streams].map(([stream, { ranges, headBefore, headAfter }]) => {
      const held = ranges.lowWater > 0 ? [[0, ranges.lowWater - 1] as const, ...ranges.above] : ranges.above
      return { stream, ranges: held, headBefore, headAfter }
    })
    return {
      batches: this.batches,
      records: this.records,
      minTimeMs: this.#minTimeMs,
      maxTimeMs: this.#maxTimeMs,
      streams,
    }
  }

  /** Finds the batch's place in its stream's chain: behind the last, before the first, or by `seq` where one is missing. */
  #link(batch: RawBatch, head: string): void {
    const previous = hex(batch.previous)
    const endSeq = lastSeqOf(batch) + 1
    const known = this.#streams.get(batch.stream)
    const summary = known ?? {
      ranges: new RangeSet(),
      firstSeq: batch.firstSeq,
      endSeq,
      headBefore: previous,
      headAfter: head,
    }
    summary.ranges.add(batch.firstSeq, endSeq - 1)
    if (known === undefined) {
      this.#streams.set(batch.stream, summary)
      return
    }
    if (previous === summary.headAfter || batch.firstSeq >= summary.endSeq) summary.headAfter = head
    else if (head === summary.headBefore || batch.firstSeq < summary.firstSeq) summary.headBefore = previous
    summary.firstSeq = Math.min(summary.firstSeq, batch.firstSeq)
    summary.endSeq = Math.max(summary.endSeq, endSeq)
  }
}

function keyOf(head: Uint8Array): string {
  return Buffer.from(head.buffer, head.byteOffset, 16).toString('latin1')
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
