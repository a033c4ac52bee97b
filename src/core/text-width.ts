const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u

/** Columns that a text takes in a terminal: East Asian wide characters and emoji two, combining marks none. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += columnsOfCharacter(character)
  return columns
}

/** The longest beginning of a text that fits into `columns`. */
export function cutToColumns(text: string, columns: number): string {
  let used = 0
  let end = 0
  for (const character of text) {
    used += columnsOfCharacter(character)
    if (used > columns) break
    end += character.length
  }
  return text.slice(0, end)
}

function columnsOfCharacter(character: string): number {
  if (character < '\u0300') return 1
  if (/\p{Mn}/u.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}
