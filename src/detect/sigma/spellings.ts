/** JSON may write `/` as `\/`, and each in its own way: a literal with two slashes has four spellings, so it has no more. */
const SLASHES_MAX = 2

/** Texts of which one is in any record that holds the literal, whichever of its slashes are escaped. */
export function spellings(literal: string): string[] {
  const [first = '', ...rest] = literal.split('/')
  let all = [first]
  for (const part of rest) all = all.flatMap((before) => [`${before}/${part}`, `${before}\\/${part}`])
  return all
}

/** The longest piece that has no more slashes than that. */
export function fewSlashes(text: string): string {
  const parts = text.split('/')
  let best = ''
  for (let at = 0; at === 0 || at + SLASHES_MAX < parts.length; at++) {
    const piece = parts.slice(at, at + SLASHES_MAX + 1).join('/')
    if (piece.length > best.length) best = piece
  }
  return best
}
