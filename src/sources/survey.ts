import { closeSync } from 'node:fs'
import type { Clock } from '../ports/clock.ts'
import type { Discovery, DiscoveryEvents } from './discovery.ts'
import { discoverFiles } from './files.ts'
import type { LogGroup } from './log-group.ts'
import { isOpen, openLog, refusalMessage } from './open-log.ts'
import { discoverPods } from './pods.ts'
import type { SourceConfig } from './source-config.ts'
import { discoverSpool } from './spool/discover-spool.ts'

export function discover(source: SourceConfig, events: DiscoveryEvents, clock: Clock): Discovery {
  if (source.kind === 'spool') return discoverSpool(source, events)
  return source.kind === 'pods' ? discoverPods(source, events, clock) : discoverFiles(source, events, clock)
}

export interface SourceSurvey {
  readonly source: SourceConfig
  /** Live logs that would be followed. */
  readonly logs: readonly { readonly path: string; readonly bytes: number }[]
  /** What would not be read, each with a sentence for a person. */
  readonly troubles: readonly { readonly path: string; readonly message: string }[]
}

/** What a source would read, and what it could not: nothing is started and nothing is shipped. */
export function surveySource(source: SourceConfig, clock: Clock): SourceSurvey {
  const groups: LogGroup[] = []
  const troubles: { path: string; message: string }[] = []
  const discovery = discover(
    source,
    {
      onGroup: (group) => groups.push(group),
      onTouched: () => undefined,
      onVanished: () => undefined,
      onFine: () => undefined,
      onTrouble: (path, message) => troubles.push({ path, message }),
    },
    clock,
  )
  discovery.scan()
  discovery.close()
  const logs: { path: string; bytes: number }[] = []
  for (const { livePath, root } of groups) {
    const opened = openLog(livePath, root)
    if (isOpen(opened)) {
      closeSync(opened.fd)
      logs.push({ path: livePath, bytes: opened.size })
    } else troubles.push({ path: livePath, message: refusalMessage(livePath, opened) })
  }
  for (const path of missingPaths(source, groups))
    troubles.push({ path, message: refusalMessage(path, { kind: 'missing' }) })
  return { source, logs, troubles }
}

function missingPaths(source: SourceConfig, groups: readonly LogGroup[]): string[] {
  if (source.kind !== 'file') return []
  const found = new Set(groups.map((group) => group.livePath))
  return source.paths.filter((path) => !/[*?[{]/.test(path) && !found.has(path))
}
