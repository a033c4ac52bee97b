import { h } from './dom.ts'
import { messageOf, originOf, type Signal, signalOf, valueOf } from './event.ts'
import type { Highlights } from './highlight.ts'
import { logText, SHOWN_CHARS_MAX, size } from './render.ts'
import type { Row } from './rows.ts'
import { plain, short } from './safe-text.ts'
import { showStamp } from './time.ts'

export interface RowLook {
  readonly columns: readonly string[]
  readonly zone: string
  /** The range lies within one day: the date is not repeated in each row. */
  readonly timeOnly: boolean
  readonly highlights: Highlights
}

/** Characters of one cell. A row is at most three lines high: more cannot be seen. */
const CELL_CHARS = 1000
/** The message must still be seen beside the chip; all techniques are in its title and in the event. */
const TECHNIQUES_MAX = 2

export function rowElement(row: Row, look: RowLook): HTMLElement {
  const signal = signalOf(row.document)
  const stamp = valueOf(row.document, '@timestamp') ?? ''
  const shown = showStamp(stamp, look.zone)
  const time = h(
    'div',
    {
      class: 'cell time',
      attrs: { role: 'gridcell' },
      title: short(`${showStamp(stamp, look.zone, 9)} ${look.zone}`),
    },
    short(look.timeOnly ? shown.slice(11, 23) : shown.slice(0, 23)),
  )
  const cells = look.columns.map((column) => cell(row, column, look))
  const level = signal === undefined ? '' : ` signal level-${signal.level ?? 'unknown'}`
  return h(
    'div',
    { class: `row${level}`, attrs: { role: 'row' } },
    time,
    ...cells,
    messageCell(row, signal, look),
  )
}

function cell(row: Row, column: string, look: RowLook): HTMLElement {
  const value = column === 'origin' ? originOf(row.document) : (valueOf(row.document, column) ?? '')
  const shown = value.slice(0, CELL_CHARS)
  return h(
    'div',
    {
      class: `cell ${column === 'origin' ? 'origin' : 'value'}`,
      attrs: { role: 'gridcell' },
      title: plain(shown),
    },
    logText(shown, { matcher: look.highlights.field(column) }),
  )
}

function messageCell(row: Row, signal: Signal | undefined, look: RowLook): HTMLElement {
  const message = messageOf(row.document).slice(0, CELL_CHARS)
  const quality = valueOf(row.document, 'decklog.quality')
  return h(
    'div',
    { class: 'cell message', attrs: { role: 'gridcell' } },
    signal !== undefined && signalChip(signal),
    h('span', { class: 'text' }, logText(message, { matcher: look.highlights.message })),
    row.longest > SHOWN_CHARS_MAX &&
      h(
        'span',
        { class: 'chip cut', title: 'Only the beginning is shown. Open the event to expand it.' },
        `${size(row.longest)} · expand`,
      ),
    quality !== undefined &&
      h('span', { class: 'chip odd', title: `What was odd about this record: ${short(quality)}` }, '!'),
  )
}

/** Level, first rule and ATT&CK technique: said in words, not by colour alone. */
export function signalChip(signal: Signal): HTMLElement {
  const more = signal.names.length - 1
  const ids = signal.techniques.map((technique) => technique.id)
  const techniques =
    ids.length > TECHNIQUES_MAX ? [...ids.slice(0, TECHNIQUES_MAX), `+${ids.length - TECHNIQUES_MAX}`] : ids
  const level = signal.level ?? 'signal'
  const title = [
    `${level}: ${signal.names.join(', ')}`,
    ...signal.techniques.map((one) => `${one.id} ${one.name}`),
    ...signal.tactics,
  ]
  return h(
    'span',
    { class: `chip rule level-${signal.level ?? 'unknown'}`, title: title.map(short).join('\n') },
    h('b', {}, level === 'informational' ? 'info' : level),
    ' ',
    short(signal.names[0] ?? ''),
    more > 0 && ` +${more}`,
    techniques.length > 0 && h('span', { class: 'technique' }, short(techniques.join(' '))),
  )
}
