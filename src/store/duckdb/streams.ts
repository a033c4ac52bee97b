import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DecklogError } from '../../core/errors.ts'
import type { Scope, Completeness, TimeRange } from '../../ports/store.ts'
import { expectedOf, gapsOf, packStream, unpackStream, type StreamState } from './coverage.ts'
import { jsonFrame, readFrames, replaceFile } from './frames.ts'

/** How far the journal is contained in a snapshot: everything before this place. */
export interface JournalPosition {
  readonly file: number
  readonly offset: number
}

interface SnapshotHeader extends JournalPosition {
  readonly format: 1
  readonly nextArrival: number
  readonly streams: number
}

const STREAMS_A_FRAME = 500

/**
 * What the store has of every stream. States are replaced and never changed, so a snapshot may be written while commits go
 * on.
 */
export class Streams {
  readonly #path: string
  readonly #states = new Map<string, StreamState>()
  nextArrival = 1

  constructor(directory: string) {
    this.#path = join(directory, 'coverage.snapshot')
  }

  get(stream: string): StreamState | undefined {
    return this.#states.get(stream)
  }

  set(state: StreamState): void {
    this.#states.set(state.stream, state)
  }

  /** Forgets streams of which nothing can be left. */
  forget(isGone: (state: StreamState) => boolean): void {
    for (const state of this.#states.values()) if (isGone(state)) this.#states.delete(state.stream)
  }

  /** Loads the snapshot; returns up to where the journal is in it. @throws {DecklogError} `state-corrupt` */
  load(): JournalPosition {
    if (!existsSync(this.#path)) return { file: 0, offset: 0 }
    let header: SnapshotHeader | undefined
    for (const { payload } of readFrames(this.#path)) {
      const value = JSON.parse(payload.toString('utf8')) as unknown
      if (header === undefined) header = value as SnapshotHeader
      else for (const packed of value as ReturnType<typeof packStream>[]) this.set(unpackStream(packed))
    }
    if (header === undefined || this.#states.size !== header.streams) {
      throw new DecklogError(
        'state-corrupt',
        `${this.#path} is damaged: restore it, for without it repeats cannot be told`,
      )
    }
    this.nextArrival = header.nextArrival
    return header
  }

  /** Writes a snapshot that contains the journal up to `position`. Call it when no commit is under way. */
  async save(position: JournalPosition): Promise<void> {
    const states = [...this.#states.values()]
    const header: SnapshotHeader = {
      format: 1,
      ...position,
      nextArrival: this.nextArrival,
      streams: states.length,
    }
    await replaceFile(this.#path, framesOf(header, states))
  }

  completeness({ scope, fromNs, toNs }: TimeRange & { readonly scope: Scope }, nowMs: number): Completeness {
    const byClass = new Map<string, Sums>()
    for (const state of this.#states.values()) {
      if (!isSeen(state, scope) || !isActive(state, { fromNs, toNs })) continue
      let sums = byClass.get(state.class)
      if (sums === undefined) {
        sums = newSums()
        byClass.set(state.class, sums)
      }
      addTo(sums, state, nowMs)
    }
    const classes = [...byClass].map(([className, { newestIngestByNode, ...sums }]) => ({
      class: className,
      ...sums,
      newestIngestByNode: Object.fromEntries(newestIngestByNode),
    }))
    return { classes: classes.sort((a, b) => (a.class < b.class ? -1 : 1)) }
  }
}

function* framesOf(header: SnapshotHeader, states: readonly StreamState[]): Generator<Uint8Array[]> {
  yield jsonFrame(header)
  for (let at = 0; at < states.length; at += STREAMS_A_FRAME) {
    yield jsonFrame(states.slice(at, at + STREAMS_A_FRAME).map(packStream))
  }
}

export function isSeen(state: Pick<StreamState, 'class' | 'tenant'>, { classes, clusters }: Scope): boolean {
  return (
    (classes === '*' || classes.includes(state.class)) &&
    (clusters === '*' || clusters.includes(state.tenant))
  )
}

/** Events come in shortly after they happen, so a stream belongs to a range when it was written to from its start on. */
function isActive(
  state: StreamState,
  { fromNs, toNs }: { fromNs: bigint | undefined; toNs: bigint | undefined },
): boolean {
  const fromMs = fromNs === undefined ? Number.NEGATIVE_INFINITY : Number(fromNs / 1_000_000n)
  const toMs = toNs === undefined ? Number.POSITIVE_INFINITY : Number(toNs / 1_000_000n)
  return state.newestIngestMs >= fromMs && state.oldestIngestMs - LATE_MS <= toMs
}

const LATE_MS = 60 * 60 * 1000

interface Sums {
  streams: number
  expected: number
  stored: number
  joined: number
  skipped: number
  declaredLost: number
  lossesWithoutSeq: number
  undeclaredGaps: number
  readonly newestIngestByNode: Map<string, number>
}

function newSums(): Sums {
  return {
    streams: 0,
    expected: 0,
    stored: 0,
    joined: 0,
    skipped: 0,
    declaredLost: 0,
    lossesWithoutSeq: 0,
    undeclaredGaps: 0,
    newestIngestByNode: new Map(),
  }
}

function addTo(sums: Sums, state: StreamState, nowMs: number): void {
  const expected = expectedOf(state)
  sums.streams++
  sums.expected += expected
  sums.stored += state.stored
  sums.joined += state.joined
  sums.skipped += state.skipped
  // Dead letters are declared too: their reason is kept, and they can be replayed.
  sums.declaredLost += state.lost.size + state.dead.size
  sums.lossesWithoutSeq += state.losses.size
  sums.undeclaredGaps += gapsOf(state, nowMs)
  const known = sums.newestIngestByNode.get(state.node) ?? 0
  sums.newestIngestByNode.set(state.node, Math.max(known, state.newestIngestMs))
}
