import type { FieldPath } from './fields.ts'
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
      return node.test.needs
    case 'field':
      return rarest(
        [isBelow(node.path, raw.verbatim) ? node.test.needs : undefined, keyNeeds(node.path, raw)],
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
  return all.every((needs) => needs !== undefined) ? [...new Set(all.flat())] : undefined
}

/** With more to match than there are parts that need nothing, one of the others must. */
function atLeastOf(count: number, all: readonly Needs[]): Needs {
  const known = all.filter((needs) => needs !== undefined)
  return count > all.length - known.length ? [...new Set(known.flat())] : undefined
}

function isBelow(path: FieldPath, roots: readonly string[]): boolean {
  return roots.some((root) => path.name === root || path.name.startsWith(`${root}.`))
}

function keyNeeds(path: FieldPath, raw: RawFields): Needs {
  if (!raw.keys || raw.verbatim.includes(path.name)) return undefined
  if (!isBelow(path, raw.verbatim) || isBelow(path, raw.changedKeys)) return undefined
  const literal = bestLiteral([path.segments.at(-1)!.toLowerCase()])
  return literal === undefined ? undefined : [literal]
}

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
    for (const run of (text.match(/[ !#-[\]-~]+/g) ?? []).map(fewSlashes)) {
      if (run.length >= LITERAL_LENGTH_MIN && !isNumberLike(run) && run.length > (best?.length ?? 0))
        best = run
    }
  }
  return best
}

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
