import type { JsonObject } from '../../core/document.ts'

const FIELDS_MAX = 128

/**
 * `key=value key="value with \"quotes\""`, as logrus' TextFormatter writes it. The first of two equal keys counts. Undefined when
 * a part is no such pair.
 */
export function readLogrus(text: string): JsonObject | undefined {
  const fields = Object.create(null) as JsonObject
  let at = 0
  for (let count = 0; at < text.length && count < FIELDS_MAX; count++) {
    while (text.charCodeAt(at) === 32) at++
    if (at >= text.length) break
    const equals = text.indexOf('=', at)
    if (equals <= at) return undefined
    const key = text.slice(at, equals)
    if (key.includes(' ') || key.includes('"')) return undefined
    const isQuoted = text.charCodeAt(equals + 1) === 34
    const end = isQuoted ? closingQuote(text, equals + 2) : spaceAfter(text, equals + 1)
    if (end < 0) return undefined
    fields[key] ??= isQuoted ? unquoted(text.slice(equals + 1, end + 1)) : text.slice(equals + 1, end)
    at = isQuoted ? end + 1 : end
  }
  return fields['msg'] === undefined ? undefined : fields
}

function spaceAfter(text: string, from: number): number {
  const space = text.indexOf(' ', from)
  return space < 0 ? text.length : space
}

function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 92) at++
    else if (code === 34) return at
  }
  return -1
}

/** Go's %q; what JSON does not know of it (`\x1b`, `\a`) stays as it is written. */
function unquoted(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  try {
    const value: unknown = JSON.parse(quoted)
    return typeof value === 'string' ? value : quoted.slice(1, -1)
  } catch {
    return quoted.slice(1, -1)
  }
}
