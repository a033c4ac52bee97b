import type { Provenance } from '../core/batch.ts'
import type { Draft } from '../core/document.ts'
import type { JoinedFormat } from './joined-format.ts'

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
  /** Takes secrets out of text that a record holds in another form (hexadecimal, base64), where nobody could find them before. */
  readonly redact?: (text: string) => string
}

/** Events of one record besides the first. Their number in an id has 16 bits; this many documents still fit a batch. */
export const OTHERS_MAX = 8192

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
   *
   * Where one record may hold several events (a report, an envelope), `draft` is the first of them and the parser appends the
   * others to `others`, at most OTHERS_MAX, each with all that is to be in its document; what a format before it left in
   * `draft` is in there only if the parser copies it. Their ids are `stream:seq.1`, `.2`, … in this order. A caller that wants
   * only the first leaves `others` out.
   */
  readonly parse: (text: string, draft: Draft, context: FormatContext, others?: Draft[]) => boolean
  /** One record may be spread over lines, as JSON that is printed for people: they are joined, with newlines between them. */
  readonly isDocument?: boolean
  /** For a `record` format whose events are several records; `parse` then reads records with newlines between them. */
  readonly joining?: JoinedFormat
}
