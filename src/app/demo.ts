import type { SourceConfig } from '../config/config.ts'
import { startDemo } from '../generate/demo.ts'
import { systemClock } from './system-clock.ts'

export interface DemoSources extends AsyncDisposable {
  readonly directory: string
  readonly sources: readonly SourceConfig[]
}

/** Lines a second: enough to look alive, few enough to read. */
const RATE = 40

/** Starts the generator beside decklog; it ends when this is disposed of. */
export async function startDemoSources(directory: string): Promise<DemoSources> {
  const stop = new AbortController()
  const demo = await startDemo({ directory, rate: RATE, signal: stop.signal, clock: systemClock })
  // A disk that fails ends the demo, not decklog; what was written stays searchable.
  const ended = demo.done.catch(() => {})
  return {
    directory,
    sources: [
      { kind: 'pods', class: 'pod', path: demo.paths.pods },
      { kind: 'file', class: 'control-plane', format: 'kube-audit', paths: [demo.paths.audit] },
      { kind: 'file', class: 'ssh', format: 'syslog', paths: [demo.paths.auth] },
    ],
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended
    },
  }
}
