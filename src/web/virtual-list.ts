/**
 * A scrolling list of any length of which only the visible rows are elements. All rows have the same height, given by the
 * CSS property `--row` of the scroller, so that a media query can change it.
 */
export interface VirtualList {
  /** Shows `count` rows. `keep`: rows that are drawn already stay as they are (only the end grew). */
  setCount(count: number, options?: { readonly keep?: boolean }): void
  redraw(): void
  /** Scrolls as little as needed; what sticks to the top of the scroller (its head) hides nothing. */
  reveal(index: number): void
  atTop(): boolean
  toTop(): void
}

export interface VirtualListOptions {
  readonly scroller: HTMLElement
  readonly makeRow: (index: number) => HTMLElement
  /** The rows that are shown now, for loading more in time. */
  readonly onWindow: (first: number, last: number) => void
  readonly onScroll?: () => void
}

const OVERSCAN_ROWS = 8

export function virtualList(options: VirtualListOptions): VirtualList {
  const { scroller } = options
  const rail = document.createElement('div')
  rail.className = 'rail'
  rail.setAttribute('role', 'rowgroup')
  scroller.append(rail)
  const drawn = new Map<number, HTMLElement>()
  let count = 0
  let rowPx = 24
  let scheduled = false

  const draw = (): void => {
    scheduled = false
    const first = Math.max(0, Math.floor(scroller.scrollTop / rowPx) - OVERSCAN_ROWS)
    const last = Math.min(
      count,
      Math.ceil((scroller.scrollTop + scroller.clientHeight) / rowPx) + OVERSCAN_ROWS,
    )
    for (const [index, element] of drawn) {
      if (index >= first && index < last) continue
      element.remove()
      drawn.delete(index)
    }
    for (let index = first; index < last; index++) if (!drawn.has(index)) place(index)
    options.onWindow(first, last)
  }
  const place = (index: number): void => {
    const element = options.makeRow(index)
    element.style.setProperty('transform', `translateY(${index * rowPx}px)`)
    drawn.set(index, element)
    rail.append(element)
  }
  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    requestAnimationFrame(draw)
  }
  const measure = (): void => {
    rowPx = Number.parseFloat(getComputedStyle(scroller).getPropertyValue('--row')) || 24
    rail.style.setProperty('height', `${count * rowPx}px`)
  }
  const redraw = (): void => {
    for (const element of drawn.values()) element.remove()
    drawn.clear()
    measure()
    draw()
  }
  scroller.addEventListener('scroll', () => {
    schedule()
    options.onScroll?.()
  })
  new ResizeObserver(redraw).observe(scroller)

  return {
    setCount(next, { keep = false } = {}) {
      count = next
      if (!keep) return redraw()
      measure()
      draw()
    },
    redraw,
    reveal(index) {
      const top = index * rowPx
      if (top < scroller.scrollTop) scroller.scrollTop = top
      const below = rail.offsetTop + top + rowPx - scroller.clientHeight
      if (top >= scroller.scrollTop && below > scroller.scrollTop) scroller.scrollTop = below
      draw()
    },
    atTop: () => scroller.scrollTop < rowPx / 2,
    toTop() {
      scroller.scrollTop = 0
    },
  }
}
