const BACKSLASH = 92

/** Where the closing quote of the string that opens at `from` stands, or -1. */
export function quotedEnd(text: string, from: number): number {
  let end = text.indexOf('"', from + 1)
  while (end > 0 && text.charCodeAt(end - 1) === BACKSLASH && isEscaped(text, end, from))
    end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, at: number, from: number): boolean {
  let first = at
  while (first - 1 > from && text.charCodeAt(first - 1) === BACKSLASH) first--
  return (at - first) % 2 === 1
}

/** Digits at `at` as a number that a double holds. */
export function numberAt(
  text: string,
  at: number,
): { readonly value: number; readonly end: number } | undefined {
  let end = at
  let value = 0
  for (let code = text.charCodeAt(end) - 48; code >= 0 && code <= 9; code = text.charCodeAt(++end) - 48)
    value = value * 10 + code
  return end === at || end - at > 15 ? undefined : { value, end }
}

/** The text between quotation marks that begins at `at`, as `%q` writes it where nothing has to be escaped. */
export function quotedWord(text: string, at: number): string {
  if (text.charCodeAt(at) !== 34) return ''
  const end = text.indexOf('"', at + 1)
  return end < 0 ? '' : text.slice(at + 1, end)
}
