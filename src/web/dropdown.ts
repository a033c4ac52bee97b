/** A button that opens a panel under it. Esc, a click elsewhere or leaving it with Tab closes it; focus returns to the button. */
export interface Dropdown {
  open(): void
  close(): void
}

export function dropdown(trigger: HTMLElement, panel: HTMLElement, onOpen?: () => void): Dropdown {
  panel.hidden = true
  trigger.setAttribute('aria-expanded', 'false')
  trigger.setAttribute('aria-haspopup', 'dialog')
  const inside = (target: EventTarget | null): boolean =>
    target instanceof Node && (panel.contains(target) || trigger.contains(target))

  const close = (): void => {
    if (panel.hidden) return
    const hadFocus = panel.contains(document.activeElement)
    panel.hidden = true
    trigger.setAttribute('aria-expanded', 'false')
    if (hadFocus) trigger.focus()
  }
  const open = (): void => {
    panel.hidden = false
    trigger.setAttribute('aria-expanded', 'true')
    onOpen?.()
    const first = panel.querySelector<HTMLElement>('input, button, a, select, [tabindex]')
    first?.focus()
  }
  trigger.addEventListener('click', () => (panel.hidden ? open() : close()))
  document.addEventListener('pointerdown', (event) => {
    if (!inside(event.target)) close()
  })
  panel.addEventListener('focusout', (event) => {
    if (event.relatedTarget !== null && !inside(event.relatedTarget)) close()
  })
  for (const element of [panel, trigger]) {
    element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || panel.hidden) return
      event.stopPropagation()
      close()
    })
  }
  return { open, close }
}
