import * as api from './api.ts'
import { drawChips } from './chips.ts'
import { copyText } from './clipboard.ts'
import { detail } from './detail.ts'
import { byId, button, fill, h } from './dom.ts'
import { whyEmpty, widened } from './empty.ts'
import { exportMenu } from './export-menu.ts'
import { fieldsPane } from './fields-pane.ts'
import { helpDialog } from './help.ts'
import { highlights } from './highlight.ts'
import { histogram, type HistogramData } from './histogram.ts'
import { condition, hasClause, SIGNAL_CLAUSE, withCondition, withoutClause } from './kql-text.ts'
import { listenForKeys } from './keys.ts'
import { liveTail, type TailState } from './live-tail.ts'
import { notices } from './notices.ts'
import { pageKeys } from './page-keys.ts'
import { paneLayout } from './pane-layout.ts'
import { queryBar } from './query-bar.ts'
import { count } from './render.ts'
import { resultsTable } from './results-table.ts'
import type { Row } from './rows.ts'
import { type Asked, type Found, searching } from './searching.ts'
import { readStatus, showStatus } from './status.ts'
import { summary } from './summary.ts'
import { themeSwitch } from './theme.ts'
import { readRange, showTime } from './time.ts'
import { timePicker } from './time-picker.ts'
import { toaster } from './toast.ts'
import { readView, shareable, type View, writeView } from './view.ts'

