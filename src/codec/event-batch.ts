import type { Cover, CoverReason, EventBatch, SeqRange } from '../core/event-batch.ts'
import { coderFor, view } from './avro.ts'

type Wire = Omit<EventBatch, 'index' | 'documents' | 'moreRanges' | 'covers'> & {
  index: Buffer
  documents: Buffer
  moreRanges: number[][]
  covers: readonly { first: number; last: number; reason: string; detail: string }[]
}

const coder = coderFor<Wire>('event-batch.avsc')

export function encodeEventBatch(batch: EventBatch): Uint8Array {
  return coder.encode({
    ...batch,
    index: view(batch.index),
    documents: view(batch.documents),
    moreRanges: batch.moreRanges.map((ranges) => ranges.flatMap(([first, last]) => [first, last])),
  })
}

/** Index and documents are views into `bytes`. @throws {Error} when the bytes are no event batch */
export function decodeEventBatch(bytes: Uint8Array): EventBatch {
  const wire = coder.decode(bytes)
  return {
    ...wire,
    covers: wire.covers.map((cover): Cover => ({ ...cover, reason: cover.reason as CoverReason })),
    moreRanges: wire.moreRanges.map(pairs),
  }
}

function pairs(flat: readonly number[]): SeqRange[] {
  const ranges: SeqRange[] = []
  for (let i = 0; i + 1 < flat.length; i += 2) ranges.push([flat[i]!, flat[i + 1]!])
  return ranges
}
