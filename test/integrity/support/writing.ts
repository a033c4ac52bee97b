import { systemClock } from '../../../src/app/system-clock.ts'
import type { ClusterOptions } from '../../../src/generate/cluster.ts'
import type { Truth } from '../../../src/generate/truth.ts'
import { ClusterWriter, type WriteOptions } from '../../../src/generate/write-cluster.ts'

export type WritingOptions = Pick<WriteOptions, 'directory'> &
  Partial<Omit<WriteOptions, 'directory' | 'cluster'>> & { readonly cluster: Partial<ClusterOptions> }

export interface Writing {
  /** Resolves with the truth when all is written. */
  readonly done: Promise<Truth>
  /** Ends it after the tick in hand. */
  stop(): void
}

/** Writes a generated cluster while decklog reads it, at its rate. Patient: nothing is deleted before it can be read. */
export function startWriting({ cluster, ...options }: WritingOptions): Writing {
  const stop = new AbortController()
  const writer = new ClusterWriter({
    paced: true,
    bytes: null,
    rotation: 'none',
    rotateBytes: 128 * 1024,
    keep: 10_000,
    graceMs: 60_000,
    quietMs: 1_000,
    ...options,
    cluster: {
      seed: 1,
      startMs: Date.now(),
      nodes: 1,
      pods: 6,
      mix: 'mixed',
      churn: false,
      ratePerSecond: 2_000,
      records: 10_000,
      history: null,
      incident: true,
      ...cluster,
    },
  })
  const done = writer.write({ clock: systemClock, signal: stop.signal }).then(() => writer.truth())
  // Who does not wait for it is told when somebody does.
  done.catch(() => undefined)
  return { done, stop: () => stop.abort() }
}

/** The same, all at once and before anything reads it. */
export function writeNow(options: WritingOptions): Promise<Truth> {
  return startWriting({ paced: false, ...options }).done
}
