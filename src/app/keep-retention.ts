import { isAbort } from '../core/errors.ts'
import type { Archive, ArchiveRule } from '../ports/archive.ts'
import type { Clock } from '../ports/clock.ts'
import type { ExpiryReport, RetentionRule, Store } from '../ports/store.ts'
import type { Log } from '../roles/log.ts'

export interface RetentionOptions {
  /** Undefined: another process has the store. */
  readonly store: Store | undefined
  readonly rules: readonly RetentionRule[]
  readonly archive: Archive | undefined
  readonly archiveRules: readonly ArchiveRule[]
  readonly clock: Clock
  readonly log: Log
  /** @default 60 s */
  readonly everyMs?: number
}

/** Enforces retention while decklog runs: once at the start, then at intervals. */
export function keepRetention(options: RetentionOptions): AsyncDisposable {
  const stop = new AbortController()
  const running = loop(options, stop.signal)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

async function loop(options: RetentionOptions, signal: AbortSignal): Promise<void> {
  const { store, rules, clock, log } = options
  while (!signal.aborted) {
    try {
      const report = await store?.expire(rules, clock.now(), () => Promise.resolve(true))
      if (report !== undefined) say(log, report)
      const expired = await options.archive?.expire(options.archiveRules, clock.now(), () =>
        Promise.resolve(true),
      )
      for (const { name, class: cls, bytes } of expired ?? [])
        log.info({ class: cls, segment: name, bytes }, 'an expired archive segment was deleted')
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'retention could not run; it is tried again')
    }
    try {
      await clock.sleep(options.everyMs ?? 60_000, signal)
    } catch (error) {
      if (!isAbort(error)) throw error
    }
  }
}

function say(log: Log, report: ExpiryReport): void {
  for (const { class: name, events, bytes, why, fromMs, toMs } of report.deleted) {
    const range = `${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}`
    log.info({ class: name, events, bytes, why, range }, 'expired events were deleted')
  }
}
