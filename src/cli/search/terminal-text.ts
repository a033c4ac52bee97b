/**
 * Log text for a terminal. Control characters (C0, DEL, C1), line separators, direction overrides and zero-width characters are
 * shown as what they are, for a terminal would obey them: a log line could set colours, move the cursor, or hide.
 */
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const NAMED: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' }

export function terminalText(text: string): string {
  return text.toWellFormed().replace(OBEYED, (character) => {
    const code = character.codePointAt(0)!
    return (
      NAMED[character] ??
      (code < 0x100 ? `\\x${hex(code, 2)}` : code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`)
    )
  })
}

/** JSON text for a terminal: the same value, such characters as JSON escapes. */
export function terminalJson(json: string): string {
  return json.replace(OBEYED, (character) => {
    if (character === '\n') return character
    return [...Array(character.length).keys()].map((at) => `\\u${hex(character.charCodeAt(at), 4)}`).join('')
  })
}

/** Lines of CSV for a terminal: line ends stay. */
export function terminalLines(text: string): string {
  return text
    .split('\n')
    .map((line) => terminalText(line.replace(/\r$/, '')))
    .join('\n')
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}
