import type { Json, JsonObject } from '../../core/document.ts'
import { fieldValues } from '../../core/match-query.ts'
import { columnsOf, cutToColumns } from '../../core/text-width.ts'
import { terminalText } from './terminal-text.ts'

export interface TableOptions {
  /** Columns of the terminal; undefined: messages are not cut. */
  readonly columns: number | undefined
  readonly colours: boolean
  /** The event that context was asked of: marked. */
  readonly marked?: string
}

const TIME_COLUMNS = 24
const WHERE_COLUMNS = 28
const WHAT_COLUMNS = 18

/** Rows of a table, one event each. Log text is escaped and cut, never obeyed. */
export function tableRow(document: JsonObject, options: TableOptions): string {
  const mark = options.marked === undefined ? '' : text(document, ['id']) === options.marked ? '> ' : '  '
  const time = fitted(shortTime(text(document, ['@timestamp'])), TIME_COLUMNS)
  const where = fitted(text(document, ['kubernetes.pod.name', 'host.name', 'decklog.stream']), WHERE_COLUMNS)
  const what = fitted(
    text(document, ['event.action', 'kubernetes.audit.verb', 'process.name', 'event.dataset']),
    WHAT_COLUMNS,
  )
  const used = mark.length + TIME_COLUMNS + WHERE_COLUMNS + WHAT_COLUMNS + 3
  const room = options.columns === undefined ? Number.POSITIVE_INFINITY : Math.max(20, options.columns - used)
  const message = cut(text(document, ['message', 'event.original']), room)
  const paint = options.colours ? colour : plain
  return `${mark}${paint(time, 'dim')} ${paint(where, 'cyan')} ${what} ${isBad(document) ? paint(message, 'red') : message}\n`
}

export function tableHead(options: TableOptions): string {
  const head = `${options.marked === undefined ? '' : '  '}${'TIME (UTC)'.padEnd(TIME_COLUMNS)} ${'WHERE'.padEnd(WHERE_COLUMNS)} ${'WHAT'.padEnd(WHAT_COLUMNS)} MESSAGE`
  return `${options.colours ? colour(head, 'bold') : head}\n`
}

function text(document: JsonObject, fields: readonly string[]): string {
  for (const field of fields) {
    const values = fieldValues(document, field).filter(isPlain)
    if (values.length > 0) return terminalText(values.join(', '))
  }
  return ''
}

function isPlain(value: Json): value is string | number | boolean {
  return value !== null && typeof value !== 'object'
}

/** Milliseconds are enough to read; the documents have the rest. */
function shortTime(time: string): string {
  return time.replace(/(\.\d{3})\d+Z$/, '$1Z')
}

function isBad(document: JsonObject): boolean {
  return (
    text(document, ['event.outcome']) === 'failure' ||
    /^(error|fatal|critical|emerg|alert)/i.test(text(document, ['log.level']))
  )
}

function fitted(value: string, columns: number): string {
  const shown = cut(value, columns)
  return shown + ' '.repeat(columns - columnsOf(shown))
}

function cut(value: string, columns: number): string {
  return columns === Number.POSITIVE_INFINITY || columnsOf(value) <= columns
    ? value
    : `${cutToColumns(value, columns - 1)}…`
}

const CODES = { bold: 1, dim: 2, red: 31, cyan: 36 } as const

function colour(value: string, name: keyof typeof CODES): string {
  return `\u001b[${CODES[name]}m${value}\u001b[0m`
}

function plain(value: string): string {
  return value
}
