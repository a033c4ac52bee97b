/** Keys of the page. The help dialog is made of this list, so that it cannot say something else than what works. */
export interface KeyAction {
  readonly keys: readonly string[]
  readonly says: string
  readonly run: () => void
}

/** Calls the action of a key, unless somebody is typing or a modifier is held. Esc also works while typing. */
export function listenForKeys(actions: readonly KeyAction[]): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
    if (document.querySelector('dialog[open]') !== null) return
    if (isTyping(event.target) && event.key !== 'Escape') return
    // Enter and the arrows belong to a focused control first.
    if (
      isControl(event.target) &&
      ['Enter', ' ', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown'].includes(event.key)
    )
      return
    const action = actions.find((one) => one.keys.includes(event.key))
    if (action === undefined) return
    event.preventDefault()
    action.run()
  })
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  )
}

function isControl(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest('button, a, summary, [role="slider"], [role="tabpanel"], [role="region"]') !== null
  )
}
