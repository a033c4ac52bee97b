import type { Completeness, Total } from './api.ts'
import { type CompletenessSummary, summarise } from './completeness.ts'
import { button, fill, h } from './dom.ts'
import { dropdown } from './dropdown.ts'
import { count } from './render.ts'
import { plain } from './safe-text.ts'
import { showDuration, showTime } from './time.ts'

export interface SummaryData {
  readonly total: Total
  readonly loaded: number
  readonly completeness: Completeness | undefined
  readonly tookMs: number | undefined
  readonly range: { readonly toMs: number }
  readonly zone: string
  readonly askedMs: number
}

export interface Summary {
  show(data: SummaryData): void
  live(text: string): void
  failed(): void
}

/** A node that said nothing for this long is worth a second look. */
const LAG_MS_CALM = 120_000

/** The header of an answer: how much was found, up to when it is complete, and what is known to be missing. Never a silent cap. */
export function summary(holder: HTMLElement, onCountExactly: () => void): Summary {
  const counts = h('div', { class: 'counts', attrs: { role: 'status' } })
  const trust = h('button', { class: 'trust', attrs: { type: 'button' } })
  const panel = h('div', {
    class: 'panel trust-panel',
    attrs: { role: 'dialog', 'aria-label': 'Completeness by class' },
  })
  const trustHolder = h('div', { class: 'dropdown' }, trust, panel)
  dropdown(trust, panel)
  holder.append(counts, trustHolder)

  return {
    show(data) {
      fill(counts, ...countText(data, onCountExactly))
      trustHolder.hidden = data.completeness === undefined
      if (data.completeness === undefined) return
      const whole = summarise(data.completeness)
      trust.className = `trust ${standing(whole, data.askedMs)}`
      fill(trust, ...sentence(whole, data))
      fill(panel, table(data.completeness), explanation())
    },
    live(text) {
      trustHolder.hidden = true
      fill(counts, h('strong', { class: 'live-dot' }, 'Live'), ` ${text}`)
    },
    failed() {
      trustHolder.hidden = true
      fill(counts)
    },
  }
}

function countText(data: SummaryData, onCountExactly: () => void): (Node | string | false)[] {
  const { total } = data
  const atLeast = total.relation === 'gte'
  const words = total.value === 1 && !atLeast ? 'event' : 'events'
  return [
    atLeast && 'at least ',
    h('strong', {}, count(total.value)),
    ` ${words}`,
    atLeast && button('count exactly', onCountExactly, { class: 'link' }),
    total.value > 0 &&
      h(
        'span',
        { class: 'dim' },
        data.loaded >= total.value && !atLeast ? ' · all loaded' : ` · newest ${count(data.loaded)} loaded`,
      ),
    data.tookMs !== undefined &&
      h('span', { class: 'dim took' }, ` · ${showDuration(Math.max(1, data.tookMs))}`),
  ]
}

type Standing = 'good' | 'warn' | 'bad'

function standing(whole: CompletenessSummary, nowMs: number): Standing {
  if (whole.undeclaredGaps > 0) return 'bad'
  const behind = whole.slowest !== undefined && nowMs - whole.slowest.newestMs > LAG_MS_CALM
  return whole.declaredLost + whole.lossesWithoutSeq > 0 || whole.accounted < whole.expected || behind
    ? 'warn'
    : 'good'
}

function sentence(whole: CompletenessSummary, data: SummaryData): (Node | string)[] {
  const parts: (Node | string)[] = []
  const say = (text: string, kind = ''): void => {
    if (parts.length > 0) parts.push(h('span', { class: 'sep', attrs: { 'aria-hidden': 'true' } }, '·'))
    parts.push(h('span', { class: kind }, text))
  }
  if (whole.slowest === undefined) say('no stream in this range')
  else if (whole.slowest.newestMs >= data.range.toMs) say('complete for this range')
  else {
    say(`complete to ${showTime(whole.slowest.newestMs, data.zone).slice(11, 19)}`)
    const lag = showDuration(data.askedMs - whole.slowest.newestMs)
    say(`${whole.nodes === 1 ? 'node' : 'slowest node'} ${plain(whole.slowest.node)}, ${lag} ago`)
  }
  const pending = whole.expected - whole.accounted
  if (pending > 0) say(`${count(pending)} on the way`, 'amber')
  const isWhole = whole.declaredLost === 0 && whole.lossesWithoutSeq === 0
  if (isWhole) say('no declared loss')
  if (whole.declaredLost > 0) say(`${count(whole.declaredLost)} declared lost`, 'amber')
  if (whole.lossesWithoutSeq > 0)
    say(
      `${count(whole.lossesWithoutSeq)} loss${whole.lossesWithoutSeq === 1 ? '' : 'es'} of unknown extent`,
      'amber',
    )
  if (whole.undeclaredGaps > 0)
    say(`${count(whole.undeclaredGaps)} undeclared gap${whole.undeclaredGaps === 1 ? '' : 's'}`, 'red')
  return parts
}

function table(completeness: Completeness): HTMLElement {
  const heads = [
    'class',
    'streams',
    'expected',
    'stored',
    'joined',
    'skipped',
    'declared lost',
    'undeclared gaps',
  ]
  const rows = completeness.classes.map((one) => {
    const numbers = [
      one.streams,
      one.expected,
      one.stored,
      one.joined,
      one.skipped,
      one.declaredLost,
      one.undeclaredGaps,
    ]
    return h(
      'tr',
      {},
      h('th', { attrs: { scope: 'row' } }, plain(one.class)),
      ...numbers.map((value) => h('td', {}, count(value))),
    )
  })
  const head = h('tr', {}, ...heads.map((name) => h('th', { attrs: { scope: 'col' } }, name)))
  return h(
    'div',
    { class: 'wide', attrs: { tabindex: '0', role: 'region', 'aria-label': 'Counts by class' } },
    h('table', {}, h('thead', {}, head), h('tbody', {}, ...rows)),
  )
}

function explanation(): HTMLElement {
  return h(
    'p',
    { class: 'hint' },
    'Each record of a stream is stored, joined into another event, skipped by a rule of its pipeline, or declared lost with a reason. ',
    'What is none of these is a gap that nobody declared.',
  )
}
