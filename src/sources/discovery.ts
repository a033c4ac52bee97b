import { systemCode } from '../core/errors.ts'
import type { LogGroup } from './log-group.ts'

/** What a source tells the one who follows its files. No callback may throw or call back into the source. */
export interface DiscoveryEvents {
  /** A log to follow. Called at once when it appears, so that its file can be opened before it vanishes. */
  readonly onGroup: (group: LogGroup) => void
  /** Something of this group changed: it may have grown, been rotated, or be gone. */
  readonly onTouched: (key: string) => void
  /** It came and went before it could be opened: all that is known is its names. */
  readonly onVanished: (group: LogGroup, detail: string) => void
  /** Something that a person should know. The same `what` may come again. */
  readonly onTrouble: (what: string, message: string) => void
  /** A trouble is over, if there was one. Called often. */
  readonly onFine: (what: string) => void
}

export interface Discovery {
  /** Looks at everything. */
  scan(): void
  /** Looks at a part; about every second all is looked at. Called about every 50 ms. */
  tick(): void
  close(): void
}

/** Looks at `path`; what the system refuses is told and tried again with the next look. */
export function lookSafely(path: string, events: DiscoveryEvents, look: () => void): void {
  try {
    look()
    events.onFine(path)
  } catch (error) {
    const code = systemCode(error)
    if (code === undefined) throw error
    events.onTrouble(path, `cannot look into ${path} (${code}): check its permissions; it is tried again`)
  }
}
