import type { Clock } from '../../ports/clock.ts'

/** Resolves when `promise` has, one way or the other, or when `ms` are over. */
export async function within(promise: Promise<unknown>, ms: number, clock: Clock): Promise<void> {
  const waiting = new AbortController()
  const settled = promise.then(
    () => {},
    () => {},
  )
  await Promise.race([settled, clock.sleep(ms, waiting.signal).catch(() => {})])
  waiting.abort()
}
