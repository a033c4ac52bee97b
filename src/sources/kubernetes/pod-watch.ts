import type { Clock } from '../../ports/clock.ts'
import type { LogGroup } from '../log-group.ts'
import { connectApi } from './client.ts'
import { namesOfContainer, type PodNameOptions, type PodObject } from './pod-object.ts'
import { watchResource } from './resource-watch.ts'

export interface PodWatchOptions extends PodNameOptions {
  readonly node: string
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  readonly clock: Clock
  /** How long the first list is waited for; then streams begin without what it would have said. */
  readonly waitMs: number
  readonly watchTimeoutMs: number
  readonly retryMs: number
}

export interface PodWatch extends AsyncDisposable {
  /** Names that a log's stream gets when it begins, and keeps. */
  describe(group: Pick<LogGroup, 'kind' | 'names'>): Readonly<Record<string, string>> | undefined
  problems(): readonly string[]
}

/** Pods that are gone are kept for their last logs. */
const GONE_MAX = 1_000

/** The pods of this node. Without an API server nothing is known, and everything else works. */
export async function watchPods(options: PodWatchOptions): Promise<PodWatch> {
  const { clock, waitMs, node } = options
  const client = await connectApi(options)
  const stop = new AbortController()
  const pods = new Map<string, PodObject>()
  const gone: string[] = []
  let problem: string | undefined
  const listed = Promise.withResolvers<void>()
  const running = watchResource({
    client,
    paths: ['/api/v1/pods'],
    what: 'pods',
    fieldSelector: `spec.nodeName=${node}`,
    clock,
    signal: stop.signal,
    watchTimeoutMs: options.watchTimeoutMs,
    retryMs: options.retryMs,
    onProblem: (now) => (problem = now),
    onList: (objects, { last }) => {
      for (const object of objects) pods.set(object.metadata.uid, object)
      if (last) listed.resolve()
      return Promise.resolve()
    },
    onChanges: (changes) => {
      for (const { type, object } of changes) {
        pods.set(object.metadata.uid, object)
        if (type === 'DELETED' && gone.push(object.metadata.uid) > GONE_MAX) pods.delete(gone.shift()!)
      }
      return Promise.resolve()
    },
  })
  const waiting = new AbortController()
  await Promise.race([listed.promise, clock.sleep(waitMs, waiting.signal).catch(() => undefined)])
  waiting.abort()
  return {
    describe: ({ kind, names }) => {
      const pod = kind === 'pods' ? podOf(pods, names) : undefined
      return pod === undefined ? undefined : namesOfContainer(pod, names.container ?? '', options)
    },
    problems: () => (problem === undefined ? [] : [problem]),
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
    },
  }
}

/** The directory of a static pod has the hash of its file, which its mirror has as an annotation. */
function podOf(
  pods: ReadonlyMap<string, PodObject>,
  names: Readonly<Record<string, string>>,
): PodObject | undefined {
  const { uid = '', pod: name, namespace } = names
  const known = pods.get(uid)
  if (known !== undefined) return known
  for (const pod of pods.values()) {
    const { annotations = {} } = pod.metadata as { annotations?: Record<string, string> }
    const isMirror = annotations['kubernetes.io/config.hash'] === uid
    if (isMirror && pod.metadata.name === name && pod.metadata.namespace === namespace) return pod
  }
  return undefined
}
