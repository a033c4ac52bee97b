import { Cluster, type ClusterOptions } from './cluster.ts'
import { STORY } from './incident.ts'
import type { PlantedRecord, StreamInfo } from './stream.ts'

/** What one stream must hold, all of its files together: also the ones that were rotated away or deleted. */
export interface StreamTruth extends StreamInfo {
  /** Newline-ended lines. */
  readonly records: number
  readonly bytes: number
  /** Hex, over all record bytes in order, newlines included. */
  readonly sha256: string
  /** CRI records that are parts (`P`): `records - partials` lines remain when parts are joined. */
  readonly partials: number
  /** Files on disk now, below the directory, oldest first. */
  readonly files: readonly string[]
  readonly rotations: number
  /** It will not go on. */
  readonly ended: boolean
  /** Its directory was deleted. */
  readonly deleted: boolean
}

/** What `decklog generate` prints. With `options` and `ticks` the same bytes are made again: see `expectedChunks`. */
export interface Truth {
  readonly formatVersion: 1
  readonly directory: string
  readonly options: ClusterOptions
  /** Ticks written. */
  readonly ticks: number
  readonly totals: {
    readonly streams: number
    readonly records: number
    readonly bytes: number
    readonly recordsByClass: Readonly<Record<string, number>>
  }
  readonly streams: readonly StreamTruth[]
  readonly planted: readonly PlantedRecord[]
  /** Fixed values of the planted incident. */
  readonly story: typeof STORY
}

/** The exact bytes of one stream, in order, in pieces of whole records. Memory: one tick of one stream. */
export function* expectedChunks(truth: Pick<Truth, 'options' | 'ticks'>, path: string): Generator<Buffer> {
  const cluster = new Cluster(truth.options)
  while (cluster.tick < truth.ticks) {
    for (const { text } of cluster.step(path).emissions) {
      if (text !== '') yield Buffer.from(text, 'latin1')
    }
  }
}

/** The exact records of one stream, each with its newline. A checker compares them with what was stored, byte by byte. */
export function* expectedRecords(truth: Pick<Truth, 'options' | 'ticks'>, path: string): Generator<Buffer> {
  for (const chunk of expectedChunks(truth, path)) {
    for (let from = 0; from < chunk.length; ) {
      const to = chunk.indexOf(0x0a, from) + 1
      yield chunk.subarray(from, to)
      from = to
    }
  }
}

export function totalsOf(streams: readonly StreamTruth[]): Truth['totals'] {
  const recordsByClass: Record<string, number> = {}
  let records = 0
  let bytes = 0
  for (const stream of streams) {
    records += stream.records
    bytes += stream.bytes
    recordsByClass[stream.class] = (recordsByClass[stream.class] ?? 0) + stream.records
  }
  return { streams: streams.length, records, bytes, recordsByClass }
}
