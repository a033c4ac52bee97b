import { button, h } from './dom.ts'
import { type EventDocument, messageOf, placeOf, signalOf, valueOf } from './event.ts'
import { logText } from './render.ts'
import { signalChip } from './row-view.ts'
import { plain } from './safe-text.ts'
import { showStamp } from './time.ts'

/** Lines before and after, that can be chosen. */
export const CONTEXT_SIZES = [5, 20, 100, 400] as const
const LINE_CHARS = 2000

export interface ContextOptions {
  readonly id: string
  readonly hits: readonly EventDocument[]
  readonly zone: string
  readonly size: number
  readonly onSize: (size: number) => void
  readonly onOpen: (id: string) => void
  readonly onCopy: (text: string, what: string) => void
}

/**
 * What happened on this stream just before and after, by `seq`, whatever the search was. Where records between two events
 * have no event of their own (joined, skipped, lost), the gap is shown: nothing is left out silently.
 */
export function contextView(options: ContextOptions): HTMLElement {
  const { hits } = options
  const place = hits[0] === undefined ? undefined : placeOf(hits[0])
  const sizes = h(
    'select',
    { attrs: { id: 'context-size' } },
    ...CONTEXT_SIZES.map((size) => h('option', { attrs: { value: String(size) } }, String(size))),
  )
  sizes.value = String(options.size)
  sizes.addEventListener('change', () => options.onSize(Number(sizes.value)))
  const list = h('ol', { class: 'context' })
  let previous: EventDocument | undefined
  for (const hit of hits) {
    const gap = gapBetween(previous, hit)
    if (gap !== undefined) list.append(h('li', { class: 'gap' }, gap))
    list.append(line(hit, options))
    previous = hit
  }
  if (hits.length <= 1) list.append(h('li', { class: 'gap' }, 'This stream has no other event.'))
  return h(
    'div',
    {},
    h(
      'div',
      { class: 'context-head' },
      h('label', { attrs: { for: 'context-size' } }, 'Before and after'),
      sizes,
      button('copy these lines', () => options.onCopy(asText(hits, options.zone), `${hits.length} lines`), {
        class: 'link',
      }),
      h(
        'span',
        { class: 'hint stream', title: place === undefined ? '' : plain(place.stream) },
        'same stream, by seq, filters not applied',
      ),
    ),
    list,
  )
}

/** Brings the open event into the middle of what is seen. */
export function revealCurrent(view: HTMLElement): void {
  view.querySelector('.current')?.scrollIntoView({ block: 'center' })
}

function line(hit: EventDocument, options: ContextOptions): HTMLElement {
  const current = hit.id === options.id
  const signal = signalOf(hit)
  const time = showStamp(valueOf(hit, '@timestamp') ?? '', options.zone)
  const item = h(
    'li',
    {
      class: `${current ? 'current' : ''} ${signal === undefined ? '' : `signal level-${signal.level ?? 'unknown'}`}`,
    },
    button(String(placeOf(hit)?.first ?? '·'), () => options.onOpen(hit.id), {
      class: 'seq',
      label: `Open seq ${placeOf(hit)?.first ?? ''}`,
    }),
    h('span', { class: 'time', title: plain(time) }, plain(time.slice(11, 23))),
    h(
      'span',
      { class: 'log' },
      signal !== undefined && signalChip(signal),
      logText(messageOf(hit).slice(0, LINE_CHARS)),
    ),
  )
  if (current) item.setAttribute('aria-current', 'true')
  return item
}

function gapBetween(previous: EventDocument | undefined, next: EventDocument): string | undefined {
  const before = previous === undefined ? undefined : placeOf(previous)
  const after = placeOf(next)
  if (before === undefined || after === undefined || after.first <= before.last + 1) return undefined
  const [first, last] = [before.last + 1, after.first - 1]
  return first === last
    ? `seq ${first} has no event of its own`
    : `seq ${first}–${last}: ${last - first + 1} records without an event of their own`
}

function asText(hits: readonly EventDocument[], zone: string): string {
  return hits
    .map((hit) => `${showStamp(valueOf(hit, '@timestamp') ?? '', zone)} ${messageOf(hit)}`)
    .join('\n')
}
