import { isAborted } from './api.ts'
import { contextView, revealCurrent } from './context-view.ts'
import { type DetailActions, detailFields } from './detail-fields.ts'
import { detailRaw } from './detail-raw.ts'
import { button, fill, h } from './dom.ts'
import { type EventDocument, originOf, pretty, signalOf, valueOf } from './event.ts'
import type { Highlights } from './highlight.ts'
import { longText } from './render.ts'
import { signalChip } from './row-view.ts'
import { plain, short } from './safe-text.ts'
import { showStamp } from './time.ts'

const TABS = ['Fields', 'Context', 'JSON', 'Raw'] as const
type Tab = (typeof TABS)[number]

export interface Detail {
  /** Shows an event: at once what is known of it, then all of it. */
  open(id: string, known: EventDocument | undefined): void
  close(): void
  openId(): string | undefined
  /** Steps along the stream of the open event, whatever the search was. */
  step(by: -1 | 1): void
  zone(zone: string): void
  highlights(highlights: Highlights): void
  focus(): void
}

export interface DetailOptions extends DetailActions {
  readonly holder: HTMLElement
  readonly load: (id: string, signal: AbortSignal) => Promise<EventDocument>
  readonly loadContext: (id: string, size: number, signal: AbortSignal) => Promise<readonly EventDocument[]>
  /** The open event changed (undefined: closed), by stepping or by choosing a line of the context. */
  readonly onOpened: (id: string | undefined) => void
  readonly onPivot: (field: string, value: string) => void
  readonly onShare: () => void
}

const PIVOTS = [
  ['source.ip', 'everything from this address'],
  ['user.name', 'everything by this user'],
  ['kubernetes.pod.name', 'everything of this pod'],
  ['host.name', 'everything on this node'],
] as const

export function detail(options: DetailOptions): Detail {
  const { holder } = options
  const head = h('div', { class: 'detail-head' })
  const body = h('div', {
    class: 'detail-body',
    attrs: { tabindex: '0', role: 'tabpanel', id: 'detail-panel' },
  })
  const tabs = tabList((tab) => {
    current = tab
    draw()
  })
  fill(holder, head, tabs.element, body)
  holder.hidden = true
  let id: string | undefined
  let shown: EventDocument | undefined
  let neighbours: readonly EventDocument[] | undefined
  let current: Tab = 'Fields'
  let size = 20
  let zone = 'UTC'
  let highlights: Highlights = { message: undefined, field: () => undefined }
  let asking = new AbortController()

  const draw = (): void => {
    tabs.select(current)
    if (shown === undefined || id === undefined) return fill(body, h('p', { class: 'hint' }, 'loading…'))
    fill(head, ...heading(shown, zone, options, { close, step }))
    if (current === 'Fields')
      fill(body, pivots(shown, options), detailFields(shown, { actions: options, highlights, zone }))
    if (current === 'JSON') fill(body, copyLine(shown), longText(pretty(shown), { class: 'boxed' }))
    if (current === 'Raw') fill(body, detailRaw(shown))
    if (current === 'Context') drawContext()
  }
  const drawContext = (): void => {
    if (id === undefined) return
    if (neighbours === undefined) return fill(body, h('p', { class: 'hint' }, 'loading…'))
    const view = contextView({
      id,
      hits: neighbours,
      zone,
      size,
      onOpen: goTo,
      onCopy: options.onCopy,
      onSize: resize,
    })
    fill(body, view)
    revealCurrent(view)
  }
  const copyLine = (document: EventDocument): HTMLElement =>
    h(
      'div',
      { class: 'tab-acts' },
      button('copy JSON', () => options.onCopy(pretty(document), 'JSON'), { class: 'link' }),
    )
  const resize = (next: number): void => {
    size = next
    void loadContext()
  }
  const goTo = (next: string): void => {
    open(
      next,
      neighbours?.find((hit) => hit.id === next),
    )
    options.onOpened(next)
  }
  const open = (next: string, known: EventDocument | undefined): void => {
    holder.hidden = false
    const inWindow = neighbours?.some((hit) => hit.id === next) === true
    id = next
    shown = known ?? shown
    asking.abort()
    asking = new AbortController()
    if (!inWindow) neighbours = undefined
    draw()
    void load(next, asking.signal)
    void loadContext(asking.signal)
  }
  const load = async (wanted: string, signal: AbortSignal): Promise<void> => {
    try {
      shown = await options.load(wanted, signal)
      if (current !== 'Context') draw()
      else fill(head, ...heading(shown, zone, options, { close, step }))
    } catch (error) {
      fail(error)
    }
  }
  const loadContext = async (signal = asking.signal): Promise<void> => {
    if (id === undefined) return
    try {
      neighbours = await options.loadContext(id, size, signal)
      if (current === 'Context') drawContext()
    } catch (error) {
      if (current === 'Context') fail(error)
    }
  }
  const fail = (error: unknown): void => {
    if (isAborted(error)) return
    const said = error instanceof Error ? error.message : 'unknown'
    fill(body, h('p', { class: 'field-error', attrs: { role: 'alert' } }, plain(said)))
  }
  const close = (): void => {
    if (id === undefined) return
    asking.abort()
    id = undefined
    shown = undefined
    neighbours = undefined
    holder.hidden = true
    options.onOpened(undefined)
  }
  const step = (by: -1 | 1): void => {
    current = 'Context'
    const index = neighbours?.findIndex((hit) => hit.id === id) ?? -1
    const next = index < 0 ? undefined : neighbours?.[index + by]
    if (next === undefined) draw()
    else goTo(next.id)
  }

  return {
    open,
    close,
    openId: () => id,
    step,
    zone(next) {
      zone = next
      if (id !== undefined) draw()
    },
    highlights(next) {
      highlights = next
    },
    focus: () => body.focus({ preventScroll: true }),
  }
}

