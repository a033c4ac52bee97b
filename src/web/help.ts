import { button, fill, h } from './dom.ts'
import type { KeyAction } from './keys.ts'

const LANGUAGE: readonly (readonly [string, string])[] = [
  ['failed password', 'either word in the message, any case'],
  ['"failed password"', 'the words side by side'],
  ['user.name: root', 'exactly this value; of a list, any'],
  ['user.name: (root or admin)', 'one of these'],
  ['process.name: ssh*', 'begins with'],
  ['rule.name: *', 'the field is there: here, every signal'],
  ['source.ip: "10.0.0.0/8"', 'a network'],
  ['http.response.status_code >= 500', 'a range'],
  ['not a and b or c', 'not binds closest, then and, then or'],
]

/** Keys and language on one sheet. */
export function helpDialog(dialog: HTMLDialogElement, keys: readonly KeyAction[]): () => void {
  const close = button('×', () => dialog.close(), { class: 'bare', label: 'Close help' })
  const names: Readonly<Record<string, string>> = { ArrowDown: '↓', ArrowUp: '↑', Escape: 'Esc' }
  fill(
    dialog,
    h('div', { class: 'dialog-head' }, h('h2', {}, 'Keys and query language'), close),
    h('h3', {}, 'Keys'),
    h(
      'dl',
      { class: 'sheet' },
      ...keys.map((one) =>
        pair(
          one.keys.map((key) => names[key] ?? key),
          one.says,
        ),
      ),
    ),
    h('h3', {}, 'Query (KQL)'),
    h('dl', { class: 'sheet' }, ...LANGUAGE.map(([text, says]) => pair([text], says))),
    h(
      'p',
      { class: 'hint' },
      'Over the histogram: arrows move, Shift with arrows selects, Enter zooms. A drag does the same.',
    ),
  )
  return () => dialog.showModal()
}

function pair(keys: readonly string[], says: string): HTMLElement {
  return h('div', {}, h('dt', {}, ...keys.map((key) => h('kbd', {}, key))), h('dd', {}, says))
}
