import { isRelative, isZone, iso, readRange } from './time.ts'

/** What the page shows, all of it in the address: a link is enough to see the same. */
export interface View {
  readonly query: string
  /** As typed: `now-15m` or ISO 8601. */
  readonly from: string
  readonly to: string
  readonly zone: string
  /** Fields between time and message. `origin` stands for where the event comes from. */
  readonly columns: readonly string[]
  /** Id of the event that is open beside the table. */
  readonly open: string | undefined
  readonly live: boolean
}

export const DEFAULT_VIEW: View = {
  query: '',
  from: 'now-1h',
  to: 'now',
  zone: 'UTC',
  columns: ['origin'],
  open: undefined,
  live: false,
}

const COLUMNS_MAX = 20
const PARAMETER_CHARS_MAX = 12_000

export function readView(search: string): View {
  const params = new URLSearchParams(search)
  const text = (name: string, fallback: string): string =>
    (params.get(name) ?? fallback).slice(0, PARAMETER_CHARS_MAX)
  const zone = text('tz', DEFAULT_VIEW.zone)
  const columns = params.get('columns')
  return {
    query: text('query', ''),
    from: text('from', DEFAULT_VIEW.from),
    to: text('to', DEFAULT_VIEW.to),
    zone: isZone(zone) ? zone : DEFAULT_VIEW.zone,
    columns:
      columns === null
        ? DEFAULT_VIEW.columns
        : unique(columns.split(',').map(unescaped)).slice(0, COLUMNS_MAX),
    open: params.get('open') ?? undefined,
    live: params.get('live') === '1',
  }
}

/** What differs from the default, so that addresses stay short. */
export function writeView(view: View): string {
  const params = new URLSearchParams()
  if (view.query !== '') params.set('query', view.query)
  if (view.from !== DEFAULT_VIEW.from || view.to !== DEFAULT_VIEW.to) {
    params.set('from', view.from)
    params.set('to', view.to)
  }
  if (view.zone !== DEFAULT_VIEW.zone) params.set('tz', view.zone)
  if (view.columns.join() !== DEFAULT_VIEW.columns.join())
    params.set('columns', view.columns.map(escaped).join())
  if (view.open !== undefined) params.set('open', view.open)
  if (view.live) params.set('live', '1')
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

/** The view for somebody else, or for next year: relative times become those that were asked, the zone is said. */
export function shareable(view: View, nowMs: number): View {
  if (!isRelative(view.from) && !isRelative(view.to)) return { ...view, live: false }
  const range = readRange(view, nowMs)
  if (range === undefined) return view
  return { ...view, from: iso(range.fromMs), to: iso(range.toMs), live: false }
}

/** A comma in a field's name parts no columns. */
function escaped(name: string): string {
  return name.replaceAll('%', '%25').replaceAll(',', '%2C')
}

function unescaped(name: string): string {
  return name.replaceAll('%2C', ',').replaceAll('%25', '%')
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.trim()).filter((name) => name !== ''))]
}
