import { button, fill, h } from './dom.ts'
import { dropdown } from './dropdown.ts'
import { isRelative, QUICK_RANGES, readRange, readTime, showRange, showTime } from './time.ts'

export interface TimeChoice {
  readonly from: string
  readonly to: string
  readonly zone: string
}

export interface TimePicker {
  set(choice: TimeChoice): void
}

/** Quick ranges, two bounds as text (`now-15m`, `09:00`, `2026-11-24 09:00`), and the zone in which all times are read and shown. */
export function timePicker(holder: HTMLElement, onChoose: (choice: TimeChoice) => void): TimePicker {
  let choice: TimeChoice = { from: 'now-1h', to: 'now', zone: 'UTC' }
  const label = h('span', {})
  const zoneLabel = h('span', { class: 'zone' })
  const trigger = h(
    'button',
    { class: 'time-button', attrs: { type: 'button', 'aria-label': 'Time range' } },
    label,
    zoneLabel,
  )
  const from = h('input', { attrs: { id: 'time-from', autocomplete: 'off', spellcheck: 'false' } })
  const to = h('input', { attrs: { id: 'time-to', autocomplete: 'off', spellcheck: 'false' } })
  const problem = h('p', { class: 'field-error', attrs: { role: 'alert' } })
  const zones = zoneSelect((zone) => choose({ ...choice, zone }))
  const form = h(
    'form',
    { class: 'absolute' },
    h('label', { attrs: { for: 'time-from' } }, 'From'),
    from,
    h('label', { attrs: { for: 'time-to' } }, 'To (not included)'),
    to,
    h('p', { class: 'hint' }, '09:00 · 2026-11-24 09:00 · 2026-11-24T09:00:00Z · now-15m'),
    problem,
    h('button', { class: 'primary', attrs: { type: 'submit' } }, 'Show this range'),
    h('label', { attrs: { for: 'time-zone' } }, 'Zone for reading and showing times'),
    zones,
  )
  const quick = h(
    'div',
    { class: 'quick', attrs: { role: 'group', 'aria-label': 'Quick ranges' } },
    ...QUICK_RANGES.map((range) =>
      button(range.label, () => choose({ ...choice, from: range.from, to: 'now' })),
    ),
  )
  const panel = h(
    'div',
    { class: 'panel time-panel', attrs: { role: 'dialog', 'aria-label': 'Time range' } },
    quick,
    form,
  )
  const menu = dropdown(trigger, panel, () => fillForm())
  holder.append(trigger, panel)

  const choose = (next: TimeChoice): void => {
    menu.close()
    onChoose(next)
  }
  const fillForm = (): void => {
    from.value = editable(choice.from, choice.zone)
    to.value = editable(choice.to, choice.zone)
    fill(problem)
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const next = { from: from.value, to: to.value, zone: choice.zone }
    const wrong = mistake(next)
    fill(problem, wrong)
    if (wrong === undefined)
      choose({ ...next, from: stored(next.from, choice.zone), to: stored(next.to, choice.zone) })
  })
  return {
    set(next) {
      choice = next
      label.textContent = showRange(next)
      zoneLabel.textContent = next.zone
      zones.value = next.zone
    },
  }
}

function mistake(choice: TimeChoice): string | undefined {
  const nowMs = Date.now()
  for (const bound of [choice.from, choice.to]) {
    if (readTime(bound, { nowMs, zone: choice.zone }) === undefined)
      return `“${bound}” is not a time. Write 2026-11-24 09:00 or now-15m.`
  }
  return readRange(choice, nowMs) === undefined ? 'The range ends before it begins.' : undefined
}

/** What goes into the address: relative as typed, absolute in UTC, so that the link means the same in every zone. */
function stored(bound: string, zone: string): string {
  if (isRelative(bound)) return bound.trim()
  return new Date(readTime(bound, { nowMs: Date.now(), zone }) ?? 0).toISOString()
}

function editable(bound: string, zone: string): string {
  const ms = isRelative(bound) ? undefined : readTime(bound, { nowMs: Date.now(), zone })
  return ms === undefined ? bound : showTime(ms, zone)
}

function zoneSelect(onChange: (zone: string) => void): HTMLSelectElement {
  const local = new Intl.DateTimeFormat().resolvedOptions().timeZone
  const others = Intl.supportedValuesOf('timeZone').filter((zone) => zone !== local && zone !== 'UTC')
  const option = (zone: string, label = zone): HTMLOptionElement =>
    h('option', { attrs: { value: zone } }, label)
  const first = local === 'UTC' ? [] : [option(local, `${local} (this browser)`)]
  const select = h(
    'select',
    { attrs: { id: 'time-zone' } },
    option('UTC'),
    ...first,
    ...others.map((zone) => option(zone)),
  )
  select.addEventListener('change', () => onChange(select.value))
  return select
}
