import type { Clock } from '../../src/ports/clock.ts'

/** A clock that a test moves: sleepers wake when their time has come. */
export function manualClock(
  startMs = Date.UTC(2026, 10, 24, 2, 0),
): Clock & { advance(ms: number): Promise<void> } {
  let nowMs = startMs
  const sleepers = new Set<{ readonly dueMs: number; readonly wake: () => void }>()
  return {
    now: () => nowMs,
    monotonicNs: () => BigInt(nowMs - startMs) * 1_000_000n,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(new DOMException('aborted', 'AbortError'))
        const sleeper = { dueMs: nowMs + ms, wake: resolve }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper)
          reject(new DOMException('aborted', 'AbortError'))
        })
      })
    },
    async advance(ms) {
      nowMs += ms
      for (const sleeper of sleepers) {
        if (sleeper.dueMs > nowMs) continue
        sleepers.delete(sleeper)
        sleeper.wake()
      }
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}
