import type { LineFilter } from '../core/tagging.ts'

/**
 * What the fast path of `stages/` needs of container lines. `ports/format.ts` is for formats that make an object a record; a
 * node writes a million container lines a second, so those go from raw bytes to document bytes, and the parsers below fill
 * objects that their caller makes once and uses again. They keep no state between calls and never throw.
 */

/** Where the parts of a container line are. Offsets are those of the bytes that were read. */
export interface LineHeader {
  /** Index into `LineFormat.keys`: lines of different keys are joined separately, also when they are interleaved. */
  key: number
  /** A later line of the same key goes on with this one's text. */
  partial: boolean
  /** The header can be rebuilt from time, zone and key alone. */
  canonical: boolean
  /** `YYYY-MM-DDTHH:MM:SS[.fraction]`, without its zone. */
  timeStart: number
  timeEnd: number
  /** Is it a time that exists? When not, the three below are 0. */
  timeValid: boolean
  /** Since the epoch, UTC. */
  seconds: number
  nanos: number
  /** Minutes east of UTC that the time is written in. */
  zoneMinutes: number
  /** The text goes from here to the end of the line. */
  textStart: number
}

export function newLineHeader(): LineHeader {
  return {
    key: 0,
    partial: false,
    canonical: true,
    timeStart: 0,
    timeEnd: 0,
    timeValid: true,
    seconds: 0,
    nanos: 0,
    zoneMinutes: 0,
    textStart: 0,
  }
}

export interface LineFormat {
  readonly name: string
  readonly version: number
  /** Values of the field `stream`. */
  readonly keys: readonly string[]
  /** Reads the line start..end (without its newline) into `header`. False when it is not of this format. */
  readonly read: (bytes: Uint8Array, start: number, end: number, header: LineHeader) => boolean
  /**
   * For a format whose text is escaped: writes the line start..end (without its newline) at `at` of `out` as `read` reads it, never
   * longer than it was, and returns where it ends. What is not of this format is copied as it is.
   */
  readonly translate?: (bytes: Buffer, start: number, end: number, out: Buffer, at: number) => number
}

/** Fields that are taken over from an application's own JSON; everything else stays below `decklog.payload`. */
export const PayloadSlot = {
  message: 0,
  level: 1,
  logger: 2,
  errorType: 3,
  errorMessage: 4,
  errorStack: 5,
  trace: 6,
  span: 7,
} as const
export const PAYLOAD_SLOTS = 8

/** What `PayloadFormat.scan` found. Of a string the range lies between the quotes, still escaped: a JSON string as it is. */
export interface PayloadScan {
  readonly start: Int32Array
  /** 0 where the payload has no such field. */
  readonly end: Int32Array
  /** Is the level a number? */
  levelIsNumber: boolean
  /** Qualities, as bits. */
  quality: number
}

export function newPayloadScan(): PayloadScan {
  return {
    start: new Int32Array(PAYLOAD_SLOTS),
    end: new Int32Array(PAYLOAD_SLOTS),
    levelIsNumber: false,
    quality: 0,
  }
}

export interface PayloadFormat {
  /**
   * Reads start..end, valid UTF-8. `text`: no JSON object, or one so odd that it is kept as text (then `quality` says why).
   * `json`: one valid object that may stand in a document as it is.
   */
  readonly scan: (bytes: Uint8Array, start: number, end: number, into: PayloadScan) => 'text' | 'json'
  /** ECS `log.level` of the level that was found; undefined when it is none. */
  readonly level: (bytes: Uint8Array, scan: PayloadScan) => string | undefined
}

/** A stack trace that has begun. `phase` belongs to the format. */
export interface TraceProgress {
  readonly kind: number
  phase: number
}

/** Stack traces, that come as many lines. Only a line that looks like a head is held back to wait for the next ones. */
export interface TraceFormat {
  /** Which lines of a batch may be a head; `start` is where the text of the line begins. */
  readonly prepare: (bytes: Uint8Array) => LineFilter
  /** Does a trace begin with this text? Undefined when not. */
  readonly begin: (text: string) => TraceProgress | undefined
  /** Does this text belong to the trace? May move its `phase`. An empty text belongs only if a later one does. */
  readonly continues: (trace: TraceProgress, text: string) => boolean
  /** What the joined text says about the error. */
  readonly describe: (trace: TraceProgress, text: string) => { type?: string; message?: string }
}
