import { button, fill, h } from './dom.ts'
import { originOf, valueOf } from './event.ts'
import type { Highlights } from './highlight.ts'
import { rowElement, type RowLook } from './row-view.ts'
import type { Row } from './rows.ts'
import { plain } from './safe-text.ts'
import { type VirtualList, virtualList } from './virtual-list.ts'

export interface ResultsTable {
  /** `keep`: the rows so far are the same, more were added at the end. */
  show(rows: readonly Row[], options?: { readonly keep?: boolean }): void
  look(look: Omit<RowLook, 'highlights'> & { readonly highlights: Highlights }): void
  select(id: string | undefined): void
  /** The row `by` steps from the selected one, selected and made visible; undefined at the ends. */
  move(by: number): Row | undefined
  selected(): Row | undefined
  atTop(): boolean
  toTop(): void
  focus(): void
}

export interface ResultsTableOptions {
  readonly container: HTMLElement
  readonly onOpen: (row: Row) => void
  readonly onNeedMore: () => void
  readonly onScroll: () => void
  readonly onRemoveColumn: (name: string) => void
}

const LOAD_AHEAD_ROWS = 100

export function resultsTable(options: ResultsTableOptions): ResultsTable {
  const head = h('div', { class: 'row head', attrs: { role: 'row' } })
  const grid = h(
    'div',
    { class: 'grid', attrs: { role: 'grid', tabindex: '0', 'aria-label': 'Events', id: 'rows' } },
    h('div', { class: 'head-holder', attrs: { role: 'rowgroup' } }, head),
  )
  options.container.append(grid)
  let rows: readonly Row[] = []
  let look: RowLook | undefined
  let selectedId: string | undefined

  const list: VirtualList = virtualList({
    scroller: grid,
    onScroll: options.onScroll,
    makeRow: (index) => {
      const row = rows[index]!
      const element = rowElement(row, look!)
      element.id = `row-${index}`
      element.setAttribute('aria-rowindex', String(index + 2))
      mark(element, row.id === selectedId)
      element.addEventListener('click', () => {
        if (getSelection()?.isCollapsed !== false) options.onOpen(row)
      })
      return element
    },
    onWindow: (_first, last) => {
      if (rows.length > 0 && last > rows.length - LOAD_AHEAD_ROWS) options.onNeedMore()
    },
  })

  const indexOfSelected = (): number =>
    selectedId === undefined ? -1 : rows.findIndex((row) => row.id === selectedId)
  const select = (id: string | undefined): void => {
    if (id === selectedId) return
    selectedId = id
    const index = indexOfSelected()
    for (const element of grid.querySelectorAll('.rail > .row')) mark(element, element.id === `row-${index}`)
    if (index >= 0) list.reveal(index)
    if (index >= 0) grid.setAttribute('aria-activedescendant', `row-${index}`)
    else grid.removeAttribute('aria-activedescendant')
  }

  return {
    show(next, { keep = false } = {}) {
      rows = next
      grid.setAttribute('aria-rowcount', String(rows.length + 1))
      if (look !== undefined && !keep) layOut(grid, rows, look)
      list.setCount(rows.length, { keep })
      grid.hidden = rows.length === 0
    },
    look(next) {
      look = next
      fill(head, ...headCells(next.columns, options.onRemoveColumn))
      layOut(grid, rows, next)
      list.redraw()
    },
    select,
    move(by) {
      const index = indexOfSelected()
      const next = rows[index < 0 ? 0 : index + by]
      if (next !== undefined) select(next.id)
      return next
    },
    selected: () => rows[indexOfSelected()],
    atTop: () => list.atTop(),
    toTop: () => list.toTop(),
    focus: () => grid.focus({ preventScroll: true }),
  }
}

function mark(element: Element, selected: boolean): void {
  element.classList.toggle('selected', selected)
  element.setAttribute('aria-selected', String(selected))
}

function headCells(columns: readonly string[], onRemove: (name: string) => void): HTMLElement[] {
  const cell = (name: string, ...children: Node[]): HTMLElement =>
    h('div', { class: 'cell', attrs: { role: 'columnheader' } }, h('span', {}, name), ...children)
  return [
    cell('time'),
    ...columns.map((name) =>
      cell(
        plain(name),
        button('×', () => onRemove(name), { class: 'bare', label: `Remove column ${plain(name)}` }),
      ),
    ),
    cell('message'),
  ]
}

const SAMPLE_ROWS = 100
const WIDTH_CH_MIN = 6
const WIDTH_CH_MAX = 34
const MESSAGE_CH_MIN = 48

/** Columns are as wide as their values in the first rows, within limits; the message takes the rest. */
function layOut(grid: HTMLElement, rows: readonly Row[], look: RowLook): void {
  const widths = look.columns.map((column) => {
    let widest = column.length + 3
    for (const row of rows.slice(0, SAMPLE_ROWS)) {
      const value = column === 'origin' ? originOf(row.document) : valueOf(row.document, column)
      widest = Math.max(widest, value?.length ?? 0)
    }
    return Math.min(WIDTH_CH_MAX, Math.max(WIDTH_CH_MIN, widest)) + 2
  })
  const fixed = [look.timeOnly ? 14 : 25, ...widths]
  grid.style.setProperty(
    '--columns',
    `${fixed.map((width) => `${width}ch`).join(' ')} minmax(${MESSAGE_CH_MIN}ch, 1fr)`,
  )
  grid.style.setProperty('--width-min', `${fixed.reduce((sum, width) => sum + width, MESSAGE_CH_MIN)}ch`)
}
