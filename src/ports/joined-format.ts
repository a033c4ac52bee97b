import type { Draft } from '../core/document.ts'
import type { FormatContext } from './format.ts'

/**
 * A format whose events are several records, each of which names its event: Linux audit. `stages/` keeps the records of open events
 * and decides by what is said here when one has ended. What ends an event depends on its records and on the stream, never on a
 * clock and never on how the stream was cut into batches.
 */

/** What a record says of the event that it belongs to. Made once by the caller and used again for each record. */
export interface JoinedHeader {
  /** Machine that wrote it, '' when it does not say. Events of different origins are never joined. */
  origin: string
  /** The writer's number of the event. */
  serial: number
  /** The event's time, since the epoch, UTC. */
  seconds: number
  nanos: number
  /** The writer's name of this kind of record. */
  type: string
  /** The event is this record alone. */
  single: boolean
  /** The record only says that its event has ended. */
  marker: boolean
  /** `serial` counts events without a hole, so that one that never comes is a loss. */
  counted: boolean
}

export function newJoinedHeader(): JoinedHeader {
  return {
    origin: '',
    serial: 0,
    seconds: 0,
    nanos: 0,
    type: '',
    single: false,
    marker: false,
    counted: false,
  }
}

/** How far the records of one event have come. Belongs to the format; starts as `start()`. */
export interface JoinedProgress {
  /** A record has said that it is the last one. */
  closing: boolean
}

export interface JoinedFormat<P extends JoinedProgress = JoinedProgress> {
  /** Reads the head of a record. False when it names no event: then the record is an event of its own. Never throws. */
  readonly read: (text: string, header: JoinedHeader) => boolean
  readonly start: () => P
  /** Notes a further record of the event. Returns true when nothing more can come, because all that was announced is there. */
  take(progress: P, text: string, header: JoinedHeader): boolean
  /** As `FormatDefinition.parse`, of all records of one event in the order in which they came. */
  readonly parse: (records: readonly string[], draft: Draft, context: FormatContext) => boolean
  /** Control characters that the writer puts between parts of a record: nothing odd. */
  readonly separator: string
  /** Records may hold text in another form (hexadecimal): rules look at all of them, whatever their bytes are. */
  readonly hasHidden: (text: string) => boolean
}
