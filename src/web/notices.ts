import type { ApiProblem } from './api.ts'
import { button, fill, h } from './dom.ts'
import type { Emptiness } from './empty.ts'
import { plain } from './safe-text.ts'
import { showDuration, showTime } from './time.ts'

/** What stands where the table would be, when there is nothing to show: always with what to do next. */
export interface Notices {
  clear(): void
  loading(): void
  failed(problem: ApiProblem, onRetry: () => void): void
  wrongQuery(onHelp: () => void): void
  empty(options: EmptyOptions): void
  liveEmpty(connected: boolean): void
}

export interface EmptyOptions extends Emptiness {
  readonly query: string
  readonly zone: string
  readonly nowMs: number
  readonly onWiden: () => void
  readonly onClearQuery: () => void
}

export function notices(holder: HTMLElement): Notices {
  const show = (...children: (Node | string)[]): void => {
    holder.hidden = false
    fill(holder, ...children)
  }
  return {
    clear() {
      holder.hidden = true
      fill(holder)
    },
    loading: () => show(h('p', { class: 'quiet' }, 'Searching…')),
    failed(problem, onRetry) {
      const what =
        problem.status === 504
          ? 'Narrow the time range or the query, or try again.'
          : 'The search stays as it is; try again when the cause is gone.'
      show(
        h('h2', {}, 'No answer'),
        h('p', { attrs: { role: 'alert' } }, plain(problem.message.split('\n')[0] ?? '')),
        h('p', { class: 'quiet' }, what),
        button('Try again', onRetry, { class: 'primary' }),
      )
    },
    wrongQuery(onHelp) {
      show(
        h('h2', {}, 'Nothing was searched'),
        h('p', {}, 'The query cannot be read. The message above says where, and what was expected.'),
        button('Show the query language', onHelp),
      )
    },
    empty: (options) => show(...emptyText(options)),
    liveEmpty(connected) {
      show(
        h('h2', {}, connected ? 'Listening' : 'Connecting…'),
        h('p', { class: 'quiet' }, 'Events appear here as they arrive. Nothing has matched yet.'),
      )
    },
  }
}

function emptyText(options: EmptyOptions): (Node | string)[] {
  if (!options.anyEvent) {
    return [
      h('h2', {}, 'No events yet'),
      h(
        'p',
        {},
        'decklog has stored nothing so far. Events appear within two seconds of being written by a source.',
      ),
      h('p', { class: 'quiet' }, 'Which sources it reads is said when it starts, and at /api/status.'),
    ]
  }
  const clear = options.query === '' ? [] : [button('Clear the query', options.onClearQuery)]
  if (options.lastMs === undefined) {
    return [
      h('h2', {}, 'Nothing matches, at any time'),
      h(
        'p',
        {},
        'No stored event fits this query, whatever the time range. Values are case-sensitive; * stands for any run of characters.',
      ),
      ...clear,
    ]
  }
  const ago = showDuration(options.nowMs - options.lastMs)
  return [
    h('h2', {}, 'No events in this range'),
    h(
      'p',
      {},
      `The newest one that matches is from ${showTime(options.lastMs, options.zone).slice(0, 19)} ${options.zone} (${options.lastMs > options.nowMs ? 'in the future' : `${ago} ago`}).`,
    ),
    button('Widen the range to it', options.onWiden, { class: 'primary' }),
    ...clear,
  ]
}
