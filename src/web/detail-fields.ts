import { button, fill, h } from './dom.ts'
import { type EventDocument, type FlatField, flatten } from './event.ts'
import type { Highlights } from './highlight.ts'
import { longText } from './render.ts'
import { plain } from './safe-text.ts'
import { showStamp } from './time.ts'

export interface DetailActions {
  readonly onFilter: (field: string, value: string, negated: boolean) => void
  readonly onToggleColumn: (field: string) => void
  readonly onTop: (field: string) => void
  readonly onCopy: (text: string, what: string) => void
}

/** Fields drawn at once; an event may have thousands. */
const PAGE = 200
/** A longer value is no use as a condition. */
const FILTER_CHARS_MAX = 1024

/** Every field of an event, flat, with what can be done with each value. A filter finds one among thousands. */
export function detailFields(
  document: EventDocument,
  options: { actions: DetailActions; highlights: Highlights; zone: string },
): HTMLElement {
  const { fields } = flatten(document)
  const filter = h('input', {
    attrs: {
      type: 'search',
      placeholder: `Find in ${fields.length} fields`,
      'aria-label': 'Find in the fields of this event',
      spellcheck: 'false',
    },
  })
  const list = h('dl', { class: 'event-fields' })
  const more = h('button', {
    class: 'expand',
    attrs: { type: 'button' },
    on: { click: () => draw(shown + PAGE * 5) },
  })
  let shown = 0
  const draw = (upTo: number): void => {
    const wanted = filter.value.trim().toLowerCase()
    const found =
      wanted === ''
        ? fields
        : fields.filter((field) =>
            `${field.name} ${field.value.slice(0, 4096)}`.toLowerCase().includes(wanted),
          )
    shown = Math.min(upTo, found.length)
    fill(list, ...found.slice(0, shown).map((field) => fieldRow(field, options)))
    more.hidden = shown >= found.length
    more.textContent = `${found.length - shown} more fields`
  }
  filter.addEventListener('input', () => draw(PAGE))
  draw(PAGE)
  return h('div', {}, fields.length > 12 && h('div', { class: 'find' }, filter), list, more)
}

function fieldRow(
  field: FlatField,
  options: { actions: DetailActions; highlights: Highlights; zone: string },
): HTMLElement {
  const name = plain(field.name)
  const matcher = field.name === 'message' ? options.highlights.message : options.highlights.field(field.name)
  const local = field.name === '@timestamp' && options.zone !== 'UTC'
  return h(
    'div',
    { class: 'event-field' },
    h('dt', {}, name),
    h(
      'dd',
      {},
      longText(field.value, { matcher }),
      local && h('span', { class: 'hint' }, `${showStamp(field.value, options.zone, 3)} ${options.zone}`),
      acts(field, options.actions),
    ),
  )
}

function acts(field: FlatField, actions: DetailActions): HTMLElement {
  const name = plain(field.name)
  const usable = field.values.length === 1 && field.value.length <= FILTER_CHARS_MAX && field.value !== ''
  const each =
    field.values.length > 1 && field.values.length <= 8
      ? field.values.filter((value) => value.length <= FILTER_CHARS_MAX)
      : []
  return h(
    'span',
    { class: 'acts' },
    usable &&
      button('only', () => actions.onFilter(field.name, field.value, false), {
        label: `Only this value of ${name}`,
      }),
    usable &&
      button('not', () => actions.onFilter(field.name, field.value, true), {
        label: `Not this value of ${name}`,
      }),
    ...each.map((value) =>
      button(`only ${plain(value.slice(0, 24))}`, () => actions.onFilter(field.name, value, false), {
        label: `Only ${name} ${plain(value)}`,
      }),
    ),
    field.name !== 'message' &&
      button('top', () => actions.onTop(field.name), { label: `Top values of ${name}` }),
    field.name !== 'message' &&
      button('col', () => actions.onToggleColumn(field.name), { label: `Column for ${name}` }),
    button('copy', () => actions.onCopy(field.value, name), { label: `Copy value of ${name}` }),
  )
}
