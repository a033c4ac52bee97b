import * as api from './api.ts'
import { drawChips } from './chips.ts'
import { copyText } from './clipboard.ts'
import { detail } from './detail.ts'
import { byId, button, fill, h } from './dom.ts'
import { type EventDocument, valueOf } from './event.ts'
import { exportMenu } from './export-menu.ts'
import { fieldsPane } from './fields-pane.ts'
import { helpDialog } from './help.ts'
import { highlights } from './highlight.ts'
import { histogram, type HistogramData } from './histogram.ts'
import { condition, SIGNAL_CLAUSE, hasClause, withCondition, withoutClause } from './kql-text.ts'
import { type KeyAction, listenForKeys } from './keys.ts'
import { liveTail, type TailState } from './live-tail.ts'
import { notices } from './notices.ts'
import { queryBar } from './query-bar.ts'
import { count } from './render.ts'
import { resultsTable } from './results-table.ts'
import type { Row } from './rows.ts'
import { type Asked, type Found, searching } from './searching.ts'
import { readStatus } from './status.ts'
import { summary } from './summary.ts'
import { themeSwitch } from './theme.ts'
import { readRange, showTime } from './time.ts'
import { timePicker } from './time-picker.ts'
import { toaster } from './toast.ts'
import { readView, shareable, type View, writeView } from './view.ts'

