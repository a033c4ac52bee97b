import type { FieldPath } from './fields.ts'
import { fold } from './fold.ts'
import type { Node } from './node.ts'
import { fewSlashes } from './spellings.ts'

/** Shorter ones are in nearly every line. */
export const LITERAL_LENGTH_MIN = 3

/** How the documents of a source relate to its raw bytes. What is not said here is derived, and no literal is taken from it. */
export interface RawFields {
  /** Roots of the fields whose texts stand in the raw bytes as they are, or escaped as in JSON. */
  readonly verbatim: readonly string[]
  /** Are the field names below those roots in the raw bytes too? */
  readonly keys: boolean
  /** Roots of fields whose names a parser changes. */
  readonly changedKeys: readonly string[]
  /** Folded texts that nearly every record has: taken only where there is nothing better. */
  readonly common: ReadonlySet<string>
}

/**
 * Literals of which at least one is in the raw bytes of every record whose event matches, in any case; undefined when nothing
 * can be said. They are folded, printable ASCII without `"` and `\` and with few slashes; `prefilter.ts` says what can hide one.
 */
export function neededLiterals(node: Node, raw: RawFields): readonly string[] | undefined {
  switch (node.kind) {
    case 'constant':
      return node.value ? undefined : []
    case 'and':
      return rarest(
        node.of.map((child) => neededLiterals(child, raw)),
        raw,
      )
    case 'or':
      return anyOf(node.of.map((child) => neededLiterals(child, raw)))
    case 'not':
      return undefined
    case 'at-least':
      return atLeastOf(
        node.count,
        node.of.map((child) => neededLiterals(child, raw)),
      )
    case 'keyword':
      return shortest(node.test.needs)
    case 'field':
      return rarest(
        [isBelow(node.path, raw.verbatim) ? shortest(node.test.needs) : undefined, keyNeeds(node.path, raw)],
        raw,
      )
    case 'exists':
      return keyNeeds(node.path, raw)
    case 'fieldref':
      return rarest([keyNeeds(node.path, raw), keyNeeds(node.other, raw)], raw)
  }
}

type Needs = readonly string[] | undefined

function anyOf(all: readonly Needs[]): Needs {
  return all.every((needs) => needs !== undefined) ? shortest(all.flat()) : undefined
}

/** What holds another of them is found by that one. */
function shortest(literals: Needs): Needs {
  if (literals === undefined) return undefined
  const distinct = [...new Set(literals)]
  return distinct.filter((literal) => !distinct.some((other) => other !== literal && literal.includes(other)))
}

/** With more to match than there are parts that need nothing, one of the others must. */
function atLeastOf(count: number, all: readonly Needs[]): Needs {
  const known = all.filter((needs) => needs !== undefined)
  return count > all.length - known.length ? shortest(known.flat()) : undefined
}

function isBelow(path: FieldPath, roots: readonly string[]): boolean {
  return roots.some((root) => path.name === root || path.name.startsWith(`${root}.`))
}

/** Every name on the way to a field is in the record, be it nested or written with dots. */
function keyNeeds(path: FieldPath, raw: RawFields): Needs {
  const root = raw.keys ? raw.verbatim.find((name) => path.name.startsWith(`${name}.`)) : undefined
  if (root === undefined || isBelow(path, raw.changedKeys)) return undefined
  const names = path.segments.slice(root.split('.').length).toReversed()
  const literals = names.flatMap((name) => bestLiteral([fold(name)]) ?? [])
  // The last name says most about the field, so several fields of one kind share a literal.
  const own = literals.find((literal) => literal.length >= NAME_LENGTH_GOOD && !raw.common.has(literal))
  return own === undefined
    ? rarest(
        literals.map((literal) => [literal]),
        raw,
      )
    : [own]
}

const NAME_LENGTH_GOOD = 7

function rarest(all: readonly Needs[], raw: RawFields): Needs {
  let best: Needs
  for (const needs of all) {
    if (needs !== undefined && (best === undefined || score(needs, raw) > score(best, raw))) best = needs
  }
  return best
}

/** Long is rare; the shortest decides, and many are more likely met than few. */
function score(needs: readonly string[], raw: RawFields): number {
  if (needs.length === 0) return Infinity
  const lengths = needs.map((literal) => (raw.common.has(literal) ? 0 : Math.min(literal.length, 16)))
  return Math.min(...lengths) - Math.log2(needs.length)
}

/** The best literal that some texts of one value, which it all holds, have; undefined when there is none. */
export function bestLiteral(foldedTexts: readonly string[]): string | undefined {
  let best: string | undefined
  for (const text of foldedTexts) {
    const runs = text.match(/[ !#-[\]-~]+/g) ?? []
    for (const run of [...runs, ...runs.flatMap((one) => one.split(OFTEN_ESCAPED))].map(fewSlashes)) {
      if (run.length < LITERAL_LENGTH_MIN || isNumberLike(run)) continue
      if (best === undefined || worth(run) > worth(best)) best = run
    }
  }
  return best
}

/** Writers of JSON for HTML always escape these: without them a rule lets such records stay on the fast way. */
const OFTEN_ESCAPED = /[<>&']/

function worth(run: string): number {
  return OFTEN_ESCAPED.test(run) ? Math.min(run.length, OFTEN_ESCAPED_WORTH) : run.length
}

/** A literal of this length or more without them is preferred to any with them. */
const OFTEN_ESCAPED_WORTH = 7

/**
 * May this be a piece of a number as JavaScript writes it? Then the raw bytes may have it in another way (`4.03e2` for `403`).
 * Addresses are none: a number has one dot.
 */
function isNumberLike(run: string): boolean {
  return /^-?\d*\.?\d*(e[-+]?\d*)?$/.test(run) || 'infinity'.includes(run)
}

/** Can this character be in a literal? */
export function isLiteralUnit(unit: number): boolean {
  return unit >= 0x20 && unit <= 0x7e && unit !== 0x22 && unit !== 0x5c
}