function heading(
  document: EventDocument,
  zone: string,
  options: DetailOptions,
  acts: { close: () => void; step: (by: -1 | 1) => void },
): HTMLElement[] {
  const signal = signalOf(document)
  const stamp = showStamp(valueOf(document, '@timestamp') ?? '', zone)
  const title = h(
    'div',
    { class: 'detail-title' },
    h('h2', {}, short(stamp), h('span', { class: 'zone' }, zone)),
    h('p', {}, short(originOf(document))),
  )
  const tools = h(
    'div',
    { class: 'tools' },
    button('[', () => acts.step(-1), {
      label: 'Previous event of this stream',
      title: 'Previous event of this stream ( [ )',
    }),
    button(']', () => acts.step(1), {
      label: 'Next event of this stream',
      title: 'Next event of this stream ( ] )',
    }),
    button('link', options.onShare, { label: 'Copy a link to this event' }),
    button('×', acts.close, { label: 'Close the event', title: 'Close ( Esc )' }),
  )
  const line = h('div', { class: 'detail-line' }, title, tools)
  return signal === undefined
    ? [line]
    : [
        line,
        h(
          'div',
          { class: 'detail-signal' },
          signalChip(signal),
          h(
            'span',
            {},
            short(
              [...signal.tactics, ...signal.techniques.map((one) => `${one.id} ${one.name}`)].join(' · '),
            ),
          ),
        ),
      ]
}

function pivots(document: EventDocument, options: DetailOptions): HTMLElement {
  const buttons = PIVOTS.flatMap(([field, label]) => {
    const value = valueOf(document, field)
    return value === undefined || value === ''
      ? []
      : [button(label, () => options.onPivot(field, value), { title: `${field}: ${short(value)}` })]
  })
  return h('div', { class: 'pivots', attrs: { role: 'group', 'aria-label': 'Look further' } }, ...buttons)
}

function tabList(onSelect: (tab: Tab) => void): { element: HTMLElement; select: (tab: Tab) => void } {
  const buttons = TABS.map((tab) => {
    const one = button(tab, () => onSelect(tab))
    one.setAttribute('role', 'tab')
    one.setAttribute('aria-controls', 'detail-panel')
    return one
  })
  const element = h(
    'div',
    { class: 'tabs', attrs: { role: 'tablist', 'aria-label': 'Views of the event' } },
    ...buttons,
  )
  element.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    const at = buttons.indexOf(event.target as HTMLButtonElement)
    if (step === undefined || at < 0) return
    const next = (at + step + TABS.length) % TABS.length
    onSelect(TABS[next]!)
    buttons[next]!.focus()
    event.stopPropagation()
  })
  return {
    element,
    select(tab) {
      for (const [index, one] of buttons.entries()) {
        one.setAttribute('aria-selected', String(TABS[index] === tab))
        one.tabIndex = TABS[index] === tab ? 0 : -1
      }
    },
  }
}
