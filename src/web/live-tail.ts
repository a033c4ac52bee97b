import { tailUrl } from './api.ts'
import type { EventDocument } from './event.ts'
import { parseExactly } from './json.ts'
import { type Row, toRow } from './rows.ts'

/** Rows that a live table keeps; older ones roll off and are found by a search. */
const SHOWN_MAX = 2000
/** Rows that wait while the reader has stopped the list; beyond it the oldest are left out and counted. */
const WAITING_MAX = 2000
/** The table is drawn this often at most. */
const DRAW_MS = 250

export interface TailState {
  readonly rows: readonly Row[]
  readonly waiting: number
  /** Left out by the server because we were too slow, and here because the list stood still too long. */
  readonly dropped: number
  readonly received: number
  readonly paused: boolean
  readonly connected: boolean
}

export interface LiveTail {
  start(query: string): void
  stop(): void
  pause(paused: boolean): void
  running(): boolean
}

/** New events as they arrive, newest first. A paused list never moves: what comes waits, within a bound, and is counted. */
export function liveTail(
  onChange: (state: TailState) => void,
  onFailed: (message: string) => void,
): LiveTail {
  let source: EventSource | undefined
  let rows: Row[] = []
  let waiting: Row[] = []
  let seen = new Set<string>()
  let [droppedHere, droppedThere, received] = [0, 0, 0]
  let [paused, connected] = [false, false]
  let timer: ReturnType<typeof setTimeout> | undefined

  const report = (): void => {
    timer = undefined
    if (!paused && waiting.length > 0) {
      rows = [...waiting.toReversed(), ...rows].slice(0, SHOWN_MAX)
      seen = new Set(rows.map((row) => row.id))
      waiting = []
    }
    onChange({
      rows,
      waiting: waiting.length,
      dropped: droppedHere + droppedThere,
      received,
      paused,
      connected,
    })
  }
  const schedule = (): void => {
    timer ??= setTimeout(report, DRAW_MS)
  }
  const onHit = (data: string): void => {
    const row = toRow(parseExactly(data) as EventDocument)
    // After a reconnect a hit may come again.
    if (seen.has(row.id)) return
    seen.add(row.id)
    received++
    waiting.push(row)
    if (waiting.length > WAITING_MAX) {
      const left = waiting.shift()
      if (left !== undefined) seen.delete(left.id)
      droppedHere++
    }
    schedule()
  }
  const stop = (): void => {
    source?.close()
    source = undefined
    clearTimeout(timer)
    timer = undefined
  }

  return {
    start(query) {
      stop()
      rows = []
      waiting = []
      seen = new Set()
      droppedHere = droppedThere = received = 0
      paused = connected = false
      source = new EventSource(tailUrl(query))
      source.addEventListener('open', () => {
        connected = true
        schedule()
      })
      source.addEventListener('error', () => {
        connected = false
        schedule()
      })
      source.addEventListener('hit', (event) => onHit(event.data))
      source.addEventListener('dropped', (event) => {
        droppedThere = numberIn(event.data, 'totalDropped')
        schedule()
      })
      source.addEventListener('failed', (event) => {
        stop()
        onFailed(detailIn(event.data))
      })
      report()
    },
    stop,
    pause(next) {
      if (paused === next) return
      paused = next
      clearTimeout(timer)
      report()
    },
    running: () => source !== undefined,
  }
}

function numberIn(data: string, key: string): number {
  const value = (JSON.parse(data) as Record<string, unknown>)[key]
  return typeof value === 'number' ? value : 0
}

function detailIn(data: string): string {
  const { detail, title } = JSON.parse(data) as { detail?: unknown; title?: unknown }
  return typeof detail === 'string' ? detail : typeof title === 'string' ? title : 'The live view ended.'
}
