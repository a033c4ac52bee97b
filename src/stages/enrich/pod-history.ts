import type { PodSpan } from '../../core/enrichment.ts'

/** Records arrive with clocks of different machines. */
const SLACK_MS = 2_000

/** Which pod had an address at a time: pods come and go, and their addresses are used again. */
export class PodHistory {
  /** By address, the latest first. */
  readonly #spans = new Map<string, PodSpan[]>()

  constructor(spans: readonly PodSpan[]) {
    for (const span of spans) {
      const known = this.#spans.get(span.ip)
      if (known === undefined) this.#spans.set(span.ip, [span])
      else known.push(span)
    }
    for (const list of this.#spans.values()) list.sort((a, b) => b.fromMs - a.fromMs)
  }

  get isEmpty(): boolean {
    return this.#spans.size === 0
  }

  at(ip: string, timeMs: number): PodSpan | undefined {
    const spans = this.#spans.get(ip)
    if (spans === undefined) return undefined
    const exact = spans.find(({ fromMs, toMs }) => fromMs <= timeMs && (toMs === undefined || timeMs <= toMs))
    return (
      exact ??
      spans.find(
        ({ fromMs, toMs }) =>
          fromMs - SLACK_MS <= timeMs && (toMs === undefined || timeMs <= toMs + SLACK_MS),
      )
    )
  }
}
