import * as api from './api.ts'
import type { HistogramData } from './histogram.ts'
import { SIGNAL_CLAUSE, withCondition } from './kql-text.ts'
import { type Row, toRow } from './rows.ts'
import type { AbsoluteRange } from './time.ts'

export interface Asked {
  readonly query: string
  readonly range: AbsoluteRange
  /** When the question was asked, by the clock of this browser. */
  readonly askedMs: number
}

export interface Found {
  readonly asked: Asked
  readonly rows: readonly Row[]
  readonly total: api.Total
  readonly completeness: api.Completeness | undefined
  readonly notes: readonly api.Note[]
  readonly tookMs: number | undefined
  /** More of the same is there, and the table holds as much as it may without being asked. */
  readonly full: boolean
}

export interface Searching {
  run(asked: Asked): void
  stop(): void
  /** The next page, unless one is under way, all is here, or the table is full. */
  more(): void
  /** Lets the table grow by as much again. */
  extend(): void
  countExactly(): void
}

export interface SearchingOptions {
  readonly buckets: () => number
  readonly onFound: (found: Found, first: boolean) => void
  readonly onHistogram: (data: Omit<HistogramData, 'zone'> | undefined) => void
  /** `first`: nothing is shown yet; else a later page failed. */
  readonly onProblem: (problem: api.ApiProblem, first: boolean) => void
}

const PAGE_ROWS = 200
const ROWS_MAX = 20_000

/** One search with its pages and its histogram. A new one ends the one before; nothing of an older answer arrives late. */
export function searching(options: SearchingOptions): Searching {
  let stopper = new AbortController()
  let found: Found | undefined
  let cursor: string | undefined
  let loading = false
  let rowsMax = ROWS_MAX

  const guard = async (signal: AbortSignal, first: boolean, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      if (signal.aborted || api.isAborted(error)) return
      options.onProblem(
        error instanceof api.ApiProblem ? error : new api.ApiProblem(String(error), { status: 0 }),
        first,
      )
    }
  }
  const firstPage = async (asked: Asked, signal: AbortSignal): Promise<void> => {
    const answer = await api.search(question(asked), { limit: PAGE_ROWS, signal })
    if (signal.aborted) return
    cursor = answer.cursor
    found = {
      asked,
      rows: answer.hits.map(toRow),
      total: answer.total,
      completeness: answer.completeness,
      notes: answer.notes ?? [],
      tookMs: answer.took_ms,
      full: false,
    }
    options.onFound(found, true)
  }
  const nextPage = async (signal: AbortSignal): Promise<void> => {
    if (found === undefined || cursor === undefined) return
    const answer = await api.search(question(found.asked), {
      limit: PAGE_ROWS,
      cursor,
      completeness: false,
      signal,
    })
    if (signal.aborted) return
    cursor = answer.cursor
    const rows = [...found.rows, ...answer.hits.map(toRow)]
    found = { ...found, rows, full: cursor !== undefined && rows.length >= rowsMax }
    options.onFound(found, false)
  }
  const counts = async (asked: Asked, signal: AbortSignal): Promise<void> => {
    const all = await api.histogram(question(asked), options.buckets(), signal)
    if (signal.aborted) return
    options.onHistogram({ buckets: all.buckets, signals: undefined })
    const query = withCondition(asked.query, SIGNAL_CLAUSE, false)
    const signals =
      query === asked.query
        ? all
        : await api.histogram(question({ ...asked, query }), options.buckets(), signal)
    if (!signal.aborted) options.onHistogram({ buckets: all.buckets, signals: signals.buckets })
  }
  const more = (): void => {
    if (loading || cursor === undefined || found === undefined || found.rows.length >= rowsMax) return
    loading = true
    const { signal } = stopper
    void guard(signal, false, () => nextPage(signal)).finally(() => {
      if (!signal.aborted) loading = false
    })
  }

  const stop = (): void => {
    stopper.abort()
    stopper = new AbortController()
    found = undefined
    cursor = undefined
    loading = false
    rowsMax = ROWS_MAX
  }

  return {
    run(asked) {
      stop()
      const { signal } = stopper
      void guard(signal, true, () => firstPage(asked, signal))
      // The search says what is wrong; a histogram that fails for the same reason is simply not shown.
      void counts(asked, signal).catch(() => {
        if (!signal.aborted) options.onHistogram(undefined)
      })
    },
    stop,
    more,
    extend() {
      rowsMax += ROWS_MAX
      more()
    },
    countExactly() {
      const { signal } = stopper
      void guard(signal, false, async () => {
        if (found === undefined) return
        const answer = await api.search(question(found.asked), {
          limit: 0,
          exact: true,
          completeness: false,
          signal,
        })
        if (signal.aborted) return
        found = { ...found, total: answer.total }
        options.onFound(found, false)
      })
    },
  }
}

export function question(asked: Asked): api.Question {
  return { query: asked.query, ...asked.range }
}
