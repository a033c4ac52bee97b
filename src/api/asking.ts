import type { Asking } from '../ports/store.ts'

/**
 * Who asks, and what they may see: made here and nowhere else. decklog is local today, so whoever reaches it is its operator.
 */
export function askingOf(_request: Request, signal: AbortSignal): Asking {
  return { principal: { id: 'local' }, scope: { clusters: '*', classes: '*' }, signal }
}
