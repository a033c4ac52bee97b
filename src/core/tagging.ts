import type { JsonObject } from './document.ts'

/** What a matched rule puts into the event. */
export interface MatchedRule {
  readonly id: string
  readonly name: string
  readonly level: 'informational' | 'low' | 'medium' | 'high' | 'critical'
  /** Goes to `tags`. */
  readonly tags: readonly string[]
  /** ECS `threat`: `{ framework, tactic: {id,name,reference}, technique: {…} }`; undefined when the rule names none. */
  readonly threat: JsonObject | undefined
}

/** Which lines of a batch may match any rule at all. Made once a batch from its raw bytes. */
export interface LineFilter {
  /** No line of the batch can match: nothing is evaluated. */
  readonly none: boolean
  /** May the record at raw bytes start..end (end exclusive) match? Called with rising positions. False is certain. */
  may(start: number, end: number): boolean
}

/** The rules of one source, compiled. Constant fields (class, dataset, cluster, namespace, …) are evaluated once, here. */
export interface BatchTagger {
  /** `raw`: unpacked bytes of the batch. */
  prepare(raw: Uint8Array): LineFilter
  /** `document`: the whole document, constants included. `text`: the record's whole text, as the parser got it: it chooses which rules to ask, and keyword rules look in it. */
  match(document: JsonObject, text: string): readonly MatchedRule[]
}

/** All rules. Made by `detect/`, used by `stages/`. */
export interface Tagger {
  /** The rules that can apply to a source at all; undefined when none can. `constants`: the fields that all its documents share. */
  forSource(
    source: { readonly class: string; readonly dataset: string; readonly format: string },
    constants: JsonObject,
  ): BatchTagger | undefined
}
