import { fill, h } from './dom.ts'
import { plain } from './safe-text.ts'

export interface Suggestion {
  /** What is put into the query. */
  readonly insert: string
  readonly label: string
  readonly note: string
}

export interface Suggest {
  /** Handles a key while the list is open; true when it was used up. */
  key(event: KeyboardEvent): boolean
  show(suggestions: readonly Suggestion[]): void
  close(): void
}

/** The list under a text input, as ARIA's combobox pattern wants it. Nothing is chosen until an arrow key is pressed, so Enter runs the query. */
export function suggest(
  input: HTMLElement,
  list: HTMLElement,
  onChoose: (suggestion: Suggestion) => void,
): Suggest {
  let shown: readonly Suggestion[] = []
  let active = -1

  const highlight = (): void => {
    for (const [index, option] of [...list.children].entries()) {
      option.setAttribute('aria-selected', String(index === active))
      if (index === active) option.scrollIntoView({ block: 'nearest' })
    }
    if (active >= 0) input.setAttribute('aria-activedescendant', `suggestion-${active}`)
    else input.removeAttribute('aria-activedescendant')
  }
  const close = (): void => {
    shown = []
    active = -1
    list.hidden = true
    input.setAttribute('aria-expanded', 'false')
    input.removeAttribute('aria-activedescendant')
  }
  const choose = (suggestion: Suggestion): void => {
    close()
    onChoose(suggestion)
  }
  const option = (suggestion: Suggestion, index: number): HTMLElement =>
    h(
      'div',
      {
        attrs: { role: 'option', id: `suggestion-${index}`, 'aria-selected': 'false' },
        // The input keeps its focus, so that typing goes on after a click.
        on: { pointerdown: (event) => event.preventDefault(), click: () => choose(suggestion) },
      },
      h('span', { class: 'label' }, plain(suggestion.label)),
      h('span', { class: 'note' }, plain(suggestion.note)),
    )

  return {
    close,
    show(suggestions) {
      if (suggestions.length === 0) return close()
      // What is chosen stays chosen when the list is only brought up to date.
      const chosen = shown[active]?.insert
      shown = suggestions
      active = chosen === undefined ? -1 : suggestions.findIndex((one) => one.insert === chosen)
      fill(list, ...suggestions.map(option))
      list.hidden = false
      input.setAttribute('aria-expanded', 'true')
      highlight()
    },
    key(event) {
      if (shown.length === 0) return false
      if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
        const step = event.key === 'ArrowDown' ? 1 : -1
        active = active < 0 && step < 0 ? shown.length - 1 : (active + step + shown.length) % shown.length
        highlight()
        return true
      }
      const chosen = shown[active]
      if ((event.key === 'Enter' || event.key === 'Tab') && chosen !== undefined) {
        choose(chosen)
        return true
      }
      if (event.key === 'Escape' || event.key === 'Tab') close()
      return event.key === 'Escape'
    },
  }
}
