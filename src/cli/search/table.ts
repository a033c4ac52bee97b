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

interface Widths {
  readonly time: number
  readonly where: number
  readonly what: number
}

const WIDE: Widths = { time: 24, where: 28, what: 18 }
/** On a narrow terminal the message matters more than the year. */
const NARROW: Widths = { time: 14, where: 18, what: 14 }
const NARROW_BELOW = 110
const WHAT_FIELDS = [
  'event.action',
  'kubernetes.audit.verb',
  'process.name',
  'log.level',
  'kubernetes.container.name',
  'event.dataset',
]
const LEVEL_TAG = 'decklog.level.'

/** Rows of a table, one event each. Log text is escaped and cut, never obeyed. */
export function tableRow(document: JsonObject, options: TableOptions): string {
  const mark = options.marked === undefined ? '' : text(document, ['id']) === options.marked ? '> ' : '  '
  const widths = widthsFor(options)
  const time = fitted(shortTime(text(document, ['@timestamp']), widths), widths.time)
  const where = fitted(text(document, ['kubernetes.pod.name', 'host.name', 'decklog.stream']), widths.where)
  const what = fitted(text(document, WHAT_FIELDS), widths.what)
  const used = mark.length + widths.time + widths.where + widths.what + 3
  const room = options.columns === undefined ? Number.POSITIVE_INFINITY : Math.max(20, options.columns - used)
  const { label, paintedAs } = signalOf(document)
  const rule = cut(label, room)
  const left = room - columnsOf(rule)
  const message = left < 1 ? '' : cut(text(document, ['message', 'event.original']), left)
  const paint = options.colours ? colour : plain
  const painted = isBad(document) && message !== '' ? paint(message, 'red') : message
  return `${mark}${paint(time, 'dim')} ${paint(where, 'cyan')} ${what} ${rule === '' ? '' : paint(rule, paintedAs)}${painted}\n`
}

/** What rules say of an event, before its message: `[high: SSH login as root +1] `. */
function signalOf(document: JsonObject): { label: string; paintedAs: keyof typeof CODES } {
  const [first, ...others] = fieldValues(document, 'rule.name').filter(isPlain)
  if (first === undefined) return { label: '', paintedAs: 'yellow' }
  const tags = fieldValues(document, 'tags').filter(isPlain).map(String)
  const level = tags.find((tag) => tag.startsWith(LEVEL_TAG))?.slice(LEVEL_TAG.length) ?? 'rule'
  const more = others.length === 0 ? '' : ` +${others.length}`
  const paintedAs = level === 'high' || level === 'critical' ? 'red' : 'yellow'
  return { label: `[${terminalText(`${level}: ${first}`)}${more}] `, paintedAs }
}

export function tableHead(options: TableOptions): string {
  const { time, where, what } = widthsFor(options)
  const mark = options.marked === undefined ? '' : '  '
  const head = `${mark}${'TIME (UTC)'.padEnd(time)} ${'WHERE'.padEnd(where)} ${'WHAT'.padEnd(what)} MESSAGE`
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

function widthsFor({ columns }: TableOptions): Widths {
  return columns !== undefined && columns < NARROW_BELOW ? NARROW : WIDE
}

/** Milliseconds are enough to read; the documents have the rest. */
function shortTime(time: string, { time: width }: Widths): string {
  if (width < WIDE.time) return time.slice(5, 19).replace('T', ' ')
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

const CODES = { bold: 1, dim: 2, red: 31, yellow: 33, cyan: 36 } as const

function colour(value: string, name: keyof typeof CODES): string {
  return `\u001b[${CODES[name]}m${value}\u001b[0m`
}

function plain(value: string): string {
  return value
}
