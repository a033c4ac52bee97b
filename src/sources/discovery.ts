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
}

export interface Discovery {
  /** Looks at everything. */
  scan(): void
  /** Looks at a part; about every second all is looked at. Called about every 50 ms. */
  tick(): void
  close(): void
}
