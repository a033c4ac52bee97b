import { exportUrl, type Question, type Total } from './api.ts'
import { fill, h } from './dom.ts'
import { dropdown } from './dropdown.ts'
import { count } from './render.ts'

export interface ExportSource {
  readonly question: Question
  readonly columns: readonly string[]
  /** Undefined: not counted. */
  readonly total: Total | undefined
}

/** Everything that matches, not only what is loaded, straight from the server to a file. */
export function exportMenu(holder: HTMLElement, source: () => ExportSource): void {
  const trigger = h('button', { attrs: { type: 'button' } }, 'Export')
  const panel = h('div', { class: 'panel export-panel', attrs: { role: 'dialog', 'aria-label': 'Export' } })
  holder.append(trigger, panel)
  dropdown(trigger, panel, () => {
    const { question, columns, total } = source()
    const name = `decklog-${new Date(question.fromMs ?? 0).toISOString().slice(0, 16).replace(/[T:]/gu, '')}`
    const named = ['@timestamp', ...columns.filter((column) => column !== 'origin'), 'message', 'id']
    fill(
      panel,
      h('p', { class: 'hint' }, `Everything that matches, not only what is loaded: ${howMany(total)}.`),
      link('NDJSON: whole documents', exportUrl(question, 'ndjson'), `${name}.ndjson`),
      link('CSV: usual fields', exportUrl(question, 'csv'), `${name}.csv`),
      link('CSV: the columns shown', exportUrl(question, 'csv', named), `${name}-columns.csv`),
    )
  })
}

function howMany(total: Total | undefined): string {
  if (total === undefined) return 'of any size'
  return `${total.relation === 'gte' ? 'at least ' : ''}${count(total.value)} event${total.value === 1 ? '' : 's'}`
}

function link(text: string, href: string, download: string): HTMLElement {
  return h('a', { attrs: { href, download } }, text)
}
