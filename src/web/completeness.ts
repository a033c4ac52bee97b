import type { Completeness } from './api.ts'

/** What can be said about a whole answer: up to when it is complete, who is slowest, what is missing and whether that is declared. */
export interface CompletenessSummary {
  readonly expected: number
  readonly accounted: number
  readonly declaredLost: number
  /** Declared losses of unknown extent. */
  readonly lossesWithoutSeq: number
  readonly undeclaredGaps: number
  /** The node whose newest record is oldest; undefined while no node is known. */
  readonly slowest: { readonly node: string; readonly newestMs: number } | undefined
  readonly nodes: number
  readonly streams: number
}

export function summarise(completeness: Completeness): CompletenessSummary {
  const newest = new Map<string, number>()
  let [expected, accounted, declaredLost, lossesWithoutSeq, undeclaredGaps, streams] = [0, 0, 0, 0, 0, 0]
  for (const one of completeness.classes) {
    expected += one.expected
    accounted += one.stored + one.joined + one.skipped + one.declaredLost
    declaredLost += one.declaredLost
    lossesWithoutSeq += one.lossesWithoutSeq ?? 0
    undeclaredGaps += one.undeclaredGaps
    streams += one.streams
    // A node is as fresh as its freshest class: its quiet sources do not make it slow.
    for (const [node, ms] of Object.entries(one.newestIngestByNode))
      newest.set(node, Math.max(newest.get(node) ?? 0, ms))
  }
  let slowest: CompletenessSummary['slowest']
  for (const [node, newestMs] of newest) {
    if (slowest === undefined || newestMs < slowest.newestMs) slowest = { node, newestMs }
  }
  return {
    expected,
    accounted,
    declaredLost,
    lossesWithoutSeq,
    undeclaredGaps,
    slowest,
    nodes: newest.size,
    streams,
  }
}
