import { join } from 'node:path'
import { Cluster } from '../../../src/generate/cluster.ts'
import type { Truth } from '../../../src/generate/truth.ts'
import { type ArchivedStream, bytesOf, keyOf, readArchive } from './archive.ts'
import { checkEvents, type EventsOptions } from './events.ts'

/** Bytes that a stream must hold next. */
export interface Piece {
  readonly key: string
  readonly bytes: Buffer
}

export interface Report {
  readonly streams: number
  readonly records: number
  readonly events: number
  /** Raw batches that were archived more than once, which is allowed and known. */
  readonly repeatedBatches: number
  /** Streams of which the shipper said that there may have been more, allowed by `mayDoubt`. */
  readonly doubts: number
  /** Empty when every record is there exactly once, byte for byte. */
  readonly problems: readonly string[]
}

/** Every byte that a generated cluster holds, in the order in which it was written. */
export function* piecesOf(truth: Truth): Generator<Piece> {
  const cluster = new Cluster(truth.options)
  while (cluster.tick < truth.ticks) {
    for (const { stream, text } of cluster.step().emissions) {
      if (text === '') continue
      const { names, path } = stream.info
      const isPod = stream.info.class === 'pod'
      const key = isPod
        ? keyOf({ kind: 'pods', names })
        : keyOf({ kind: 'file', names: { path: join(truth.directory, path) } })
      yield { key, bytes: Buffer.from(text, 'latin1') }
    }
  }
}

export function* allPiecesOf(truths: readonly Truth[]): Generator<Piece> {
  for (const truth of truths) yield* piecesOf(truth)
}

export interface CheckOptions extends EventsOptions {
  /** May the shipper say of this stream that there may have been more, although there was not? @default never */
  readonly mayDoubt?: (key: string, reason: string) => boolean
}

/** The whole check, on the data directory of a decklog that has ended. */
export async function checkTruth(pieces: Iterable<Piece>, options: CheckOptions): Promise<Report> {
  const archive = await readArchive(options.dataDir)
  const problems = [...archive.problems]
  const doubts = archive.vagueLosses.filter(({ key, reason }) => options.mayDoubt?.(key, reason))
  for (const { key, reason, detail } of archive.vagueLosses)
    if (!options.mayDoubt?.(key, reason)) problems.push(`${key}: a loss is declared: ${reason}, ${detail}`)
  const cursors = new Map<string, ByteCursor>()
  for (const stream of archive.streams) {
    if (cursors.has(stream.key)) problems.push(`${stream.key}: there are two streams of it`)
    cursors.set(stream.key, new ByteCursor(stream))
  }
  const missing = new Set<string>()
  for (const { key, bytes } of pieces) {
    const cursor = cursors.get(key)
    if (cursor === undefined) missing.add(key)
    else cursor.take(bytes)
  }
  for (const key of missing) problems.push(`${key}: there is no stream of it`)
  for (const cursor of cursors.values()) problems.push(...cursor.problems())
  const { events, problems: wrong } = await checkEvents(archive.streams, options)
  const records = archive.streams.reduce((sum, { batches }) => sum + recordsOf(batches), 0)
  return {
    streams: archive.streams.length,
    records,
    events,
    repeatedBatches: archive.repeated,
    doubts: doubts.length,
    problems: [...problems, ...wrong],
  }
}

function recordsOf(batches: ArchivedStream['batches']): number {
  return batches.reduce((sum, { count }) => sum + count, 0)
}

/** Compares the bytes of a stream, all batches one after the other, with what comes. */
class ByteCursor {
  readonly #stream: ArchivedStream
  #next = 0
  #bytes: Buffer = Buffer.alloc(0)
  #position = 0
  #problem: string | undefined

  constructor(stream: ArchivedStream) {
    this.#stream = stream
  }

  take(expected: Buffer): void {
    for (let at = 0; at < expected.length && this.#problem === undefined; ) {
      if (!this.#fill()) return this.#say(`the archive ends at byte ${this.#position}, before the truth`)
      const length = Math.min(this.#bytes.length, expected.length - at)
      if (this.#bytes.compare(expected, at, at + length, 0, length) !== 0)
        this.#say(
          `the archive differs from what was written between byte ${this.#position} and ${this.#position + length}`,
        )
      this.#bytes = this.#bytes.subarray(length)
      this.#position += length
      at += length
    }
  }

  problems(): string[] {
    if (this.#problem === undefined && this.#fill())
      this.#say(`the archive goes on behind byte ${this.#position}, where the truth ends`)
    return this.#problem === undefined ? [] : [this.#problem]
  }

  /** False at the end. */
  #fill(): boolean {
    while (this.#bytes.length === 0) {
      const batch = this.#stream.batches[this.#next++]
      if (batch === undefined) return false
      this.#bytes = bytesOf(batch)
    }
    return true
  }

  #say(text: string): void {
    this.#problem ??= `${this.#stream.key}: ${text}`
  }
}
