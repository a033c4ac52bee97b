import { type FieldInfo, isAborted, type TopResult } from './api.ts'
import { button, fill, h } from './dom.ts'
import { plain } from './safe-text.ts'
import { type FilterActions, topValues } from './top-values.ts'

export interface FieldsPane {
  setFields(fields: readonly FieldInfo[]): void
  setColumns(columns: readonly string[]): void
  /** A new search: what is open is counted again. */
  refresh(): void
  /** Shows the top values of a field, wherever in the list it is. */
  reveal(field: string): void
}

export interface FieldsPaneOptions extends FilterActions {
  readonly holder: HTMLElement
  readonly loadTop: (field: string, limit: number, signal: AbortSignal) => Promise<TopResult>
  readonly onToggleColumn: (field: string) => void
  readonly onClose: () => void
}

/** Fields that analysts ask for first; those that the store has seen come in this order, then all others by name. */
const USUAL = [
  'rule.name',
  'event.dataset',
  'event.action',
  'event.outcome',
  'host.name',
  'kubernetes.namespace',
  'kubernetes.pod.name',
  'user.name',
  'source.ip',
  'process.name',
  'log.level',
]
const LISTED_MAX = 300
const TOP_LIMIT = 10
const TOP_LIMIT_MORE = 100

export function fieldsPane(options: FieldsPaneOptions): FieldsPane {
  const filter = h('input', {
    attrs: {
      type: 'search',
      placeholder: 'Find a field',
      'aria-label': 'Find a field',
      spellcheck: 'false',
      autocomplete: 'off',
    },
  })
  const list = h('ul', { class: 'field-list' })
  fill(
    options.holder,
    h(
      'div',
      { class: 'pane-head' },
      h(
        'div',
        { class: 'line' },
        h('h2', {}, 'Fields'),
        button('×', () => options.onClose(), { class: 'bare', label: 'Close the fields' }),
      ),
      filter,
    ),
    list,
  )
  let fields: readonly FieldInfo[] = []
  let columns: readonly string[] = []
  let opened: string | undefined
  let asking = new AbortController()

  const draw = (): void => {
    const wanted = filter.value.trim().toLowerCase()
    const found = fields.filter((field) =>
      wanted === '' ? field.seen : field.name.toLowerCase().includes(wanted),
    )
    const items = found.slice(0, LISTED_MAX).map(item)
    const left = found.length - items.length
    fill(
      list,
      ...items,
      left > 0 && h('li', { class: 'hint' }, `${left} more: type to find one`),
      found.length === 0 &&
        h('li', { class: 'hint' }, wanted === '' ? 'No field has been seen yet.' : 'No such field.'),
    )
  }
  const item = (field: FieldInfo): HTMLElement => {
    const isOpen = field.name === opened
    const isColumn = columns.includes(field.name)
    const name = button(plain(field.name), () => toggle(field.name), {
      class: 'name',
      title: field.description === '' ? field.type : `${field.type}: ${field.description}`,
    })
    name.setAttribute('aria-expanded', String(isOpen))
    const column = button(isColumn ? '− col' : '+ col', () => options.onToggleColumn(field.name), {
      class: 'column',
      label: `${isColumn ? 'Remove' : 'Add'} column ${plain(field.name)}`,
    })
    const body = isOpen
      ? h('div', { class: 'facet', attrs: { 'aria-live': 'polite' } }, h('p', { class: 'hint' }, 'counting…'))
      : undefined
    if (body !== undefined) void load(field.name, TOP_LIMIT, body)
    return h(
      'li',
      { class: isOpen ? 'open' : isColumn ? 'column-on' : '' },
      h('div', { class: 'field-line' }, name, field.name !== 'message' && column),
      body,
    )
  }
  const toggle = (name: string): void => {
    opened = opened === name ? undefined : name
    draw()
    for (const one of list.querySelectorAll<HTMLElement>('.name'))
      if (one.textContent === plain(name)) one.focus()
  }
  const load = async (field: string, limit: number, body: HTMLElement): Promise<void> => {
    asking.abort()
    asking = new AbortController()
    try {
      const result = await options.loadTop(field, limit, asking.signal)
      const more = result.values.length >= limit && limit < TOP_LIMIT_MORE
      fill(
        body,
        topValues(field, result, options),
        more && button('more values', () => void load(field, TOP_LIMIT_MORE, body), { class: 'link' }),
      )
    } catch (error) {
      if (!isAborted(error))
        fill(body, h('p', { class: 'field-error' }, error instanceof Error ? plain(error.message) : 'failed'))
    }
  }
  filter.addEventListener('input', draw)

  return {
    setFields(next) {
      const rank = (name: string): number => (USUAL.includes(name) ? USUAL.indexOf(name) : USUAL.length)
      fields = [...next].sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name))
      draw()
    },
    setColumns(next) {
      columns = next
      draw()
    },
    refresh() {
      if (opened !== undefined) draw()
    },
    reveal(field) {
      opened = field
      if (!fields.some((one) => one.name === field && one.seen)) filter.value = field
      draw()
      list.querySelector('.open')?.scrollIntoView({ block: 'nearest' })
    },
  }
}
