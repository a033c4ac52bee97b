import { QualityBit } from '../core/quality.ts'
import type { JoinedHeader, JoinedProgress } from '../ports/joined-format.ts'

/** One event whose records are still coming. Owns its texts; a limit drops texts and never splits the event. */
export interface JoinedGroup {
  readonly key: string
  readonly origin: string
  readonly serial: number
  readonly seconds: number
  readonly nanos: number
  readonly progress: JoinedProgress
  readonly records: string[]
  /** Exact bytes of records that are no valid UTF-8, by their place in `records`. */
  invalid: Map<number, Buffer> | undefined
  /** Its records' numbers, in order. */
  readonly ranges: [first: number, last: number][]
  lastSeq: number
  /** What it costs to keep. */
  bytes: number
  quality: number
  isAscii: boolean
  /** May a text hold odd characters? */
  mayBeOdd: boolean
  /** Some text is not as it came: the exact bytes cannot be given. */
  isRedacted: boolean
}

/** What a record costs besides its text: its string, its number. */
const RECORD_COST_BYTES = 64
const GROUP_COST_BYTES = 400

export function newGroup(
  key: string,
  header: JoinedHeader,
  progress: JoinedProgress,
  seq: number,
): JoinedGroup {
  return {
    key,
    origin: header.origin,
    serial: header.serial,
    seconds: header.seconds,
    nanos: header.nanos,
    progress,
    records: [],
    invalid: undefined,
    ranges: [[seq, seq]],
    lastSeq: seq,
    bytes: GROUP_COST_BYTES,
    quality: 0,
    isAscii: true,
    mayBeOdd: false,
    isRedacted: false,
  }
}

/** One record, decoded. */
export interface JoinedRecord {
  readonly text: string
  readonly bytes: number
  readonly seq: number
  readonly isAscii: boolean
  readonly mayBeOdd: boolean
  readonly quality: number
  readonly invalid: Buffer | undefined
  readonly isRedacted: boolean
}

/** Returns by how many bytes the group has grown. `room`: bytes that may still be kept. */
export function addToGroup(group: JoinedGroup, record: JoinedRecord, room: number): number {
  const { text, seq, invalid } = record
  const last = group.ranges.at(-1)!
  if (seq === last[1] + 1) last[1] = seq
  else if (seq > last[1]) group.ranges.push([seq, seq])
  group.lastSeq = Math.max(group.lastSeq, seq)
  group.quality |= record.quality
  group.isAscii &&= record.isAscii
  group.mayBeOdd ||= record.mayBeOdd
  group.isRedacted ||= record.isRedacted
  const cost = record.bytes + RECORD_COST_BYTES
  if (cost > room) {
    group.quality |= QualityBit.truncated | QualityBit.carryLimit
    return 0
  }
  if (invalid !== undefined) (group.invalid ??= new Map()).set(group.records.length, invalid)
  group.records.push(text)
  group.bytes += cost
  return cost
}

/** The exact bytes of all records, when some are no text. */
export function bytesOf(group: JoinedGroup): Buffer | undefined {
  const { invalid, records } = group
  if (invalid === undefined || group.isRedacted) return undefined
  const parts = records.flatMap((text, at) => [invalid.get(at) ?? Buffer.from(text), NEWLINE])
  return Buffer.concat(parts.slice(0, -1))
}

const NEWLINE = Buffer.from('\n')
