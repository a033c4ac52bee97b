import type { Consumer } from 'kafkajs'
import { passStep } from '../../core/faults.ts'
import type { KafkaBusOptions } from './options.ts'
import type { PartitionWindow } from './partition-window.ts'
import { within } from './within.ts'

export interface OffsetCommitsOptions {
  readonly bus: KafkaBusOptions
  readonly topic: string
  readonly group: string
  readonly windows: ReadonlyMap<number, PartitionWindow>
  /** The consumer as it is now; undefined while there is none. */
  readonly consumer: () => Consumer | undefined
  readonly signal: AbortSignal
}

/**
 * Commits, for each partition, the lowest offset that is not settled: never one of a partition that was lost, for its window is gone.
 * One commit at a time, so that no offset goes back.
 */
export class OffsetCommits {
  readonly #options: OffsetCommitsOptions
  #running: Promise<void> | undefined
  #isDue = false

  constructor(options: OffsetCommitsOptions) {
    this.#options = options
  }

  /** At most every `commitIntervalMs`. */
  soon(): void {
    const { bus, signal } = this.#options
    if (this.#isDue || signal.aborted) return
    this.#isDue = true
    bus.clock.sleep(bus.commitIntervalMs ?? 500, signal).then(
      () => {
        this.#isDue = false
        void this.now()
      },
      () => {},
    )
  }

  /** Waits for so long at most, and leaves the rest to the next owner of the partitions. */
  async nowWithin(ms: number): Promise<void> {
    await within(this.now(), ms, this.#options.bus.clock)
  }

  /** Never rejects: what could not be committed is committed with the next. */
  async now(): Promise<void> {
    while (this.#running) await this.#running
    const { topic, group, windows, bus, consumer } = this.#options
    const due = [...windows.values()].flatMap((window) => {
      const { low, committed } = window
      return low !== undefined && committed !== undefined && low > committed ? [{ window, low }] : []
    })
    const current = consumer()
    if (due.length === 0 || current === undefined) return
    const offsets = due.map(({ window, low }) => ({
      topic,
      partition: window.partition,
      offset: String(low),
    }))
    passStep('offsets-commit-before')
    this.#running = current.commitOffsets(offsets).then(
      () => {
        passStep('offsets-committed')
        for (const { window, low } of due) window.committed = low
      },
      (error: unknown) => {
        bus.log.debug({ topic, group, reason: nameOf(error) }, 'offsets were not committed')
        this.soon()
      },
    )
    await this.#running
    this.#running = undefined
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? ((error as { type?: string }).type ?? error.name) : 'unknown'
}
