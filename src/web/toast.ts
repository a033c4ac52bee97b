const SHOWN_MS = 5000

/** A short word at the edge of the page, also read out by a screen reader. */
export function toaster(element: HTMLElement): (text: string) => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  return (text) => {
    element.textContent = text
    element.classList.add('shown')
    clearTimeout(timer)
    timer = setTimeout(() => element.classList.remove('shown'), SHOWN_MS)
  }
}
