/**
 * Compiles a pattern of core/query.ts (`*` any run of characters, `\` makes the next one literal) to a test of whole texts.
 * It takes the pieces between the stars one after the other, so its cost is bounded by text times pattern: no backtracking.
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  const pieces = patternPieces(pattern)
  if (pieces.length === 1) return (text) => text === pieces[0]
  const head = pieces[0]!
  const tail = pieces.at(-1)!
  const middle = pieces.slice(1, -1).filter((piece) => piece !== '')
  return (text) => {
    if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail))
      return false
    const end = text.length - tail.length
    let at = head.length
    for (const piece of middle) {
      const found = text.indexOf(piece, at)
      if (found < 0 || found + piece.length > end) return false
      at = found + piece.length
    }
    return true
  }
}

/** The literal texts between the stars: always one more than there are stars. */
export function patternPieces(pattern: string): string[] {
  const pieces: string[] = []
  let piece = ''
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!
    if (character === '*') {
      pieces.push(piece)
      piece = ''
    } else piece += character === '\\' ? (pattern[++at] ?? '\\') : character
  }
  pieces.push(piece)
  return pieces
}
