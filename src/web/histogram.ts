import type { Bucket } from './api.ts'
import { fill, h, svg } from './dom.ts'
import { showDuration, showTime } from './time.ts'

export interface Histogram {
  show(data: HistogramData | undefined): void
}

export interface HistogramData {
  readonly buckets: readonly Bucket[]
  /** Of those, the events that a rule tagged; undefined until they are counted. */
  readonly signals: readonly Bucket[] | undefined
  readonly zone: string
}

const HEIGHT = 72

/**
 * Counts over time. A drag over it narrows the range. By keyboard it is a slider over the buckets: arrows move, Shift with
 * arrows widens the selection, Enter zooms into it.
 */
export function histogram(
  holder: HTMLElement,
  onZoom: (range: { readonly fromMs: number; readonly toMs: number }) => void,
): Histogram {
  const chart = h('div', {
    class: 'chart',
    attrs: { role: 'slider', tabindex: '0', 'aria-label': 'Events over time' },
  })
  const axis = h('div', { class: 'axis', attrs: { 'aria-hidden': 'true' } })
  const readout = h('div', { class: 'readout', attrs: { 'aria-hidden': 'true' } })
  holder.append(chart, axis, readout)
  let data: HistogramData | undefined
  let anchor = 0
  let active = 0
  let dragging = false
  let touched = false

  const last = (): number => (data?.buckets.length ?? 1) - 1
  const draw = (): void => {
    const empty = data === undefined || data.buckets.length === 0
    holder.classList.toggle('empty', empty)
    if (data === undefined || empty) return fill(chart)
    fill(
      chart,
      drawing(data, touched ? { from: Math.min(anchor, active), to: Math.max(anchor, active) } : undefined),
    )
    const text = describe(data, Math.min(anchor, active), Math.max(anchor, active))
    readout.textContent = touched ? text : scale(data)
    chart.setAttribute('aria-valuemin', '0')
    chart.setAttribute('aria-valuemax', String(last()))
    chart.setAttribute('aria-valuenow', String(active))
    chart.setAttribute('aria-valuetext', text)
  }
  const zoom = (): void => {
    const [from, to] = [data?.buckets[Math.min(anchor, active)], data?.buckets[Math.max(anchor, active)]]
    if (from !== undefined && to !== undefined) onZoom({ fromMs: from.fromMs, toMs: to.toMs })
  }
  const clear = (): void => {
    touched = false
    anchor = active
    draw()
  }
  const bucketAt = (event: PointerEvent): number => {
    const box = chart.getBoundingClientRect()
    const share = (event.clientX - box.left) / Math.max(1, box.width)
    return Math.min(last(), Math.max(0, Math.floor(share * (last() + 1))))
  }

  chart.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || data === undefined) return
    chart.setPointerCapture(event.pointerId)
    dragging = true
    touched = true
    anchor = active = bucketAt(event)
    draw()
  })
  chart.addEventListener('pointermove', (event) => {
    if (data === undefined || (!dragging && event.pointerType === 'touch')) return
    active = bucketAt(event)
    if (!dragging) anchor = active
    touched = true
    draw()
  })
  chart.addEventListener('pointerup', () => {
    if (!dragging) return
    dragging = false
    zoom()
  })
  chart.addEventListener('pointercancel', () => {
    dragging = false
    clear()
  })
  chart.addEventListener('pointerleave', () => {
    if (!dragging && document.activeElement !== chart) clear()
  })
  chart.addEventListener('blur', clear)
  chart.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity }[
      event.key
    ]
    if (step !== undefined) {
      touched = true
      active = Math.min(last(), Math.max(0, active + step))
      if (!event.shiftKey) anchor = active
      draw()
    } else if (event.key === 'Enter') zoom()
    else if (event.key === 'Escape' && touched) clear()
    else return
    event.preventDefault()
    event.stopPropagation()
  })

  return {
    show(next) {
      if (
        next?.buckets.length !== data?.buckets.length ||
        next?.buckets[0]?.fromMs !== data?.buckets[0]?.fromMs
      ) {
        anchor = active = Math.max(0, (next?.buckets.length ?? 1) - 1)
        touched = false
      }
      data = next
      fillAxis(axis, next)
      draw()
    },
  }
}

function drawing(
  data: HistogramData,
  selection: { readonly from: number; readonly to: number } | undefined,
): SVGElement {
  const { buckets } = data
  const highest = Math.max(1, ...buckets.map((bucket) => bucket.count))
  const bars: SVGElement[] = []
  if (selection !== undefined) {
    bars.push(
      svg('rect', {
        class: 'selection',
        x: selection.from,
        y: 0,
        width: selection.to - selection.from + 1,
        height: HEIGHT,
      }),
    )
  }
  const bar = (index: number, count: number, name: string): void => {
    if (count === 0) return
    // One event among a million is still seen: a bar is at least two pixels high.
    const height = Math.max(2, (count / highest) * (HEIGHT - 4))
    bars.push(svg('rect', { class: name, x: index + 0.08, y: HEIGHT - height, width: 0.84, height }))
  }
  for (const [index, bucket] of buckets.entries()) bar(index, bucket.count, 'bar')
  for (const [index, bucket] of (data.signals ?? []).entries()) bar(index, bucket.count, 'bar signals')
  const attrs = {
    viewBox: `0 0 ${buckets.length} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
    focusable: 'false',
  }
  return svg('svg', attrs, ...bars)
}

function describe(data: HistogramData, from: number, to: number): string {
  const chosen = data.buckets.slice(from, to + 1)
  const total = sum(chosen)
  const signals = sum((data.signals ?? []).slice(from, to + 1))
  const start = showTime(chosen[0]?.fromMs ?? 0, data.zone).replace(/\.000$/u, '')
  const end = showTime(chosen.at(-1)?.toMs ?? 0, data.zone)
    .slice(11)
    .replace(/\.000$/u, '')
  const said = `${start} – ${end}: ${total.toLocaleString('en-US')} event${total === 1 ? '' : 's'}`
  return signals === 0 ? said : `${said}, ${signals.toLocaleString('en-US')} with a signal`
}

/** What a bar is, while none is pointed at. */
function scale(data: HistogramData): string {
  const first = data.buckets[0]
  const highest = Math.max(...data.buckets.map((bucket) => bucket.count))
  return first === undefined || highest === 0
    ? ''
    : `a bar is ${showDuration(first.toMs - first.fromMs)} · highest ${highest.toLocaleString('en-US')}`
}

function sum(buckets: readonly Bucket[]): number {
  return buckets.reduce((total, bucket) => total + bucket.count, 0)
}

/** Five times, evenly spread; as short as the range allows. */
function fillAxis(axis: HTMLElement, data: HistogramData | undefined): void {
  const first = data?.buckets[0]
  const end = data?.buckets.at(-1)
  if (data === undefined || first === undefined || end === undefined) return fill(axis)
  const spanMs = end.toMs - first.fromMs
  const shown = (ms: number): string => {
    const full = showTime(ms, data.zone)
    if (spanMs > 2 * 86_400_000) return full.slice(5, 16)
    return spanMs > 600_000 ? full.slice(11, 16) : full.slice(11, 19)
  }
  fill(axis, ...[0, 0.25, 0.5, 0.75, 1].map((share) => h('span', {}, shown(first.fromMs + spanMs * share))))
}
