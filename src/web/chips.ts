import { button, fill } from './dom.ts'
import { condition, hasClause, SIGNAL_CLAUSE, withCondition, withoutClause } from './kql-text.ts'
import { plain } from './safe-text.ts'

/** Quick filters that only write into the query: signals, and the classes that the range holds. */
export function drawChips(
  holder: HTMLElement,
  options: { query: string; classes: readonly string[]; onQuery: (query: string) => void },
): void {
  const chip = (label: string, clause: string, kind: string): HTMLButtonElement => {
    const on = hasClause(options.query, clause)
    const next = on ? withoutClause(options.query, clause) : withCondition(options.query, clause, false)
    const element = button(label, () => options.onQuery(next), {
      class: `chip-button ${kind}`,
      title: clause,
    })
    element.setAttribute('aria-pressed', String(on))
    return element
  }
  fill(
    holder,
    chip('Signals', SIGNAL_CLAUSE, 'signals'),
    ...options.classes.map((name) => chip(plain(name), condition('decklog.class', name), '')),
  )
}
