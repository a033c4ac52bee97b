import type { TopResult, ValueCount } from './api.ts'
import { button, h } from './dom.ts'
import { count } from './render.ts'
import { plain } from './safe-text.ts'

export interface FilterActions {
  readonly onFilter: (field: string, value: string, negated: boolean) => void
}

/** Most frequent values with their share of the events that have the field. */
export function topValues(field: string, result: TopResult, actions: FilterActions): HTMLElement {
  if (result.withField === 0) return h('p', { class: 'hint' }, 'No event of this search has the field.')
  const highest = result.values[0]?.count ?? 1
  const shownCount = result.values.reduce((sum, one) => sum + one.count, 0)
  const rest = result.withField - shownCount
  return h(
    'div',
    { class: 'top-values' },
    h(
      'p',
      { class: 'hint' },
      `in ${percent(result.withField, result.total)} of ${count(result.total)} events`,
    ),
    h(
      'ol',
      {},
      ...result.values.map((one) => valueRow(field, one, { highest, whole: result.withField, actions })),
    ),
    rest > 0 &&
      h('p', { class: 'hint' }, `other values: ${count(rest)} (${percent(rest, result.withField)})`),
  )
}

function valueRow(
  field: string,
  one: ValueCount,
  options: { highest: number; whole: number; actions: FilterActions },
): HTMLElement {
  const { actions } = options
  const shown = plain(one.value.slice(0, 300))
  const bar = h('span', { class: 'share', attrs: { 'aria-hidden': 'true' } })
  bar.style.setProperty('--share', String(one.count / options.highest))
  return h(
    'li',
    {},
    bar,
    h('span', { class: 'value', title: shown }, shown === '' ? '(empty)' : shown),
    h('span', { class: 'number' }, count(one.count)),
    h('span', { class: 'percent' }, percent(one.count, options.whole)),
    h(
      'span',
      { class: 'acts' },
      button('only', () => actions.onFilter(field, one.value, false), {
        label: `Only ${plain(field)} ${shown}`,
      }),
      button('not', () => actions.onFilter(field, one.value, true), {
        label: `Not ${plain(field)} ${shown}`,
      }),
    ),
  )
}

function percent(part: number, whole: number): string {
  if (whole === 0) return '0 %'
  const share = (part / whole) * 100
  if (share > 0 && share < 0.1) return '<0.1 %'
  return `${share >= 10 || share === 0 ? Math.round(share) : share.toFixed(1)} %`
}
