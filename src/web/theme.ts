const KEY = 'decklog.theme'
const ORDER = ['auto', 'light', 'dark'] as const
type Theme = (typeof ORDER)[number]

/** `auto` follows the system; the button goes round auto, light, dark. */
export function themeSwitch(trigger: HTMLElement): void {
  let theme = stored()
  const apply = (): void => {
    if (theme === 'auto') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = theme
    trigger.textContent = theme
    trigger.setAttribute('aria-label', `Colours: ${theme}`)
  }
  trigger.addEventListener('click', () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? 'auto'
    try {
      localStorage.setItem(KEY, theme)
    } catch {
      // A browser that keeps nothing still switches for this visit.
    }
    apply()
  })
  apply()
}

function stored(): Theme {
  try {
    const text = localStorage.getItem(KEY)
    return ORDER.find((one) => one === text) ?? 'auto'
  } catch {
    return 'auto'
  }
}
