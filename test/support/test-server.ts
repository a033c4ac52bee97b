import { Telemetry } from '../../src/core/telemetry.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { type ServeOptions, startServeRole } from '../../src/roles/serve.ts'
import { MemoryStore } from './memory-store.ts'

export const NOW_MS = Date.parse('2026-11-24T10:00:00.000Z')

/** Says 10:00 on 24 November 2026; sleeps are real, but short. */
export const testClock: Clock = {
  now: () => NOW_MS,
  monotonicNs: () => process.hrtime.bigint(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, Math.min(ms, 5))
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
      })
    }),
}

export interface TestServer extends AsyncDisposable {
  readonly url: string
  readonly store: MemoryStore
  readonly telemetry: Telemetry
  /** What went to the log as an error. */
  readonly faults: unknown[]
  get(path: string, init?: RequestInit): Promise<Response>
  close(): Promise<void>
}

/** decklog's HTTP server on a free port, over a store in memory. */
export async function startTestServer(options: Partial<ServeOptions> = {}): Promise<TestServer> {
  const store = new MemoryStore()
  const telemetry = new Telemetry()
  const faults: unknown[] = []
  const quiet = (): void => {}
  const role = await startServeRole({
    store,
    telemetry,
    clock: testClock,
    log: { debug: quiet, info: quiet, warn: quiet, error: (fields) => faults.push(fields) },
    listen: { host: '127.0.0.1', port: 0 },
    status: () => ({ demo: false }),
    ready: () => undefined,
    webDirectory: undefined,
    ...options,
  })
  const close = (): Promise<void> => role.close()
  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${role.url}${path}`, init)
  return { url: role.url, store, telemetry, faults, get, close, [Symbol.asyncDispose]: close }
}
