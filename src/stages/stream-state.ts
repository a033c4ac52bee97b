import { EVENT_TEXT_BYTES_MAX } from '../core/limits.ts'
import type { BatchTagger } from '../core/tagging.ts'
import type { RecordReader } from './run.ts'

/**
 * What `processBatch` remembers of a stream between two batches. The caller keeps it, gives it to nobody else, and drops it when
 * `processBatch` has thrown: it can be built again from the batches since the last one that left nothing open (docs/decisions/settling.md).
 */
export interface StreamState {
  /** The next record that is expected, -1 before the first batch. */
  nextSeq: number
  reader: RecordReader | undefined
  dataset: string
  tagger: BatchTagger | undefined
  fragments: FragmentCarry | undefined
}

export function newStreamState(): StreamState {
  return {
    nextSeq: -1,
    reader: undefined,
    dataset: '',
    tagger: undefined,
    fragments: undefined,
  }
}

/** A record that comes in fragments. Its first EVENT_TEXT_BYTES_MAX bytes are kept for the document, the rest is counted. */
export interface FragmentCarry {
  readonly seq: number
  chunks: Buffer[]
  keptBytes: number
  totalBytes: number
  nextIndex: number
  /** Its event has left; what still comes of it belongs to that event. */
  emitted: boolean
  /** A fragment is missing. */
  broken: boolean
}

export function newFragmentCarry(seq: number, emitted: boolean): FragmentCarry {
  return { seq, chunks: [], keptBytes: 0, totalBytes: 0, nextIndex: 0, emitted, broken: false }
}

/** Keeps what fits. Returns true once no more will be kept. */
export function addFragment(carry: FragmentCarry, index: number, bytes: Buffer): boolean {
  if (index !== carry.nextIndex) carry.broken = true
  carry.nextIndex = index + 1
  carry.totalBytes += bytes.length
  if (carry.emitted) return true
  const room = EVENT_TEXT_BYTES_MAX - carry.keptBytes
  const kept = Buffer.from(bytes.subarray(0, room))
  carry.chunks.push(kept)
  carry.keptBytes += kept.length
  return carry.totalBytes > EVENT_TEXT_BYTES_MAX
}
