import type { SeqRange } from '../core/event-batch.ts'

/** One event of lines, ready to be written; its owner uses it again for the next. Offsets are those of `bytes`. */
export interface Line {
  bytes: Buffer
  from: number
  to: number
  /** Index into the format's keys; their number where the record has none. */
  key: number
  firstSeq: number
  lastSeq: number
  /** All ranges, and `,"ranges":[…]`, where there is more than one. */
  ranges: readonly SeqRange[] | undefined
  rangesText: string
  /** `YYYY-MM-DDTHH:MM:SS[.fraction]` as it was written; only its length counts when `zoneMinutes` is not 0. */
  timeStart: number
  timeEnd: number
  /** False: the batch's time is used. */
  timeValid: boolean
  seconds: number
  nanos: number
  zoneMinutes: number
  /** Quality bits. */
  quality: number
  /** Of a joined line: the headers of its records; undefined when they were dropped at a limit. */
  parts: readonly string[] | undefined
  /** The headers cannot be rebuilt from the document without `parts`. */
  hasParts: boolean
  /** Further members of `decklog` and of the document, each with a comma before it; empty for most. */
  decklogMore: string
  more: string
  /** Made of records of other batches too: what is known of this batch does not hold for it. */
  isJoined: boolean
  mayMatch: boolean
  mayRedact: boolean
}

export function newLine(): Line {
  return {
    bytes: Buffer.alloc(0),
    from: 0,
    to: 0,
    key: 0,
    firstSeq: 0,
    lastSeq: 0,
    ranges: undefined,
    rangesText: '',
    timeStart: 0,
    timeEnd: 0,
    timeValid: true,
    seconds: 0,
    nanos: 0,
    zoneMinutes: 0,
    quality: 0,
    parts: undefined,
    hasParts: false,
    decklogMore: '',
    more: '',
    isJoined: false,
    mayMatch: false,
    mayRedact: false,
  }
}
