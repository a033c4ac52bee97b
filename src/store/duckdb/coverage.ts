import { EventIndex, type EventBatch, type SeqRange } from '../../core/event-batch.ts'
import { RangeSet } from '../../core/ranges.ts'
import { Outcome, type Coverage } from '../../ports/store.ts'

/** How many records with several events are remembered a stream; below them every sub-event counts as stored. */
const MULTIPLE_MAX = 4096
const LOSSES_MAX = 1024

/**
 * What the store has of one stream: the memory that makes a second arrival a duplicate. It changes only by `applyBatch`,
 * in the order of the journal, so that the journal alone decides.
 */
export interface StreamState {
  readonly stream: string
  readonly class: string
  readonly tenant: string
  readonly node: string
  /** Records that need no event any more: by an event, or by a reason. */
  readonly covered: RangeSet
  /** The part of `covered` that only a dead letter, or a declared loss, covers: an event may still come. */
  dead: RangeSet
  lost: RangeSet
  /** Records with events besides number 0: which numbers are stored. */
  readonly multiple: Map<number, RangeSet>
  /** Below it `multiple` forgot. */
  multipleFloor: number
  /** Losses without records: known ones are not counted again. */
  readonly losses: Set<string>
  stored: number
  joined: number
  skipped: number
  oldestIngestMs: number
  newestIngestMs: number
  /** When the lowest hole in `covered` came to be the lowest; meaningless where there is none. */
  holeSinceMs: number
}

export function newStream(batch: EventBatch): StreamState {
  return {
    stream: batch.stream,
    class: batch.class,
    tenant: batch.tenant,
    node: batch.node,
    covered: new RangeSet(),
    dead: new RangeSet(),
    lost: new RangeSet(),
    multiple: new Map(),
    multipleFloor: 0,
    losses: new Set(),
    stored: 0,
    joined: 0,
    skipped: 0,
    oldestIngestMs: batch.receivedMs,
    newestIngestMs: batch.receivedMs,
    holeSinceMs: batch.receivedMs,
  }
}

export function cloneStream(state: StreamState): StreamState {
  const multiple = new Map<number, RangeSet>()
  for (const [seq, numbers] of state.multiple) multiple.set(seq, numbers.clone())
  return {
    ...state,
    covered: state.covered.clone(),
    dead: state.dead.clone(),
    lost: state.lost.clone(),
    multiple,
    losses: new Set(state.losses),
  }
}

export interface Applied {
  readonly outcomes: Uint8Array
  readonly reasons: Map<number, string>
  readonly storedCount: number
  /** Something is new: the batch belongs in the journal. */
  readonly changed: boolean
}

/**
 * Decides each event of a batch and takes it into the state. An event is a duplicate when its records are covered (or its
 * number of the record is stored); stored when its first record is new; and rejected when its first record is taken and
 * others are new, for its id may be another's and dropping it would lose the rest.
 */
export function applyBatch(state: StreamState, batch: EventBatch): Applied {
  const { lowWater } = state.covered
  const hadHole = state.covered.above.length > 0
  const index = new EventIndex(batch)
  const outcomes = new Uint8Array(index.count)
  const reasons = new Map<number, string>()
  let storedCount = 0
  let newRecord = -1
  for (let row = 0; row < index.count; row++) {
    const first = index.firstSeq(row)
    const event = { first, n: index.n(row), ranges: index.ranges(row), isNewRecord: first === newRecord }
    const outcome = applyEvent(state, event)
    outcomes[row] = outcome
    if (outcome === Outcome.stored) {
      storedCount++
      newRecord = first
    }
    if (outcome === Outcome.reject)
      reasons.set(row, 'overlaps: some of its records are stored with another event')
  }
  const covered = applyCovers(state, batch)
  if (storedCount > 0 || covered) state.newestIngestMs = Math.max(state.newestIngestMs, batch.receivedMs)
  if (!hadHole || state.covered.lowWater !== lowWater) state.holeSinceMs = batch.receivedMs
  return { outcomes, reasons, storedCount, changed: storedCount > 0 || covered }
}

interface EventPlace {
  readonly first: number
  readonly n: number
  readonly ranges: readonly SeqRange[]
  /** The event before it, in this batch, was stored and is of the same record. */
  readonly isNewRecord: boolean
}

function applyEvent(state: StreamState, { first, n, ranges, isNewRecord }: EventPlace): number {
  const taken = isTaken(state, first, first)
  const numbers = state.multiple.get(first)
  if (n > 0) {
    if (numbers?.has(n, n)) return Outcome.duplicate
    if (numbers === undefined && taken && !isNewRecord && first < state.multipleFloor)
      return Outcome.duplicate
    remember(state, first, numbers ?? newNumbers(taken), n)
  } else if (numbers !== undefined && !numbers.has(0, 0)) {
    numbers.add(0, 0)
  } else if (ranges.every(([from, to]) => isTaken(state, from, to))) {
    return Outcome.duplicate
  } else if (taken) {
    return Outcome.reject
  }
  cover(state, ranges, taken)
  return Outcome.stored
}

/** Covered by an event, or by a reason after which none may come. */
function isTaken(state: StreamState, from: number, to: number): boolean {
  return state.covered.has(from, to) && !state.dead.overlaps(from, to) && !state.lost.overlaps(from, to)
}

