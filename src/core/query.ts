/**
 * A query as every store and the live tail understand it. Made from KQL by `core/kql.ts`; each store compiles it. What it
 * means is said here once:
 * - `message` and bare words match whole words, lower-cased, as `core/words.ts` cuts them (Unicode word break).
 * - Every other field matches its exact value, case-sensitive; of a list of values, any. `*` in a wildcard stands for any
 *   run of characters, none included. Numbers compare as numbers, IP fields take CIDR, dates take ISO 8601.
 * - In a pattern (`wildcard`, `word-wildcard`) `\` makes the next character literal: `\*` is a star, `\\` a backslash.
 * - A term is compared with the JSON text of a value: `200` matches the number 200 and the text "200", `true` both likewise.
 * - A range whose bounds are numbers compares numbers (and texts that are numbers); on a field of type `date`
 *   (`core/fields.ts`) it compares instants, on `ip` addresses; any other compares text by code point.
 * - An object has no value of its own: `exists` holds for it when it holds anything, every other test fails. `null` and `[]`
 *   are missing. A path's parts may be joined in a key: `a.b` finds `{"a.b": 1}` and `{"a": {"b": 1}}`.
 * - A missing field matches nothing, so `not field: x` holds for documents without it.
 */
export type Query =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Query[] }
  | { readonly kind: 'not'; readonly of: Query }
  /** `any`: one of the words; `phrase`: all, side by side, in order. Words are already cut and lower-cased. */
  | { readonly kind: 'words'; readonly words: readonly string[]; readonly mode: 'any' | 'phrase' }
  /** A single word of the message with wildcards, lower-cased, e.g. `fail*`. */
  | { readonly kind: 'word-wildcard'; readonly pattern: string }
  | { readonly kind: 'term'; readonly field: string; readonly value: string }
  | { readonly kind: 'wildcard'; readonly field: string; readonly pattern: string }
  | { readonly kind: 'cidr'; readonly field: string; readonly cidr: string }
  | { readonly kind: 'exists'; readonly field: string }
  | {
      readonly kind: 'range'
      readonly field: string
      readonly gt?: string
      readonly gte?: string
      readonly lt?: string
      readonly lte?: string
    }
