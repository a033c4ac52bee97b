import type { Provenance } from '../core/batch.ts'
import type { Draft } from '../core/document.ts'

/**
 * A log format: one file in `parsers/` that exports one FormatDefinition. Documentation, schema check, garbage test, fuzz and
 * benchmark derive from it, so adding a format is one such file, one fixture and one line in a pipeline file.
 */
export interface FormatContext {
  readonly provenance: Provenance
  /** The batch's wall time, milliseconds since the epoch: the year of a year-less time stamp comes from it. */
  readonly batchTimeMs: number
  /** Minutes east of UTC for time stamps without a zone. */
  readonly utcOffsetMinutes: number
}

export interface FormatDefinition {
  /** As in `parse:` of a pipeline file and `decklog parse --as`. */
  readonly name: string
  /** Counts up whenever its documents change; in the document as `decklog.parser.version`. */
  readonly version: number
  /** `record`: reads a whole record. `payload`: reads the message that another format left (`syslog` → `sshd`). */
  readonly kind: 'record' | 'payload'
  readonly title: string
  /** Where the format is defined: a document or its writer's source. */
  readonly definedBy: string
  /** Dataset when used alone, e.g. `system.auth`. */
  readonly dataset: string
  /** One real line, for documentation and benchmark. */
  readonly example: string
  /** For its page of the documentation, a paragraph each: what is kept how, where it departs from its model, its limits. */
  readonly remarks?: readonly string[]
  /** Every `event.action` that it gives, with what that means: names that rules rely on. */
  readonly actions?: Readonly<Record<string, string>>
  /**
   * Reads `text` into `draft`. Returns false when the text is not of this format: then `draft` must be untouched, the next
   * format of the list is tried, and if none takes it a `record` format's line is kept as text, tagged `parse-failed`.
   * Never throws; keeps no state between calls.
   */
  readonly parse: (text: string, draft: Draft, context: FormatContext) => boolean
}