function newNumbers(zeroTaken: boolean): RangeSet {
  return zeroTaken ? new RangeSet(1) : new RangeSet()
}

function remember(state: StreamState, seq: number, numbers: RangeSet, n: number): void {
  numbers.add(n, n)
  state.multiple.set(seq, numbers)
  if (state.multiple.size <= MULTIPLE_MAX) return
  const oldest = state.multiple.keys().next().value!
  state.multiple.delete(oldest)
  state.multipleFloor = Math.max(state.multipleFloor, oldest + 1)
}

function cover(state: StreamState, ranges: readonly SeqRange[], taken: boolean): void {
  let fresh = 0
  for (const [from, to] of ranges) {
    for (const [a, b] of state.covered.missing(from, to)) fresh += b - a + 1
    fresh += sizeWithin(state.dead, from, to) + sizeWithin(state.lost, from, to)
    state.dead = without(state.dead, from, to)
    state.lost = without(state.lost, from, to)
    state.covered.add(from, to)
  }
  const own = taken || fresh === 0 ? 0 : 1
  state.stored += own
  state.joined += fresh - own
}

function applyCovers(state: StreamState, batch: EventBatch): boolean {
  let changed = false
  for (const { first, last, reason } of batch.covers) {
    for (const [from, to] of state.covered.missing(first, last)) {
      changed = true
      if (reason === 'dead-letter') state.dead.add(from, to)
      else if (reason === 'lost') state.lost.add(from, to)
      else if (reason === 'joined-into') state.joined += to - from + 1
      else state.skipped += to - from + 1
    }
    state.covered.add(first, last)
  }
  for (const { atSeq, bytes, reason } of batch.losses) {
    const key = `${atSeq} ${bytes} ${reason}`
    if (state.losses.has(key) || state.losses.size >= LOSSES_MAX) continue
    state.losses.add(key)
    changed = true
  }
  return changed
}

function rangesOf(set: RangeSet): SeqRange[] {
  return set.lowWater > 0 ? [[0, set.lowWater - 1], ...set.above] : [...set.above]
}

function sizeWithin(set: RangeSet, from: number, to: number): number {
  if (!set.overlaps(from, to)) return 0
  let size = 0
  for (const [a, b] of rangesOf(set)) size += Math.max(0, Math.min(b, to) - Math.max(a, from) + 1)
  return size
}

function without(set: RangeSet, from: number, to: number): RangeSet {
  if (!set.overlaps(from, to)) return set
  const rest = new RangeSet()
  for (const [a, b] of rangesOf(set)) {
    rest.add(a, Math.min(b, from - 1))
    rest.add(Math.max(a, to + 1), b)
  }
  return rest
}

/** The port's view of a stream. */
export function coverageOf(state: StreamState): Coverage {
  return {
    stream: state.stream,
    class: state.class,
    tenant: state.tenant,
    node: state.node,
    lowWater: state.covered.lowWater,
    above: state.covered.above.map(([first, last]) => [first, last] as const),
    stored: state.stored,
    joined: state.joined,
    skipped: state.skipped,
    lost: state.lost.size,
    deadLettered: state.dead.size,
    lossesWithoutSeq: state.losses.size,
    newestIngestMs: state.newestIngestMs,
  }
}

/**
 * Records that nothing explains. Holes are ordinary while they are young: a line that goes on, or a stack trace, is held back
 * until it is whole, and what the stream wrote besides is stored before it.
 */
export function gapsOf(state: StreamState, nowMs: number): number {
  const missing = expectedOf(state) - state.covered.size
  return missing > 0 && nowMs - state.holeSinceMs >= SETTLING_MS ? missing : 0
}

/** Longer than a carry may stay open, with room for a store that is behind. */
const SETTLING_MS = 60_000

/** Records up to the highest one that is known of. */
export function expectedOf(state: StreamState): number {
  return (state.covered.above.at(-1)?.[1] ?? state.covered.lowWater - 1) + 1
}

type Packed = readonly [lowWater: number, above: readonly SeqRange[]]

interface PackedStream
  extends Omit<StreamState, 'covered' | 'dead' | 'lost' | 'multiple' | 'losses' | 'holeSinceMs'> {
  readonly holeSinceMs?: number
  readonly covered: Packed
  readonly dead: Packed
  readonly lost: Packed
  readonly multiple: readonly (readonly [number, Packed])[]
  readonly losses: readonly string[]
}

export function packStream(state: StreamState): PackedStream {
  return {
    ...state,
    covered: pack(state.covered),
    dead: pack(state.dead),
    lost: pack(state.lost),
    multiple: [...state.multiple].map(([seq, numbers]) => [seq, pack(numbers)] as const),
    losses: [...state.losses],
  }
}

export function unpackStream(packed: PackedStream): StreamState {
  return {
    ...packed,
    covered: new RangeSet(...packed.covered),
    dead: new RangeSet(...packed.dead),
    lost: new RangeSet(...packed.lost),
    multiple: new Map(packed.multiple.map(([seq, numbers]) => [seq, new RangeSet(...numbers)])),
    losses: new Set(packed.losses),
    // Snapshots of earlier versions do not say it.
    holeSinceMs: packed.holeSinceMs ?? 0,
  }
}

function pack(set: RangeSet): Packed {
  return [set.lowWater, set.above]
}
