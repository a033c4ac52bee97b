import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterOptions } from '../../../src/generate/cluster.ts'
import type { Truth } from '../../../src/generate/truth.ts'
import { ClusterWriter, type WriteOptions, type WriterClock } from '../../../src/generate/write-cluster.ts'

export type WritingOptions = Pick<WriteOptions, 'directory'> &
  Partial<Omit<WriteOptions, 'directory' | 'cluster'>> & {
    readonly cluster: Partial<ClusterOptions>
    readonly clock?: WriterClock
  }

export interface Writing {
  /** Records written so far. */
  readonly records: number
  /** Resolves with the truth when all is written. */
  readonly done: Promise<Truth>
  /** Ends it after the tick in hand. */
  stop(): void
}

/** Writes a generated cluster while decklog reads it, at its rate. Patient: nothing is deleted before it can be read. */
export function startWriting({ cluster, clock = new PatientClock(), ...options }: WritingOptions): Writing {
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
  let records = 0
  const progress = (state: { readonly records: number }): void => void (records = state.records)
  const done = writer.write({ clock, signal: stop.signal, progress }).then(() => writer.truth())
  // Who does not wait for it is told when somebody does.
  done.catch(() => undefined)
  return {
    done,
    stop: () => stop.abort(),
    get records() {
      return records
    },
  }
}

/**
 * Time of a writer, which stands while it is held: then no file ages, so nothing is deleted because this machine is slow.
 * Writing goes on.
 */
export class PatientClock implements WriterClock {
  #heldMs = 0
  #heldSinceMs: number | undefined

  hold(isHeld: boolean): void {
    if (!isHeld && this.#heldSinceMs !== undefined) this.#heldMs += Date.now() - this.#heldSinceMs
    this.#heldSinceMs = isHeld ? (this.#heldSinceMs ?? Date.now()) : undefined
  }

  now(): number {
    return (this.#heldSinceMs ?? Date.now()) - this.#heldMs
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await sleep(ms, undefined, signal === undefined ? {} : { signal })
  }
}

/** The same, all at once and before anything reads it. */
export function writeNow(options: WritingOptions): Promise<Truth> {
  return startWriting({ paced: false, ...options }).done
}
