import type * as api from './api.ts'

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
  return { demo: demo === true || (typeof demo === 'object' && demo !== null), cluster: text('cluster'), version: text('version') }
}
