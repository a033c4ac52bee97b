/** Values become SQL only here. DuckDB's strings know no escapes but the doubled quote; NUL would end the statement. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\0') ? `(${quoted.replaceAll('\0', "' || chr(0) || '")})` : quoted
}

/** Only for names of our own list of columns. */
export function column(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Parts of a pattern between its stars; `\` makes the next character literal. */
export function patternParts(pattern: string): string[] {
  const parts = ['']
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!
    if (char === '*') parts.push('')
    else if (char === '\\' && at + 1 < pattern.length) parts[parts.length - 1] += pattern[++at]!
    else parts[parts.length - 1] += char
  }
  return parts
}

export function likeSql(expression: string, pattern: string): string {
  const like = patternParts(pattern)
    .map((part) => part.replace(/[%_\\]/g, '\\$&'))
    .join('%')
  return `${expression} LIKE ${literal(like)} ESCAPE '\\'`
}
