import { headAfter } from './batch-of-cut.ts'
import type { Cut, CutContext, CutRecord, StateRecord, StreamState } from './records.ts'

/** What the shipper knows, as it is read back from its files. */
export interface ShipState {
  lineage: string
  /** Why an earlier state was given up, until every stream that was there has said so. */
  stateLost: string | null
  readonly streams: Map<number, StreamState>
  readonly contexts: CutContext[]
}

/**
 * Applies one record. Reading a record again changes nothing, for a checkpoint may already hold what the journal repeats.
 * A record that does not fit what came before is answered with a sentence: then the files are not to be trusted.
 */
export function applyRecord(state: ShipState, record: StateRecord): string | undefined {
  switch (record.kind) {
    case 'head':
      state.lineage = record.lineage
      state.stateLost = record.stateLost
      return undefined
    case 'context':
      state.contexts[record.index] = record.context
      return undefined
    case 'stream':
      if (!state.streams.has(record.state.number)) state.streams.set(record.state.number, record.state)
      return undefined
    case 'drop':
      state.streams.delete(record.stream)
      return undefined
    case 'end':
      return undefined
    default:
      return applyToStream(state, record)
  }
}

type StreamRecord = Extract<StateRecord, { stream: number }>

function applyToStream(
  state: ShipState,
  record: Exclude<StreamRecord, { kind: 'drop' }>,
): string | undefined {
  const stream = state.streams.get(record.stream)
  // A stream that was dropped later is missing in the checkpoint while the journal still speaks of it.
  if (stream === undefined) return undefined
  if (record.kind === 'settled') {
    stream.open = stream.open.filter((cut) => cut.ordinal >= record.ordinal)
    return undefined
  }
  if (record.version <= stream.version) return undefined
  if (record.version !== stream.version + 1) return `stream ${stream.id}: a record is missing`
  stream.version = record.version
  if (record.kind === 'cut')
    return state.contexts[record.cut.context] ? applyCut(stream, record) : 'a context is missing'
  if (record.kind === 'lost') stream.open = stream.open.map((cut) => markedLost(cut, record.ordinal))
  else {
    stream.files = record.files
    stream.finished = record.finished
    stream.losses = record.losses
  }
  return undefined
}

function markedLost(cut: Cut, ordinal: number): Cut {
  return cut.ordinal === ordinal ? { ...cut, lost: true } : cut
}

/** Moves a stream past a cut: the same when it is decided and when it is read back. */
export function applyCut(stream: StreamState, record: CutRecord): string | undefined {
  const { cut, at } = record
  if (cut.ordinal !== stream.nextOrdinal || cut.previous !== stream.head)
    return `stream ${stream.id}: the chain is broken`
  stream.version = record.version
  stream.nextOrdinal = cut.ordinal + 1
  stream.nextSeq = cut.firstSeq + cut.count
  stream.streamOffset = cut.streamOffset + cut.rawBytes
  stream.head = headAfter(stream.id, cut)
  stream.fragment = cut.fragment === null || cut.fragment.last ? 0 : cut.fragment.index + 1
  stream.idle = cut.marks.includes('idle')
  stream.closed = cut.marks.includes('closed')
  stream.losses = []
  if (at !== null && stream.files[0] !== undefined) {
    stream.files = [{ ...at, path: stream.files[0].path }, ...stream.files.slice(1)]
  }
  stream.open.push(cut)
  return undefined
}
