/**
 * A query as every store and the live tail understand it. Made from KQL by `core/kql.ts`; each store compiles it. What it
 * means is said here once:
 * - `message` and bare words match whole words, lower-cased, as `core/words.ts` cuts them (Unicode word break).
 * - Every other field matches its exact value, case-sensitive; of a list of values, any. `*` in a wildcard stands for any
 *   run of characters, none included. Numbers compare as numbers, IP fields take CIDR, dates take ISO 8601.
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
