import type { Config, SourceConfig } from '../config/config.ts'
import type { Log } from '../ports/log.ts'
import type { PodWatch } from '../sources/kubernetes/pod-watch.ts'
import { systemClock } from './system-clock.ts'

const WATCH_TIMEOUT_MS = 300_000
const RETRY_MS = 60_000

/** The watch of this node's pods, where their logs are read and there is an API server to ask. */
export async function watchedPods(
  { podMetadata, node }: Pick<Config, 'podMetadata' | 'node'>,
  sources: readonly SourceConfig[],
  log: Log,
): Promise<PodWatch | undefined> {
  const { watch, wait, ...rest } = podMetadata
  if (!watch || !sources.some(({ kind }) => kind === 'pods')) return undefined
  const { watchPods } = await import('../sources/kubernetes/pod-watch.ts')
  const pods = await watchPods({
    ...rest,
    node,
    clock: systemClock,
    waitMs: wait,
    watchTimeoutMs: WATCH_TIMEOUT_MS,
    retryMs: RETRY_MS,
  })
  for (const problem of pods.problems())
    log.warn({}, `${problem}; until then logs of pods go without image, workload and labels`)
  return pods
}
