/** JSON as it lives in documents. Objects that hold foreign keys have no prototype, so that `__proto__` is only a key. */
export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

/** What was odd about a record: goes to `decklog.quality`. The list is open; these are the ones that exist. */
export type Quality =
  | 'parse-failed' // its parser could not read it; `message` is the text
  | 'invalid-utf8' // `decklog.raw` has the bytes in base64
  | 'control-characters' // C0, C1, ESC or NUL in the text
  | 'bidi-characters' // direction overrides or zero-width characters
  | 'truncated' // longer than an event's text may be
  | 'partial' // parts of a line whose end never came
  | 'incomplete' // an event of several records that lacks some of them
  | 'carry-limit' // joining stopped at a limit
  | 'time-missing' // no time of its own: the batch's
  | 'time-invalid' // e.g. 30 February
  | 'time-future' // more than a day after the batch
  | 'time-differs' // a container's own time is more than a day from its runtime's, which is used
  | 'json-depth'
  | 'json-duplicate-key'
  | 'json-number-precision' // a number that a double cannot hold; its text is kept
  | 'json-invalid'
  | 'json-proto-key' // __proto__, constructor: data only
  | 'json-too-many-keys'
  | 'ambiguous-fields' // text of a client imitates the message's own: a login's address, a command's user
  | 'secret-removed' // a Secret's or token's value is not in the document
  | (string & {})

/**
 * One event under construction. A parser fills it and never throws. `fields` holds nested ECS fields; what is constant for
 * the batch (cluster, node, pod, data stream, …) is added by the stage, wins over what the payload says, and is not in here.
 */
export interface Draft {
  /** Nested, prototype-less where keys are foreign. `message`, `process.name`, `event.action`, `source.ip`, … */
  fields: JsonObject
  /** `message` of the document. */
  message: string
  /** Nanoseconds since the epoch, or undefined: then the batch's time is used and `time-missing` said. */
  timeNs: bigint | undefined
  /** The same without making a bigint, where the draft can: whole seconds since the epoch, UTC, and nanoseconds of the second. */
  setTime?(seconds: number, nanos: number): void
  quality: Quality[]
  /** Exact text to keep as `event.original`, or undefined where the bytes can be rebuilt from the document. */
  original: string | undefined
  /**
   * The id that its sender gave the event, where other copies of it may come by other ways: then it is stored once in its cluster and
   * class. Only from a trusted sender, and made of enough that no other event can have it: who chooses it could hide an event.
   */
  id?: string | undefined
}
