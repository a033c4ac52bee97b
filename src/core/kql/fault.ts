import { DecklogError } from '../errors.ts'
import { columnsOf } from '../text-width.ts'

/** Characters of the query shown on each side of the fault. */
const AROUND = 40

/**
 * Makes the error for a query that cannot be read: what was expected, the query, and a caret under the character.
 * `position` is 0-based in UTF-16 units.
 */
export function queryFault(text: string, position: number, expected: string): DecklogError {
  const where = position >= text.length ? 'at its end' : `at character ${position + 1}`
  const { line, column } = excerpt(text, position)
  const message = `the query cannot be read ${where}: ${expected}\n  ${line}\n  ${' '.repeat(column)}^`
  return new DecklogError('query-invalid', message, { position })
}

function excerpt(text: string, position: number): { line: string; column: number } {
  const from = position > AROUND ? position - AROUND : 0
  const to = Math.min(text.length, position + AROUND)
  const before = (from > 0 ? '…' : '') + printable(text.slice(from, position))
  const after = printable(text.slice(position, to)) + (to < text.length ? '…' : '')
  return { line: before + after, column: columnsOf(before) }
}

/** One character each, so that the caret stays where it belongs: control, direction and zero-width characters become dots. */
function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·')
}
