import { CARRY_AGE_MS } from '../../core/limits.ts'
import type { StreamWindow } from './stream-window.ts'

/**
 * Says which streams have been silent for so long that what they have begun is ended: when a message of the same partition is
 * CARRY_AGE_MS younger than their last batch. Both times are the bus's and the order is the partition's, so every reader of the
 * topic ends a stream at the same place; a clock of its own would not. A living shipper marks a pause long before.
 */
export class SilentStreams {
  /** By partition: streams that may have something open, the longest silent first, with when the bus got their last batch. */
  readonly #byPartition = new Map<string, Map<StreamWindow, number>>()

  /** A batch of `window` came at `position` (`topic/partition/offset`). Returns the streams to be ended before it. */
  heard(window: StreamWindow, position: string, receivedMs: number): StreamWindow[] {
    const partition = position.slice(0, position.lastIndexOf('/'))
    let streams = this.#byPartition.get(partition)
    if (streams === undefined) {
      streams = new Map()
      this.#byPartition.set(partition, streams)
    }
    const silent: StreamWindow[] = []
    for (const [stream, lastMs] of streams) {
      if (receivedMs - lastMs <= CARRY_AGE_MS) break
      streams.delete(stream)
      if (!stream.isDiscarded && stream.jobs.length > 0) silent.push(stream)
    }
    streams.delete(window)
    streams.set(window, receivedMs)
    return silent
  }

  /** Nothing of it is open. */
  forget(window: StreamWindow): void {
    for (const streams of this.#byPartition.values()) streams.delete(window)
  }
}