const HISTOGRAM_BAR_PX = 9

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
  const layout = paneLayout()
  const resume = byId('resume')
  const foot = byId('table-foot')
  const openHelp = (): void => showHelp()

  // ---- parts

  const bar = queryBar({
    form: byId('query-form') as HTMLFormElement,
    input: byId('query') as HTMLTextAreaElement,
    list: byId('suggestions'),
    message: byId('query-message'),
    onRun: () => ask({ query: bar.text() }),
    fields: () => knownFields,
    values: (field, prefix, signal) =>
      api.values({ query: '', ...currentRange() }, { field, prefix, limit: 12, signal }),
  })
  const picker = timePicker(byId('time'), (choice) => ask({ ...choice, live: false }))
  const bars = histogram(byId('histogram'), ({ fromMs, toMs }) =>
    ask({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }),
  )
  const head = summary(byId('summary'), () => search.countExactly())
  const table = resultsTable({
    container: byId('results'),
    onOpen: openRow,
    onNeedMore: () => search.more(),
    onScroll: settlePause,
    onRemoveColumn: toggleColumn,
  })
  const pane = fieldsPane({
    holder: byId('fields'),
    loadTop: (field, limit, signal) =>
      api.top({ query: view.query, ...currentRange() }, { field, limit, signal }),
    onFilter: filter,
    onToggleColumn: toggleColumn,
    onClose: () => layout.showFields(false),
  })
  const side = detail({
    holder: byId('detail'),
    load: async (id, signal) => (await api.event(id, signal)).event,
    loadContext: async (id, size, signal) =>
      (await api.context(id, { before: size, after: size, signal })).hits,
    onOpened: opened,
    onFilter: filter,
    onToggleColumn: toggleColumn,
    onTop: (field) => {
      layout.showFields(true)
      pane.reveal(field)
    },
    onCopy: (text, what) => void copy(text, `Copied: ${what}`),
    onPivot: (field, value) => ask({ query: condition(field, value) }),
    onShare: () => void share(),
  })
  const tail = liveTail(showTail, (message) => {
    change({ live: false }, { replace: true, search: true })
    toast(message)
  })
  const search = searching({
    buckets: () => Math.min(150, Math.max(30, Math.round(byId('histogram').clientWidth / HISTOGRAM_BAR_PX))),
    onFound: showFound,
    onHistogram: (data) => {
      shownBars = data
      drawBars()
    },
    onProblem: (problem, first) => {
      if (first) failed(problem)
      else showFoot(`The next page did not come: ${problem.message}`, 'Try again', () => search.more())
    },
  })
  exportMenu(byId('export'), () => ({
    question: { query: view.query, ...currentRange() },
    columns: view.columns,
    total: found?.total,
  }))

  // ---- the view

  function change(next: Partial<View>, how: { replace?: boolean; search?: boolean } = {}): void {
    view = { ...view, ...next }
    const address = `${location.pathname}${writeView(view)}`
    const same = address === `${location.pathname}${location.search}`
    if (how.replace === true || same) history.replaceState(null, '', address)
    else history.pushState(null, '', address)
    show(how.search === true)
  }

  function ask(next: Partial<View>): void {
    change(next, { search: true })
  }

  function show(again: boolean): void {
    bar.set(view.query)
    picker.set(view)
    side.zone(view.zone)
    pane.setColumns(view.columns)
    byId('live').setAttribute('aria-pressed', String(view.live))
    document.body.classList.toggle('is-live', view.live)
    document.title = view.query === '' ? 'decklog' : `${view.query.slice(0, 80)} · decklog`
    chips()
    if (again) return run()
    setLook()
    drawBars()
    if (found !== undefined && !view.live) showHead(found)
  }

  function chips(): void {
    drawChips(byId('chips'), { query: view.query, classes, onQuery: (query) => ask({ query }) })
  }

  function run(): void {
    bar.problem(undefined)
    resume.hidden = true
    foot.hidden = true
    search.stop()
    tail.stop()
    if (view.live) return follow()
    const nowMs = Date.now()
    const range = readRange(view, nowMs)
    if (range === undefined) {
      toast('The time range of this address cannot be read: showing the last hour.')
      return change({ from: 'now-1h', to: 'now' }, { replace: true, search: true })
    }
    asked = { query: view.query, range, askedMs: nowMs }
    document.body.classList.add('is-searching')
    if (found === undefined) notice.loading()
    search.run(asked)
    pane.refresh()
  }

  function follow(): void {
    found = undefined
    pausedByHand = false
    document.body.classList.remove('is-searching')
    side.close()
    setLook()
    tail.start(view.query)
  }

  function currentRange(): { fromMs: number; toMs: number } {
    return asked?.range ?? { fromMs: Date.now() - 3_600_000, toMs: Date.now() }
  }

  // ---- what came back

  function showFound(next: Found, first: boolean): void {
    found = next
    showHead(next)
    foot.hidden = true
    if (next.full)
      showFoot(`${count(next.rows.length)} rows are loaded; more match.`, 'Load as many again', () =>
        search.extend(),
      )
    showRows(next.rows, !first)
    if (!first) return
    document.body.classList.remove('is-searching')
    bar.notes(next.notes)
    noteClasses(next.completeness)
    table.toTop()
    if (next.rows.length === 0) void explainEmpty(next.asked)
    else notice.clear()
  }

  function failed(problem: api.ApiProblem): void {
    document.body.classList.remove('is-searching')
    found = undefined
    head.failed()
    showRows([], false)
    if (problem.status !== 400) return notice.failed(problem, run)
    bar.problem(problem)
    notice.wrongQuery(openHelp)
  }

  function showHead(next: Found): void {
    const { total, completeness, tookMs, asked: about } = next
    head.show({
      total,
      completeness,
      tookMs,
      loaded: next.rows.length,
      range: about.range,
      zone: view.zone,
      askedMs: about.askedMs,
    })
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
    const timeOnly = view.live || day(range.fromMs) === day(range.toMs - 1)
    table.look({ columns: view.columns, zone: view.zone, timeOnly, highlights: marks })
  }

  function drawBars(): void {
    bars.show(shownBars === undefined ? undefined : { ...shownBars, zone: view.zone })
  }

  function noteClasses(completeness: api.Completeness | undefined): void {
    const merged = [...new Set([...classes, ...(completeness?.classes.map((one) => one.class) ?? [])])].sort()
    if (merged.length === classes.length) return
    classes = merged
    chips()
  }

  async function explainEmpty(about: Asked): Promise<void> {
    const why = await whyEmpty(about).catch(() => undefined)
    if (asked !== about) return
    if (why === undefined) return notice.clear()
    notice.empty({
      ...why,
      query: about.query,
      zone: view.zone,
      nowMs: about.askedMs,
      onClearQuery: () => ask({ query: '' }),
      onWiden: () => ask(widened(about, why.lastMs ?? about.askedMs)),
    })
  }

  // ---- live

  function showTail(state: TailState): void {
    if (!view.live) return
    const dropped = state.dropped === 0 ? 'nothing dropped' : `${count(state.dropped)} dropped`
    const doing = state.connected ? (state.paused ? 'paused' : 'following') : 'reconnecting…'
    head.live(`${count(state.received)} received · ${dropped} · ${doing}`)
    resume.hidden = !state.paused
    resume.textContent = `${count(state.waiting)} new · resume`
    if (state.rows.length === 0) notice.liveEmpty(state.connected)
    else notice.clear()
    if (rows === state.rows) return
    rows = state.rows
    table.show(rows)
    table.select(view.open)
  }

  /** A list that somebody reads stands still: scrolled away from the top, with an event open, or paused by hand. */
  function settlePause(): void {
    if (view.live) tail.pause(pausedByHand || !table.atTop() || side.openId() !== undefined)
  }

  function goOn(): void {
    pausedByHand = false
    table.toTop()
    side.close()
    settlePause()
  }

  // ---- deeds

  function filter(field: string, value: string, negated: boolean): void {
    ask({ query: withCondition(view.query, condition(field, value), negated) })
  }

  function toggleColumn(name: string): void {
    const { columns } = view
    change({ columns: columns.includes(name) ? columns.filter((one) => one !== name) : [...columns, name] })
  }

  function openRow(row: Row): void {
    table.select(row.id)
    side.open(row.id, row.document)
    opened(row.id)
    if (layout.narrow.matches) side.focus()
  }

  /** The event beside the table is another one now, or none. */
  function opened(id: string | undefined): void {
    layout.detail(id !== undefined)
    table.select(id)
    change({ open: id }, { replace: true })
    if (id === undefined) table.focus()
    settlePause()
  }

  function step(by: 1 | -1): void {
    const row = table.move(by)
    if (row !== undefined && side.openId() !== undefined) openRow(row)
  }

  function openSelected(): void {
    const row = table.selected() ?? table.move(1)
    if (row !== undefined) openRow(row)
  }

  function stepInStream(by: 1 | -1): void {
    if (side.openId() === undefined) openSelected()
    side.step(by)
  }

  function leave(): void {
    if (document.activeElement === byId('query')) table.focus()
    else if (layout.fieldsShown() && layout.narrow.matches) layout.showFields(false)
    else side.close()
  }

  function toggleSignals(): void {
    const on = hasClause(view.query, SIGNAL_CLAUSE)
    ask({
      query: on ? withoutClause(view.query, SIGNAL_CLAUSE) : withCondition(view.query, SIGNAL_CLAUSE, false),
    })
  }

  async function copy(text: string, said: string): Promise<boolean> {
    const done = await copyText(text)
    toast(done ? said : 'The browser does not allow copying here.')
    return done
  }

  async function share(): Promise<void> {
    const shared = shareable(view, asked?.askedMs ?? Date.now())
    const link = `${location.origin}${location.pathname}${writeView(shared)}`
    if (await copy(link, 'Link copied. Its time range is absolute: it shows the same next year.')) return
    change(shared, { replace: true })
    toast('The browser does not allow copying here. The address bar now holds the link.')
  }

  function showFoot(text: string, action: string, act: () => void): void {
    foot.hidden = false
    fill(foot, h('span', { attrs: { role: 'status' } }, text), button(action, act, { class: 'link' }))
  }

  // ---- start

  const toggleLive = (): void => ask({ live: !view.live })
  const toggleFields = (): void => layout.showFields(!layout.fieldsShown())
  const holdLive = (): void => {
    pausedByHand = !pausedByHand
    settlePause()
  }
  const keys = pageKeys({
    toQuery: () => bar.focus(),
    step,
    openSelected,
    stepInStream,
    toggleSignals,
    toggleFields,
    toggleLive,
    holdLive,
    leave,
    help: openHelp,
  })
  const showHelp = helpDialog(byId('help') as HTMLDialogElement, keys)
  listenForKeys(keys)
  themeSwitch(byId('theme'))
  byId('live').addEventListener('click', toggleLive)
  byId('fields-button').addEventListener('click', toggleFields)
  byId('help-button').addEventListener('click', openHelp)
  byId('share').addEventListener('click', () => void share())
  resume.addEventListener('click', goOn)
  byId('lines').addEventListener('click', () => {
    const on = document.body.classList.toggle('three-lines')
    byId('lines').setAttribute('aria-pressed', String(on))
    setLook()
  })
  window.addEventListener('popstate', () => {
    view = readView(location.search)
    show(true)
    if (view.open === undefined) side.close()
    else if (view.open !== side.openId()) showOpen(view.open)
  })
  const showOpen = (id: string): void => {
    layout.detail(true)
    side.open(id, undefined)
  }

  layout.showFields(matchMedia('(min-width: 1100px)').matches)
  void api.fields().then(
    (fields) => {
      knownFields = fields
      pane.setFields(fields)
    },
    () => pane.setFields([]),
  )
  void api.status().then(
    (status) =>
      showStatus(readStatus(status), {
        banner: byId('banner'),
        wordmark: document.querySelector('.wordmark'),
      }),
    () => undefined,
  )
  show(true)
  if (view.open !== undefined) showOpen(view.open)
}
