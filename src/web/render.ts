import { h } from './dom.ts'
import type { Matcher } from './highlight.ts'
import { pieces } from './safe-text.ts'

/** Characters of a value that are shown before the reader asks for more: a longer line must not freeze the page. */
export const SHOWN_CHARS_MAX = 16_384
const MORE_CHARS = 262_144

/** Log text as nodes: text, `<mark>` for matches and a `span` for each character that must not act. */
export function logText(
  text: string,
  options: { readonly matcher?: Matcher | undefined; readonly keepLines?: boolean } = {},
): DocumentFragment {
  const fragment = document.createDocumentFragment()
  for (const piece of pieces(text, options.matcher, options.keepLines)) {
    let node: Node = document.createTextNode(piece.text)
    if (piece.kind === 'marker') node = h('span', { class: 'marker', title: piece.title ?? '' }, node)
    fragment.append(piece.matched ? h('mark', {}, node) : node)
  }
  return fragment
}

/** A value of any length in a block: what is over the limit waits behind a button that says how much there is. */
export function longText(
  text: string,
  options: { readonly matcher?: Matcher | undefined; readonly class?: string } = {},
): HTMLElement {
  const body = h('span', { class: 'text' })
  const block = h('div', { class: `log ${options.class ?? ''}` }, body)
  let shown = 0
  const more = h('button', {
    class: 'expand',
    attrs: { type: 'button' },
    on: { click: () => show(MORE_CHARS) },
  })
  const show = (chars: number): void => {
    const end = cutAt(text, shown + chars)
    body.append(logText(text.slice(shown, end), { ...options, keepLines: true }))
    shown = end
    if (shown >= text.length) more.remove()
    else more.textContent = `expand: ${size(text.length - shown)} more`
  }
  show(SHOWN_CHARS_MAX)
  if (shown < text.length) block.append(more)
  return block
}

/** A cut that does not part a surrogate pair. */
export function cutAt(text: string, at: number): number {
  if (at >= text.length) return text.length
  const code = text.charCodeAt(at - 1)
  return code >= 0xd800 && code <= 0xdbff ? at - 1 : at
}

/** Characters as a person reads them: `984 kB`. One character counts as one byte: this is a hint, not an account. */
export function size(chars: number): string {
  if (chars < 1000) return `${chars} B`
  return chars < 1_000_000 ? `${Math.round(chars / 1000)} kB` : `${(chars / 1_000_000).toFixed(1)} MB`
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}