/** Wires the parts: a change of the view goes into the address, and from there to whatever it concerns. */
export function startPage(): void {
  let view: View = readView(location.search)
  let asked: Asked | undefined
  let found: Found | undefined
  let rows: readonly Row[] = []
  let shownBars: Omit<HistogramData, 'zone'> | undefined
  let knownFields: readonly api.FieldInfo[] = []
  let classes: readonly string[] = []
  let pausedByHand = false

  const toast = toaster(byId('toast'))
  const notice = notices(byId('notice'))
  const narrow = matchMedia('(max-width: 760px)')
  const liveButton = byId('live')
  const resume = byId('resume')
  const foot = byId('table-foot')

  // ---- parts -----------------------------------------------------------------------------------------------------

  const bar = queryBar({
    form: byId('query-form') as HTMLFormElement,
    input: byId('query') as HTMLTextAreaElement,
    list: byId('suggestions'),
    message: byId('query-message'),
    onRun: () => change({ query: bar.text() }, { search: true }),
    fields: () => knownFields,
    values: (field, prefix, signal) => api.values({ query: '', ...currentRange() }, { field, prefix, limit: 12, signal }),
  })
  const picker = timePicker(byId('time'), (choice) => change(choice, { search: true }))
  const bars = histogram(byId('histogram'), ({ fromMs, toMs }) => {
    const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()]
    change({ from, to }, { search: true })
  })
  const head = summary(byId('summary'), () => search.countExactly())
  const table = resultsTable({
    container: byId('results'),
    onOpen: (row) => openRow(row),
    onNeedMore: () => search.more(),
    onScroll: () => settlePause(),
    onRemoveColumn: (name) => toggleColumn(name),
  })
  const pane = fieldsPane({
    holder: byId('fields'),
    loadTop: (field, limit, signal) => api.top({ query: view.query, ...currentRange() }, { field, limit, signal }),
    onFilter: filter,
    onToggleColumn: toggleColumn,
  })
  const side = detail({
    holder: byId('detail'),
    load: async (id, signal) => (await api.event(id, signal)).event,
    loadContext: async (id, size, signal) => (await api.context(id, { before: size, after: size, signal })).hits,
    onOpened: (id) => {
      table.select(id)
      change({ open: id }, { replace: true })
      if (id === undefined) table.focus()
      document.body.classList.toggle('has-detail', id !== undefined)
      settlePause()
    },
    onFilter: filter,
    onToggleColumn: toggleColumn,
    onTop: (field) => {
      showFields(true)
      pane.reveal(field)
    },
    onCopy: (text, what) => void copyText(text).then((done) => toast(done ? `Copied: ${what}` : 'The browser does not allow copying here.')),
    onPivot: (field, value) => change({ query: condition(field, value) }, { search: true }),
    onShare: () => void share(),
  })
  const tail = liveTail(showTail, (message) => {
    change({ live: false }, { replace: true, search: true })
    toast(message)
  })
  const search = searching({
    buckets: () => Math.min(150, Math.max(30, Math.round(byId('histogram').clientWidth / 9))),
    onFound: showFound,
    onHistogram: (data) => {
      shownBars = data
      drawBars()
    },
    onProblem: (problem, first) => {
      document.body.classList.remove('is-searching')
      if (!first) return showFoot(`The next page did not come: ${problem.message}`, 'Try again', () => search.more())
      head.failed()
      showRows([], false)
      if (problem.position !== undefined || problem.status === 400) {
        bar.problem(problem)
        notice.clear()
      } else notice.failed(problem, () => run())
    },
  })
  exportMenu(byId('export'), () => ({
    question: { query: view.query, ...currentRange() },
    columns: view.columns,
    howMany: found === undefined ? 'events' : `${found.total.relation === 'gte' ? 'of at least ' : ''}${count(found.total.value)} events`,
  }))

  // ---- the view --------------------------------------------------------------------------------------------------

  function change(next: Partial<View>, how: { replace?: boolean; search?: boolean } = {}): void {
    view = { ...view, ...next }
    const address = `${location.pathname}${writeView(view)}`
    if (how.replace === true || address === `${location.pathname}${location.search}`) history.replaceState(null, '', address)
    else history.pushState(null, '', address)
    show(how.search === true)
  }

  function show(again: boolean): void {
    bar.set(view.query)
    picker.set(view)
    side.zone(view.zone)
    pane.setColumns(view.columns)
    liveButton.setAttribute('aria-pressed', String(view.live))
    document.body.classList.toggle('is-live', view.live)
    document.title = view.query === '' ? 'decklog' : `${view.query.slice(0, 80)} · decklog`
    drawChips(byId('chips'), { query: view.query, classes, onQuery: (query) => change({ query }, { search: true }) })
    if (again) run()
    else {
      setLook()
      drawBars()
      if (found !== undefined && !view.live) showHead(found)
    }
  }

  function run(): void {
    bar.problem(undefined)
    resume.hidden = true
    foot.hidden = true
    search.stop()
    tail.stop()
    if (view.live) {
      found = undefined
      pausedByHand = false
      tail.start(view.query)
      setLook()
      return
    }
    const nowMs = Date.now()
    const range = readRange(view, nowMs)
    if (range === undefined) return change({ from: 'now-1h', to: 'now' }, { replace: true, search: true })
    asked = { query: view.query, range, askedMs: nowMs }
    document.body.classList.add('is-searching')
    if (found === undefined) notice.loading()
    search.run(asked)
    pane.refresh()
  }

  function currentRange(): { fromMs: number; toMs: number } {
    return asked?.range ?? { fromMs: Date.now() - 3_600_000, toMs: Date.now() }
  }

  // ---- what came back --------------------------------------------------------------------------------------------

  function showFound(next: Found, first: boolean): void {
    found = next
    document.body.classList.remove('is-searching')
    showHead(next)
    foot.hidden = true
    if (next.full) showFoot(`${count(next.rows.length)} rows are loaded; more match.`, 'Load as many again', () => search.extend())
    showRows(next.rows, !first)
    if (!first) return
    bar.notes(next.notes)
    noteClasses(next.completeness)
    table.toTop()
    if (next.rows.length === 0) void explainEmpty(next.asked)
    else notice.clear()
  }

  function showHead(next: Found): void {
    const { total, completeness, tookMs } = next
    head.show({ total, completeness, tookMs, loaded: next.rows.length, range: next.asked.range, zone: view.zone, askedMs: next.asked.askedMs })
  }

  function showRows(next: readonly Row[], keep: boolean): void {
    rows = next
    if (!keep) setLook()
    table.show(rows, { keep })
    if (!keep) table.select(view.open)
  }

  function setLook(): void {
    const marks = highlights(view.query)
    side.highlights(marks)
    const range = currentRange()
    const day = (ms: number): string => showTime(ms, view.zone).slice(0, 10)
    table.look({ columns: view.columns, zone: view.zone, timeOnly: view.live || day(range.fromMs) === day(range.toMs - 1), highlights: marks })
  }

  function drawBars(): void {
    bars.show(shownBars === undefined ? undefined : { ...shownBars, zone: view.zone })
  }

  function noteClasses(completeness: api.Completeness | undefined): void {
    const names = completeness?.classes.map((one) => one.class) ?? []
    const merged = [...new Set([...classes, ...names])].sort()
    if (merged.length === classes.length) return
    classes = merged
    drawChips(byId('chips'), { query: view.query, classes, onQuery: (query) => change({ query }, { search: true }) })
  }

  async function explainEmpty(about: Asked): Promise<void> {
    const newest = async (query: string): Promise<EventDocument | undefined> =>
      (await api.search({ query }, { limit: 1, completeness: false })).hits[0]
    try {
      const last = await newest(about.query)
      const any = last ?? (about.query === '' ? undefined : await newest(''))
      if (asked !== about) return
      const lastMs = last === undefined ? undefined : Date.parse(valueOf(last, '@timestamp') ?? '')
      notice.empty({
        query: about.query,
        zone: view.zone,
        lastMs,
        anyEvent: any !== undefined,
        nowMs: about.askedMs,
        onClearQuery: () => change({ query: '' }, { search: true }),
        onWiden: () => change(widened(about, lastMs ?? about.askedMs), { search: true }),
      })
    } catch {
      notice.clear()
    }
  }

  // ---- live ------------------------------------------------------------------------------------------------------

  function showTail(state: TailState): void {
    if (!view.live) return
    const dropped = state.dropped === 0 ? 'nothing dropped' : `${count(state.dropped)} dropped`
    head.live(`${count(state.received)} received · ${dropped} · ${state.connected ? (state.paused ? 'paused' : 'following') : 'reconnecting…'}`)
    resume.hidden = !state.paused
    resume.textContent = `${count(state.waiting)} new · resume`
    if (rows === state.rows) return
    if (state.rows.length === 0) notice.liveEmpty(state.connected)
    else notice.clear()
    rows = state.rows
    table.show(rows)
    table.select(view.open)
  }

  /** A list that somebody reads stands still: scrolled away from the top, with an event open, or paused by hand. */
  function settlePause(): void {
    if (view.live) tail.pause(pausedByHand || !table.atTop() || side.openId() !== undefined)
  }

  // ---- deeds -----------------------------------------------------------------------------------------------------

  function filter(field: string, value: string, negated: boolean): void {
    change({ query: withCondition(view.query, condition(field, value), negated) }, { search: true })
  }

  function toggleColumn(name: string): void {
    const columns = view.columns.includes(name) ? view.columns.filter((one) => one !== name) : [...view.columns, name]
    change({ columns })
  }

  function openRow(row: Row): void {
    table.select(row.id)
    side.open(row.id, row.document)
    change({ open: row.id }, { replace: true })
    document.body.classList.add('has-detail')
    if (narrow.matches) side.focus()
    settlePause()
  }

  function step(by: number): void {
    const row = table.move(by)
    if (row !== undefined && side.openId() !== undefined) openRow(row)
  }

  function showFields(shown: boolean): void {
    document.body.classList.toggle('with-fields', shown)
    byId('fields-button').setAttribute('aria-expanded', String(shown))
  }

  async function share(): Promise<void> {
    const shared = shareable(view, asked?.askedMs ?? Date.now())
    const link = `${location.origin}${location.pathname}${writeView(shared)}`
    if (await copyText(link)) return toast('Link copied. Its time range is absolute: it shows the same next year.')
    change(shared, { replace: true })
    toast('The browser does not allow copying here. The address bar now holds the link.')
  }

  function showFoot(text: string, action: string, run: () => void): void {
    foot.hidden = false
    fill(foot, h('span', { attrs: { role: 'status' } }, text), button(action, run, { class: 'link' }))
  }

  const toggleLive = (): void => change({ live: !view.live }, { search: true })
  const toggleSignals = (): void => {
    const on = hasClause(view.query, SIGNAL_CLAUSE)
    change({ query: on ? withoutClause(view.query, SIGNAL_CLAUSE) : withCondition(view.query, SIGNAL_CLAUSE, false) }, { search: true })
  }
  const keys: readonly KeyAction[] = [
    { keys: ['/'], says: 'to the query', run: () => bar.focus() },
    { keys: ['j', 'ArrowDown'], says: 'next event', run: () => step(1) },
    { keys: ['k', 'ArrowUp'], says: 'previous event', run: () => step(-1) },
    {
      keys: ['Enter'],
      says: 'open the event',
      run: () => {
        const row = table.selected() ?? table.move(1)
        if (row !== undefined) openRow(row)
      },
    },
    { keys: ['['], says: 'the event before it in its stream', run: () => stepInStream(-1) },
    { keys: [']'], says: 'the event after it in its stream', run: () => stepInStream(1) },
    { keys: ['s'], says: 'signals only, or all', run: toggleSignals },
    { keys: ['l'], says: 'live view on or off', run: toggleLive },
    {
      keys: ['p'],
      says: 'hold the live view, or go on',
      run: () => {
        pausedByHand = !pausedByHand
        settlePause()
      },
    },
    { keys: ['Escape'], says: 'close what is open; leave the query', run: escape },
    { keys: ['?'], says: 'this sheet', run: () => openHelp() },
  ]
  const openHelp = helpDialog(byId('help') as HTMLDialogElement, keys)

  function stepInStream(by: -1 | 1): void {
    const row = table.selected()
    if (side.openId() === undefined && row !== undefined) openRow(row)
    side.step(by)
  }

  function escape(): void {
    if (document.activeElement === byId('query')) return table.focus()
    if (document.body.classList.contains('with-fields') && narrow.matches) return showFields(false)
    side.close()
  }

  // ---- start -----------------------------------------------------------------------------------------------------

  themeSwitch(byId('theme'))
  listenForKeys(keys)
  liveButton.addEventListener('click', toggleLive)
  byId('help-button').addEventListener('click', openHelp)
  byId('share').addEventListener('click', () => void share())
  byId('fields-button').addEventListener('click', () => showFields(!document.body.classList.contains('with-fields')))
  byId('lines').addEventListener('click', (event) => {
    const on = document.body.classList.toggle('three-lines')
    ;(event.currentTarget as HTMLElement).setAttribute('aria-pressed', String(on))
    setLook()
  })
  resume.addEventListener('click', () => {
    pausedByHand = false
    table.toTop()
    side.close()
    settlePause()
  })
  window.addEventListener('popstate', () => {
    view = readView(location.search)
    show(true)
    if (view.open === undefined) side.close()
    else if (view.open !== side.openId()) side.open(view.open, undefined)
  })
  showFields(matchMedia('(min-width: 1100px)').matches)
  void api.fields().then(
    (fields) => {
      knownFields = fields
      pane.setFields(fields)
    },
    () => pane.setFields([]),
  )
  void api.status().then(
    (status) => {
      const { demo, cluster } = readStatus(status)
      const banner = byId('banner')
      banner.hidden = !demo
      banner.textContent = 'Demonstration: every event here is made by the built-in generator. No real log is read.'
      if (cluster !== '') document.querySelector('.wordmark')?.append(h('span', { class: 'cluster' }, cluster))
    },
    () => undefined,
  )
  show(true)
  if (view.open !== undefined) {
    document.body.classList.add('has-detail')
    side.open(view.open, undefined)
  }
}

/** The range that holds an event at `lastMs` too, with a minute of room. */
function widened(about: Asked, lastMs: number): { from: string; to: string } {
  const from = Math.min(about.range.fromMs, lastMs - 60_000)
  const to = Math.max(about.range.toMs, lastMs + 60_000)
  return { from: new Date(from).toISOString(), to: lastMs < about.range.toMs && about.range.toMs >= about.askedMs ? 'now' : new Date(to).toISOString() }
}
