/** A text as rules see it, and where each of its characters stands in the record. */
export interface View {
  readonly text: string
  /** By character, and one more for the end: its place in the record. Undefined: the text is the record's own. */
  readonly places: Int32Array | undefined
}

/** What is to be taken out: a range of a view's text. */
export interface Found {
  readonly from: number
  readonly to: number
  /** Where it ends in the record, when it is not where `to` stands. */
  readonly toPlace?: number
  /** A bare value of JSON: text in its place must be quoted, so. */
  readonly quote?: string
}

/** A rule, compiled. */
export interface RedactRule {
  readonly id: string
  readonly literals: readonly string[]
  /** May something begin at the literal that stands at start..end? Cheap, asked of raw bytes; false is certain. */
  readonly guard: ((bytes: Uint8Array, start: number, end: number) => boolean) | undefined
  /** Looks at the literal that stands at start..end of the view's text. */
  readonly find: (view: View, start: number, end: number) => readonly Found[]
}

export const NOTHING_FOUND: readonly Found[] = []

export function placeOf(view: View, at: number): number {
  return view.places === undefined ? at : view.places[at]!
}

/**
 * The quote that closes what begins at `from`, right behind its opening quote, or undefined. At every depth of JSON in JSON backslashes
 * double: behind an opening quote with r of them, one with n closes when n leaves r divided by 2(r + 1).
 */
export function closingQuote(
  view: View,
  from: number,
  lengthMax: number,
): { at: number; place: number } | undefined {
  const { text } = view
  const quote = text[from - 1]!
  const depth = placeOf(view, from) - placeOf(view, from - 1) - 1
  const stop = from + lengthMax
  for (let at = text.indexOf(quote, from); at >= 0 && at < stop; at = text.indexOf(quote, at + 1)) {
    const backslashes = placeOf(view, at + 1) - placeOf(view, at) - 1
    if (backslashes % (2 * (depth + 1)) === depth) return { at, place: placeOf(view, at + 1) - 1 - depth }
  }
  return undefined
}
