import type { Json, JsonObject } from '../core/document.ts'
import { fieldValues } from '../core/match-query.ts'

/** CSV as RFC 4180 has it: CRLF, quotes where they are needed. */
export function csvRow(cells: readonly string[]): string {
  return `${cells.map(quoted).join(',')}\r\n`
}

/**
 * A document's cell of a column. Texts that a spreadsheet would run as a formula get a `'` in front; numbers are numbers.
 */
export function csvCell(document: JsonObject, field: string): string {
  const values = fieldValues(document, field).filter((value) => value !== null)
  if (values.length === 1 && typeof values[0] === 'number') return String(values[0])
  return harmless(values.map(textOf).join(', '))
}

/** The document, numbers that a double cannot hold as text. */
export function parseDocument(text: string): JsonObject {
  if (!/\d{16}|\d[eE]/.test(text)) return JSON.parse(text) as JsonObject
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    const isInexact =
      typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
    return isInexact ? context.source : value
  }) as JsonObject
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function harmless(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) || cell !== cell.trim() ? `"${cell.replaceAll('"', '""')}"` : cell
}
