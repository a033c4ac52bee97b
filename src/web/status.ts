import type * as api from './api.ts'
import { h } from './dom.ts'
import { plain } from './safe-text.ts'

/** What the page needs of `/api/status`; anything may be missing. */
export interface StatusView {
  readonly demo: boolean
  readonly cluster: string
  readonly version: string
}

export function readStatus(status: Awaited<ReturnType<typeof api.status>>): StatusView {
  const text = (key: string): string => {
    const value = status[key]
    return typeof value === 'string' ? value : ''
  }
  const { demo } = status
  return {
    demo: demo === true || (typeof demo === 'object' && demo !== null),
    cluster: text('cluster'),
    version: text('version'),
  }
}

/** The banner of a demonstration, and the cluster's name beside ours. */
export function showStatus(
  status: StatusView,
  options: { readonly banner: HTMLElement; readonly wordmark: Element | null },
): void {
  options.banner.hidden = !status.demo
  options.banner.textContent =
    'Demonstration: every event here is made by the built-in generator. No real log is read.'
  if (status.cluster !== '') options.wordmark?.append(h('span', { class: 'cluster' }, plain(status.cluster)))
}
