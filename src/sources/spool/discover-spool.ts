import type { Discovery, DiscoveryEvents } from '../discovery.ts'
import type { SpoolSource } from '../source-config.ts'

/** The streams of a spool: it tells of each itself, so nothing is watched and nothing is scanned. */
export function discoverSpool(source: SpoolSource, events: DiscoveryEvents): Discovery {
  const unwatch = source.watch(events)
  const scan = (): void => {
    for (const group of source.groups()) events.onGroup(group)
  }
  return { scan, tick: () => undefined, close: unwatch }
}
