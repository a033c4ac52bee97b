import type { Draft, JsonObject, Quality } from '../core/document.ts'

/** 2262: where i64 nanoseconds end. */
const SECONDS_END = Date.UTC(2262, 0) / 1000
const NANOS_END = BigInt(SECONDS_END) * 1_000_000_000n

/** A draft whose time is kept as two numbers: a bigint a record would cost as much as reading the record's header. */
export class EventDraft implements Draft {
  fields: JsonObject = {}
  message: string
  quality: Quality[] = []
  original: string | undefined = undefined
  id: string | undefined = undefined
  /** Whole seconds since the epoch; -1 when it has no time, or none that can be kept. */
  seconds = -1
  /** Nanoseconds of the second. */
  nanos = 0
  /** A time outside 1970 to 2261. */
  #outside: bigint | undefined = undefined

  constructor(message: string) {
    this.message = message
  }

  setTime(seconds: number, nanos: number): void {
    if (seconds >= 0 && seconds < SECONDS_END) {
      this.seconds = seconds
      this.nanos = nanos
    } else this.timeNs = BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
  }

  get timeNs(): bigint | undefined {
    return this.seconds < 0 ? this.#outside : BigInt(this.seconds) * 1_000_000_000n + BigInt(this.nanos)
  }

  set timeNs(value: bigint | undefined) {
    const fits = value !== undefined && value >= 0n && value < NANOS_END
    this.#outside = fits ? undefined : value
    this.seconds = fits ? Number(value / 1_000_000_000n) : -1
    this.nanos = fits ? Number(value % 1_000_000_000n) : 0
  }

  /** Had it a time that cannot be kept? */
  get isOutside(): boolean {
    return this.#outside !== undefined
  }
}

/** Drafts that parsers make themselves, of a record's further events, are plain objects; a spread one has its time as numbers. */
export function asEventDraft(draft: Draft): EventDraft {
  if (draft instanceof EventDraft) return draft
  const made = new EventDraft(draft.message)
  made.fields = draft.fields
  made.quality = draft.quality
  made.original = draft.original
  made.id = draft.id
  const { seconds, nanos } = draft as Partial<EventDraft>
  if (draft.timeNs === undefined && seconds !== undefined && nanos !== undefined && seconds >= 0) {
    made.setTime(seconds, nanos)
  } else made.timeNs = draft.timeNs
  return made
}
